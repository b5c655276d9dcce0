"""Digits: MNIST's own format, and images as people make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up import DatasetFiles
from PIL import Image, ImageDraw, ImageFont

import zoo
from zoo_vision.digits import Digit


def test_arrays_are_scaled_and_nothing_else() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
    before = pixels.copy()
    tensors, errors = Digit().many(pixels)
    assert tensors.dtype == np.float32
    np.testing.assert_array_equal(tensors, (pixels / 255).astype(np.float32))
    assert errors == [None] * 5
    np.testing.assert_array_equal(pixels, before)
    assert Digit(channel=True).many(pixels)[0].shape == (5, 28, 28, 1)
    np.testing.assert_array_equal(Digit().one(pixels[2]), tensors[2])


def seven(ink: int, paper: int, size: int = 200) -> Image.Image:
    picture = Image.new("L", (size, size + 40), paper)
    draw = ImageDraw.Draw(picture)
    draw.line([(40, 60), (120, 60), (70, 180)], fill=ink, width=14)
    return picture


def printed(label: str) -> Image.Image:
    picture = Image.new("L", (200, 240), 255)
    font = ImageFont.load_default(180)
    ImageDraw.Draw(picture).text((100, 120), label, fill=0, font=font, anchor="mm")
    return picture


def test_black_on_white_becomes_white_on_black_in_the_middle(tmp_path: Path) -> None:
    seven(0, 255).save(tmp_path / "seven.png")
    tensor = Digit().one(tmp_path / "seven.png")
    assert tensor.shape == (28, 28)
    assert tensor[0].max() == 0  # the border is background
    ink = np.argwhere(tensor > 0.5)
    height = int(ink[:, 0].max() - ink[:, 0].min()) + 1
    assert 18 <= height <= 20
    rows, columns = np.indices(tensor.shape)
    centre = [(tensor * places).sum() / tensor.sum() for places in (rows, columns)]
    assert centre == pytest.approx([13.5, 13.5], abs=1)
    np.testing.assert_array_equal(Digit().one(seven(255, 0)), tensor)


def test_what_holds_no_digit() -> None:
    good = np.zeros((28, 28), np.uint8)
    blank = Image.new("L", (50, 50), 255)
    tensors, errors = Digit().many([good, blank, "missing.png"])
    assert len(tensors) == 1
    assert [error and error.kind for error in errors] == [None, "no-digit", "not-found"]


def test_a_trained_model_reads_a_picture(dataset_files: DatasetFiles, tmp_path: Path) -> None:
    from zoo.data import datasets
    from zoo.registry.registry import registry

    (file,) = dataset_files("mnist")
    entry = registry().datasets.find("mnist")
    assert datasets.add(entry, file).path is not None
    rows = datasets.load_dataset(entry)["test"]
    real = len(rows) == 10_000
    few = {} if real else {"batch_size": 32, "settings": ["hidden=[64]"]}
    run = zoo.train("mlp-mnist", epochs=2 + len(few), seed=1, output=tmp_path / "run", **few)
    assert set(run.metrics) == {"train", "test"}
    assert run.metrics["test"]["accuracy"] > 0.94
    results = run.model.classify(list(rows.inputs[:50]), top=1)
    right = sum(
        r.predictions[0].label == str(y) for r, y in zip(results, rows.labels, strict=False)
    )
    assert right >= 45
    best = run.model.classify(seven(0, 255) if real else printed("7"))[0].predictions[0]
    assert best.label == "7"


@pytest.mark.parametrize(
    ("name", "parameters"), [("mlp-mnist", 269_322), ("cnn-mnist", 80_266), ("rnn-mnist", 75_530)]
)
def test_parameters(name: str, parameters: int) -> None:
    from zoo.backend.network import build

    model = zoo.get_model(name, weights=None)
    network = build(model.architecture(), initialise=False)
    assert network.count_params() == model.spec.parameters == parameters


def test_other_networks_for_pictures() -> None:
    from zoo_vision.cnn import cnn

    network = cnn((250, 250, 3), 2, filters=[32, 32], kernels=[5, 3], strides=[2, 1], pools=[1, 3])
    assert network.output_shape == (None, 2)
    with pytest.raises(ValueError, match="kernels must be one positive number, or 2 of them"):
        cnn((28, 28, 1), 2, filters=[8, 8], kernels=[3])


def test_a_pool_of_one_is_no_layer() -> None:
    """A layer that does nothing would still be in every weights file's layout and diagram."""
    from zoo_vision.cnn import cnn

    names = [layer.name for layer in cnn((16, 16, 1), 3, filters=[2, 2, 2], pools=[2, 1, 2]).layers]
    assert [name for name in names if name.startswith("pool")] == ["pool_1", "pool_3"]
