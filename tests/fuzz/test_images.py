"""Images with any damage: an `InputError` of that image, or an upright RGB picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fuzzing import check_message, corpus, mutated, watched
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zoo
from zoo_vision.reading import FORMATS, read_photo


def encode(form: str, mode: str = "RGB", **options: Any) -> bytes:
    picture = Image.radial_gradient("L").resize((24, 16)).convert(mode)
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


SEEDS = [
    *(encode(form) for form in FORMATS),
    encode("PNG", "P"), encode("PNG", "LA"), encode("PNG", "I;16"), encode("PNG", "1"),
    encode("JPEG", "CMYK"), encode("JPEG", exif=turned(), progressive=True),
    encode("TIFF", compression="tiff_lzw"), encode("TIFF", "L", compression="tiff_deflate"),
    encode("WEBP", lossless=True),
    encode("GIF", save_all=True, append_images=[Image.new("L", (5, 5))]),
]  # fmt: skip
TOKENS = (b"\xff\xd9", b"\xff\xc0", b"IDAT", b"IHDR", b"iCCP", b"zTXt", b"\xff" * 4, b"\0" * 4,
          b"II*\0", b"RIFF", b"Exif\0\0")  # fmt: skip


def read(content: bytes) -> None:
    for scale in (None, lambda width, height: 8.0):
        try:
            with watched():
                photo = read_photo(content, scale)
        except zoo.InputError as error:
            check_message(error)
        else:
            assert photo.image.mode == "RGB"
            assert min(photo.image.size) > 0


@given(content=mutated(SEEDS, TOKENS) | st.binary(max_size=200))
def test_any_image(content: bytes) -> None:
    read(content)


@pytest.mark.parametrize("path", corpus("images"))
def test_kept_cases(path: Path) -> None:
    read(path.read_bytes())
