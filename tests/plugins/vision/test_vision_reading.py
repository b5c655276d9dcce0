"""Photos of every mode, format and orientation become RGB; malicious ones become one error."""

from __future__ import annotations

import io
import os
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo import InputError
from zoo_vision import photo, reading
from zoo_vision.photo import Budget, Photo
from zoo_vision.reading import read_rgb


def gradient(height: int = 40, width: int = 60) -> Image.Image:
    """A picture whose four corners differ, smooth enough to survive lossy formats."""
    y, x = np.mgrid[0:height, 0:width]
    channels = (255 * x / (width - 1), 255 * y / (height - 1), np.full_like(x, 60))
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def refused(raw: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_rgb(raw)
    assert "\n" not in caught.value.message
    return caught.value


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_of_size(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", pixels)
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("format_", reading.FORMATS)
def test_every_format_is_read(format_: str, tmp_path: Path) -> None:
    data = encoded(gradient(), format_)
    path = tmp_path / "photo"
    path.write_bytes(data)
    for raw in (data, bytearray(data), memoryview(data), path, str(path)):
        picture = read_rgb(raw)
        assert (picture.mode, picture.size) == ("RGB", (60, 40))
        difference = np.asarray(picture).astype(int) - np.asarray(gradient())
        assert np.abs(difference).mean() < 20  # GIF has 256 colours


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 100, (100, 100, 100)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (100, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("YCbCr", (128, 128, 128), (128, 128, 128)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 40, (40, 40, 40)),
        ("I", 257 * 40, (40, 40, 40)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, value: Any, expected: tuple[int, int, int]) -> None:
    picture = read_rgb(Image.new(mode, (4, 3), value))
    assert picture.mode == "RGB"
    assert picture.getpixel((1, 1)) == expected


def test_palettes_and_their_transparency() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0)).convert("P")
    assert read_rgb(encoded(red, "PNG")).getpixel((0, 0)) == (255, 0, 0)
    index = red.getpixel((0, 0))
    assert read_rgb(encoded(red, "PNG", transparency=index)).getpixel((0, 0)) == (255, 255, 255)
    alphas = bytes([0] * 256)  # one alpha for each colour: Pillow warns when asked for RGB
    assert read_rgb(encoded(red, "PNG", transparency=alphas)).getpixel((0, 0)) == (255, 255, 255)


def test_grey_png_of_16_bits_is_scaled_and_not_clipped() -> None:
    greys = np.array([[0, 257, 32896, 65535]], np.uint16)
    picture = read_rgb(encoded(Image.fromarray(greys), "PNG"))
    assert np.asarray(picture)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for format_ in ("GIF", "PNG", "WEBP", "TIFF"):
        options: dict[str, Any] = {"lossless": True} if format_ == "WEBP" else {}
        data = encoded(frames[0], format_, save_all=True, append_images=frames[1:], **options)
        assert read_rgb(data).getpixel((0, 0)) == (255, 0, 0), format_


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(format_: str, orientation: int) -> None:
    upright = np.asarray(gradient()).astype(int)
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    stored = Image.fromarray(np.ascontiguousarray(undo(np.asarray(gradient()))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_rgb(encoded(stored, format_, exif=exif))
    assert picture.size == (60, 40)
    assert np.abs(np.asarray(picture) - upright).mean() < 6


def test_broken_exif_does_not_cost_the_picture() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x01\x02")
    assert read_rgb(data).size == (60, 40)


def test_given_images_and_arrays_are_not_changed() -> None:
    array = np.asarray(gradient()).copy()
    array.flags.writeable = False
    before = array.copy()
    image = gradient()
    read_rgb(image).putpixel((0, 0), (9, 9, 9))
    read_rgb(array).putpixel((0, 0), (9, 9, 9))
    assert (np.asarray(image) == before).all()
    assert (array == before).all()
    flipped = array[::-1]  # not contiguous
    assert (np.asarray(read_rgb(flipped)) == flipped).all()


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.zeros((4, 4, 3), np.float32), "wrong-type"),
        (np.zeros((4, 4, 3), np.int64), "wrong-type"),
        (np.zeros((4, 4), np.uint8), "wrong-shape"),
        (np.zeros((4, 4, 4), np.uint8), "wrong-shape"),
        (np.zeros((1, 4, 4, 3), np.uint8), "wrong-shape"),
        (np.zeros((0, 4, 3), np.uint8), "wrong-shape"),
    ],
)
def test_wrong_arrays(array: np.ndarray[Any, Any], kind: str) -> None:
    error = refused(array)
    assert error.kind == kind
    assert str(array.dtype if kind == "wrong-type" else array.shape) in error.message


