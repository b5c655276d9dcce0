"""Files that keep a decoder busy are refused; what cameras and programs write is not."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile import (
    WORK,
    encoded,
    many_scans,
    many_strips,
    more_segments,
    png,
    run_length_bmp,
    segment,
)
from hostile import tiff as tiff_of
from PIL import Image, features

from zoo import InputError
from zoo.errors import UsageError
from zoo_vision import limits
from zoo_vision.digits import Digit
from zoo_vision.image import Image as Photos
from zoo_vision.reading import read_rgb


def noise(height: int, width: int) -> Image.Image:
    """An image that no format can make small."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("kind", WORK)
def test_a_file_of_too_much_work_is_refused(kind: str, tmp_path: Path) -> None:
    make, told = WORK[kind]
    path = tmp_path / "a.png"
    path.write_bytes(make())
    with pytest.raises(InputError) as caught:
        read_rgb(path)
    assert (caught.value.kind, caught.value.message) == ("too-large", f"{str(path)!r} {told}")


@pytest.mark.parametrize("kind", ["runs", "scans", "EXIF", "strips"])
def test_so_are_its_bytes(kind: str) -> None:
    make, told = WORK[kind]
    data = make()
    with pytest.raises(InputError) as caught:
        read_rgb(data)
    assert caught.value.message == f"the input of {len(data):,} bytes {told}"


def test_a_file_of_too_much_work_is_one_record(cli, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(WORK["scans"][0]())
    Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
    done = cli("classify", "a.jpg", "b.png", "--format", "jsonl")
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert first["error"] == {"kind": "too-large", "message": f"'a.jpg' {WORK['scans'][1]}"}
    assert second["error"] is None
    assert done.status == 1


def test_exif_that_is_too_long_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = tiff_of((0x0112, 3, 1, 6))
    data = encoded(Image.new("RGB", (9, 5)), "PNG", exif=turned)
    assert read_rgb(data).size == (5, 9)
    monkeypatch.setattr(limits, "MAX_EXIF", 10)
    assert read_rgb(data).size == (9, 5)


# What is not refused


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_large_jpeg(mode: str, progressive: bool) -> None:
    image = Image.new(mode, (4000, 3000), 90 if mode == "L" else (90, 60, 30, 9)[: len(mode)])
    assert read_rgb(encoded(image, "JPEG", progressive=progressive)).size == image.size


def test_a_jpeg_with_all_that_cameras_and_programs_add() -> None:
    profile = bytes(3_000_000)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera" * 9000
    data = encoded(noise(64, 48), "JPEG", icc_profile=profile, exif=exif, comment=b"c" * 60_000)
    depth = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"x" * 65_000)
    further = segment(0xE1, b"Exif\0\0" + bytes(60_000))
    more = [*[depth] * 250, segment(0xED, b"Photoshop 3.0\0"), further]
    data = data[:2] + b"".join(more) + b"\xff" * 300 + data[2:] + b"\xff\xda" * 20_000
    assert read_rgb(data).size in ((64, 48), (48, 64))


def test_several_scans_that_are_usual() -> None:
    assert read_rgb(many_scans(1000, 900, 20)).size == (1000, 900)
    assert read_rgb(encoded(noise(300, 400), "JPEG", quality=100, progressive=True)).size


def test_several_images_in_a_jpeg() -> None:
    buffer = io.BytesIO()
    noise(50, 60).save(buffer, "MPO", save_all=True, append_images=[noise(50, 60)] * 3)
    assert read_rgb(buffer.getvalue()).size == (60, 50)


@pytest.mark.parametrize("size", [100, 8192, 32768])
def test_a_png_in_thousands_of_chunks(size: int) -> None:
    image = noise(700, 800)
    rows = np.asarray(image).reshape(700, -1)
    pixels = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1)
    parts = [(b"IDAT", pixels[i : i + size]) for i in range(0, len(pixels), size)]
    np.testing.assert_array_equal(read_rgb(png(800, 700, *parts)), image)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_tiff_in_thousands_of_strips(compression: str, tmp_path: Path) -> None:
    if not features.check("libtiff"):
        pytest.skip("needs libtiff")
    image = noise(5000, 20)
    path = tmp_path / "a.tif"
    image.save(path, compression=compression, strip_size=60, icc_profile=bytes(2_000_000))
    with Image.open(path) as opened:
        assert len(opened.tag_v2[273]) == 5000
    for raw in (path, path.read_bytes()):
        np.testing.assert_array_equal(read_rgb(raw), image)


def test_an_uncompressed_tiff_in_thousands_of_strips() -> None:
    assert read_rgb(many_strips(3000, 3000)).size == (3000, 3000)


def test_a_tiff_in_tiles() -> None:
    """100 x 100 tiles of 16 x 16, uncompressed; the last of each row reach beyond the image."""
    side, tile, count = 1590, 16, 100
    start = 8 + 2 + 12 * 9 + 4
    places = start + 4 * count * count
    entries = (
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (322, 4, 1, tile), (323, 4, 1, tile), (324, 4, count * count, start), (325, 4, 1, 256),
    )  # fmt: skip
    addresses = [places + 256 * number for number in range(count * count)]
    pixels = np.random.default_rng(0).integers(0, 256, (count * count, tile, tile), np.uint8)
    data = tiff_of(*entries) + struct.pack(f"<{len(addresses)}I", *addresses) + pixels.tobytes()
    whole = pixels.reshape(count, count, tile, tile).swapaxes(1, 2).reshape(1600, 1600)
    np.testing.assert_array_equal(np.asarray(read_rgb(data))[..., 0], whole[:side, :side])


def test_a_run_length_encoded_bmp() -> None:
    side = 700
    runs = b"".join(bytes([1, grey % 251]) for grey in range(side)) + b"\0\0"
    pixels = np.asarray(read_rgb(run_length_bmp(side, side, runs * side + b"\0\1")))
    assert (pixels[..., 0] == np.arange(side) % 251).all()


def test_a_gif_of_many_blocks() -> None:
    buffer = io.BytesIO()
    frames = [noise(400, 400).convert("L") for _ in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert read_rgb(buffer.getvalue()).size == (400, 400)


def test_segments_within_the_limits() -> None:
    assert read_rgb(more_segments(*[segment(0xFE, b"a")] * 9000)).size == (16, 16)


# The setting


@pytest.mark.parametrize("value", ["1e6", "abc", "-5", "0", "10.5"])
def test_a_maximum_of_pixels_that_is_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_MAX_PIXELS", value)
    told = f"ZOO_MAX_PIXELS is '{value}'; give a number of pixels, such as 100000000"
    for part in (Photos, Digit):
        with pytest.raises(UsageError) as caught:
            part()
        assert str(caught.value) == told


def test_it_ends_a_command_that_reads_images(cli, monkeypatch, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setenv("ZOO_MAX_PIXELS", "1e6")
    done = cli("classify", "a.png", "--format", "jsonl")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "zoo: ZOO_MAX_PIXELS is '1e6'; give a number of pixels, such as 100000000\n"
    )
    assert cli("list").status == 0
    assert cli("classify", "a.png", "--max-pixels", "1200").status == 0


def test_an_empty_maximum_of_pixels_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_MAX_PIXELS", "")
    assert limits.max_pixels() == limits.MAX_PIXELS
