"""The image preprocessor: how an image is cropped, resized and scaled."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from places import IMAGES, MUG

import zoo
from zoo import InputError
from zoo_vision.image import SCALINGS, Image
from zoo_vision.photo import Photo
from zoo_vision.reading import read_photo


def noise(height: int, width: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "rocket.jpg"])
def test_the_golden_pixels(name: str) -> None:
    golden = np.load(IMAGES / "lite0_golden.npz")
    pixels = Image(size=224).pixels(IMAGES / name)
    assert pixels.dtype == np.uint8
    difference = pixels.astype(int) - golden[f"{name.partition('.')[0]}_input_u8"]
    assert np.abs(difference).max() <= 1  # decoders may round differently


def test_shape_and_type() -> None:
    image = Image(size=[20, 30], mode="tf")
    assert image.shape == (20, 30, 3)
    assert image.kind == "image"
    tensor = image.one(noise(50, 40))
    assert tensor.shape == (20, 30, 3)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert image.state() == {}


def test_middle_of_the_picture() -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = 255  # the middle square
    assert (Image(size=40, crop=1.0).pixels(wide) == 255).all()
    assert (Image(size=40, crop=1.0).pixels(wide.swapaxes(0, 1)) == 255).all()
    assert Image(size=40, resize="squash").pixels(wide).min() == 0


def test_squash_is_what_keras_does() -> None:
    array = noise(50, 70)
    mine = Image(size=32, resize="squash", interpolation="nearest").pixels(array)
    theirs = Pillow.fromarray(array).resize((32, 32), Pillow.Resampling.NEAREST)
    assert (mine == np.asarray(theirs)).all()


@pytest.mark.parametrize("photo", [MUG, IMAGES / "coffee.png", IMAGES / "rocket.jpg"])
def test_the_settings_of_the_published_figure_are_the_steps_of_its_source(photo: Path) -> None:
    """`load_img`, `img_to_array` and `preprocess_input`, as the figure of vgg16 was published."""
    import keras

    (figure,) = zoo.get_spec("vgg16").figures
    mine = zoo.get_model("vgg16", settings=figure.settings).preprocessor.one(photo)
    loaded = keras.utils.img_to_array(keras.utils.load_img(photo, target_size=(224, 224)))
    assert (mine == keras.applications.vgg16.preprocess_input(loaded)).all()


def test_a_fitting_picture_is_left_as_it_is() -> None:
    array = noise(32, 32)
    assert (Image(size=32, crop=1.0).pixels(array) == array).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (2, 3)])
def test_tiny_and_narrow_pictures(height: int, width: int) -> None:
    assert Image(size=[8, 16]).one(noise(height, width)).shape == (8, 16, 3)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("raw", [0, 128, 255]),
        ("unit", [0, 128 / 255, 1]),
        ("tf", [-1, 128 / 127.5 - 1, 1]),
        ("centred", [-1, 0, 255 / 128 - 1]),
        ("lite", [-127 / 128, 1 / 128, 1]),
        ("torch", [-0.485 / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("caffe", [255 - 103.939, 128 - 116.779, 0 - 123.68]),
    ],
)
def test_modes(mode: Any, expected: list[float]) -> None:
    array = np.full((8, 8, 3), (0, 128, 255), np.uint8)
    before = array.copy()
    tensor = Image(size=8, mode=mode).one(array)
    np.testing.assert_allclose(tensor[3, 3], expected, rtol=1e-5, atol=1e-5)
    assert (array == before).all()


def test_every_mode_is_tested() -> None:
    assert set(SCALINGS) == {"raw", "unit", "tf", "centred", "lite", "torch", "caffe"}


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"size": 0}, "0"),
        ({"size": [1, 2, 3]}, "[1, 2, 3]"),
        ({"size": []}, "[]"),
        ({"crop": 0.0}, "0.0"),
        ({"crop": 1.5}, "1.5"),
        ({"crop": float("nan")}, "nan"),
        ({"mode": "theano"}, "theano"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], received: str) -> None:
    with pytest.raises(ValueError, match="received") as caught:
        Image(**options)
    assert received in str(caught.value)


def test_a_bad_photo_costs_one_record() -> None:
    tensors, errors = Image(size=8).many([noise(9, 9), b"no photo", noise(9, 9)])
    assert tensors.shape == (2, 8, 8, 3)
    assert [type(error) for error in errors] == [type(None), InputError, type(None)]


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
@pytest.mark.parametrize(("scale", "extra"), [(2, 0), (4, 0), (8, 0), (4, 3)])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(
    scale: int, extra: int, turn: int
) -> None:
    """A pixel differs by a few of 255 levels, as it does between two decoders."""
    side = 72 * scale * 2
    photo = Pillow.open(MUG).convert("RGB").resize((side * 3 // 2 + extra, side + extra))
    exif = Pillow.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=90, exif=exif)
    image = Image(size=56)
    found = read_photo(file.getvalue(), image._max_scale)
    # Part of a pixel must not come first, where the photo is turned.
    assert found.scale == (scale if turn == 1 or not extra else 1)
    whole = read_photo(file.getvalue())
    assert found.size == whole.size == whole.image.size
    with_draft = image.pixels(file.getvalue()).astype(int)
    image._max_scale = lambda *_: 1.0
    difference = np.abs(with_draft - image.pixels(file.getvalue()).astype(int))
    assert difference.mean() < 0.5
    assert difference.max() < 16


def test_single_pixels_are_not_spared() -> None:
    assert Image(size=8, interpolation="nearest")._max_scale(4000, 3000) == 1.0
    assert Image(size=8, resize="squash")._max_scale(80, 32) == 2.0


@pytest.mark.parametrize("interpolation", ["nearest", "box", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(300, 200), (97, 211), (40, 40)])
def test_strips_give_what_the_whole_gives(
    monkeypatch: pytest.MonkeyPatch, interpolation: Any, size: tuple[int, int]
) -> None:
    array = noise(*size)
    image = Image(size=[33, 40], interpolation=interpolation)
    whole = image.pixels(array)
    left, top, right, bottom = image._crop_box(size[1], size[0])
    part = Pillow.fromarray(array).crop((left, top, right, bottom))
    direct = part.resize((40, 33), Pillow.Resampling[interpolation.upper()])
    np.testing.assert_array_equal(whole, direct)
    monkeypatch.setattr(Photo.strips, "__defaults__", (500,))
    np.testing.assert_array_equal(image.pixels(array), direct)