def test_other_things_are_refused() -> None:
    assert refused(42).kind == "wrong-type"
    assert refused(None).kind == "wrong-type"
    assert refused(Image.new("F", (4, 4))).kind == "bad-image"
    assert refused(Image.new("I", (4, 4), 1_000_000)).kind == "bad-image"


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent.png").kind == "not-found"
    assert refused(tmp_path).kind == "unreadable"
    assert refused("a\0b.png").kind == "unreadable"
    assert refused(tmp_path / ("x" * 5000)).kind == "unreadable"
    message = refused(tmp_path / "\x1b[31mred.png").message
    assert "\x1b" not in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").kind == "unreadable"


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(b"")
    path.chmod(0)
    assert refused(path).kind == "unreadable"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"hello, this is text", "not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not-an-image"),
        (b"P6 2 2 255\n" + b"\0" * 12, "not-an-image"),
        (b"\x89PNG\r\n\x1a\n", "bad-image"),
        (b"\xff\xd8\xff", "bad-image"),
        (b"GIF89a", "bad-image"),
        (b"BM" + b"\xff" * 60, "bad-image"),
        (b"II*\0\xff\xff\xff\x7f", "bad-image"),
        (b"MM\0*\0\0\0\x08\0\x01\x01\0", "bad-image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "bad-image"),
        (png_of_size(0, 0), "bad-image"),
        (png_of_size(10, 10), "bad-image"),  # pixels cut off
        (png_of_size(9_500, 9_500), "bad-image"),  # Pillow warns at this size
        (png_of_size(11_000, 11_000), "too-large"),
        (png_of_size(2**31 - 1, 2**31 - 1), "too-large"),
    ],
)
def test_evil_files(data: bytes, kind: str, tmp_path: Path) -> None:
    assert refused(data).kind == kind
    path = tmp_path / "evil.png"
    path.write_bytes(data)
    assert refused(path).kind == kind


@pytest.mark.parametrize("format_", reading.FORMATS)
def test_damaged_files_never_end_the_job(format_: str) -> None:
    data = encoded(gradient(), format_)
    rng = np.random.default_rng(0)
    for cut in (len(data) // 4, len(data) // 2, len(data) - 30):
        assert refused(data[:cut]).kind == "bad-image"
    for _ in range(60):
        damaged = bytearray(data)
        for position in rng.integers(4, len(data), 8):
            damaged[position] = rng.integers(256)
        outcome = _outcome(bytes(damaged))
        assert isinstance(outcome, bytes) or outcome in ("bad-image", "too-large", "not-an-image")


def test_huge_files_and_pictures_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(reading.MAX_BYTES + 1)
    assert refused(path).kind == "too-large"
    monkeypatch.setenv("ZOO_MAX_PIXELS", "100")
    assert refused(gradient()).kind == "too-large"
    assert refused(np.zeros((11, 10, 3), np.uint8)).kind == "too-large"


def test_many_threads_at_once() -> None:
    files = [encoded(gradient(), format_) for format_ in reading.FORMATS] + [b"text", b"\x89PNG"]
    expected = [_outcome(data) for data in files]
    wrong: list[Any] = []

    def work() -> None:
        wrong.extend(data[:8] for data, good in zip(files, expected, strict=True)
                     for _ in range(5) if _outcome(data) != good)  # fmt: skip

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _outcome(data: bytes) -> bytes | str:
    try:
        return read_rgb(data).tobytes()
    except InputError as error:
        return error.kind


def test_exif_that_pillow_cannot_read_does_not_cost_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(image: Image.Image) -> None:
        msg = "not a TIFF file"
        raise SyntaxError(msg)

    data = encoded(gradient(), "JPEG")
    monkeypatch.setattr(Image.Image, "getexif", broken)
    assert read_rgb(data).size == (60, 40)


@pytest.mark.parametrize("turn", [None, *Image.Transpose])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "I;16", "RGBA", "CMYK"])
def test_a_part_of_a_photo_is_that_part_of_all_of_it(mode: str, turn: Image.Transpose) -> None:
    rng = np.random.default_rng(0)
    if mode == "I;16":
        stored = Image.fromarray(rng.integers(0, 65536, (11, 17)).astype(np.uint16))
    else:
        image = Image.fromarray(rng.integers(0, 256, (11, 17, 3)).astype(np.uint8))
        stored = image.convert(mode)
        if mode == "RGBA":
            stored.putalpha(image.convert("L"))
    upright = stored.transpose(turn) if turn is not None else stored
    expected = np.asarray(Photo(upright).image)
    found = Photo(stored, turn)
    assert found.size == upright.size
    np.testing.assert_array_equal(found.image, expected)
    np.testing.assert_array_equal(found.crop((2, 3, 9, 8)), expected[3:8, 2:9])
    strips = list(found.strips((1, 2, 10, 10), pixels=30))
    assert [start for start, _ in strips] == [0, 3, 6]
    np.testing.assert_array_equal(np.concatenate([s for _, s in strips]), expected[2:10, 1:10])


def test_what_threads_hold_at_once_is_bounded() -> None:
    budget = Budget(100)
    held: list[int] = []
    most: list[list[int]] = []

    def work(count: int) -> None:
        for _ in range(20):
            budget.take(count)
            held.append(count)
            most.append(list(held))
            time.sleep(0.0005)
            held.remove(count)
            budget.give(count)

    threads = [threading.Thread(target=work, args=(count,)) for count in (30, 40, 60, 90, 250)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 100
    assert all(sum(counts) <= 100 or counts == [250] for counts in most)
    assert any(len(counts) > 1 for counts in most)


def test_an_image_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder of WebP takes several times as much as the others."""
    monkeypatch.setenv("ZOO_MAX_PIXELS", "2400")
    assert read_rgb(encoded(gradient(), "PNG")).size == (60, 40)
    error = refused(encoded(gradient(), "WEBP"))
    assert error.kind == "too-large"
    assert "bytes of memory to decode, expected at most 21,600" in error.message


def test_memory_is_returned_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo.budget, "_limit", 1)  # a byte kept would block the next
    for data in (encoded(gradient(), "PNG"), encoded(gradient(), "TIFF")[:-100], b"\x89PNG") * 2:
        _outcome(data)
    assert photo.budget._used == 0
