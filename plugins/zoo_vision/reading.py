"""Read raw input (path, bytes, Pillow image, array) as an upright RGB image.

Files are not trusted: only six formats are opened, the size is checked before anything is decoded,
and whatever the decoder raises becomes the `InputError` of that one input.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from zoo import InputError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""No others are opened: Pillow also reads formats that run programs or are barely maintained."""

MAX_PIXELS = 100_000_000
"""Maximum number of pixels of an image: 300 MB as RGB."""

MAX_BYTES = 512 * 1024 * 1024
"""Maximum size of a file in bytes; an uncompressed image of `MAX_PIXELS` fits."""

SIGNATURES = (b"BM", b"GIF8", b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"RIFF")
"""First bytes of files in those formats: they distinguish a damaged image from another file."""

ORIENTATION = 0x0112
UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""EXIF orientation to the operation that makes the image upright."""

QUARTER_TURNS = (5, 6, 7, 8)

_filters_lock = threading.Lock()


class Photo(NamedTuple):
    """An image as people see it: upright, 8-bit RGB, transparent parts on white.

    Attributes
    ----------
    image
        The decoded pixels.
    scale
        How many times smaller than the original it was decoded: 1, 2, 4 or 8.
    size
        Width and height of the original, in pixels.
    """

    image: Pillow.Image
    scale: int
    size: tuple[int, int]


def read_photo(raw: Any, max_scale: Callable[[int, int], float] | None = None) -> Photo:
    """Read an image.

    Parameters
    ----------
    raw
        Path, bytes of a file, Pillow image, or uint8 array (height, width, 3). Not changed.
        The first frame of an animation is read.
    max_scale
        Returns how many times smaller an image of a given width and height may be decoded, which
        is faster for a JPEG. Without it, images are decoded at full size.

    Raises
    ------
    InputError
        If it cannot be read; ``kind`` is one of ``"not-found"``, ``"unreadable"``, ``"empty"``,
        ``"not-an-image"``, ``"bad-image"``, ``"too-large"``, ``"wrong-type"``, ``"wrong-shape"``.
    """
    if isinstance(raw, np.ndarray):
        return _full_size(_from_array(raw))
    if isinstance(raw, Pillow.Image):
        return _full_size(_load_rgb(raw, "the Pillow image"))
    if isinstance(raw, bytes | bytearray | memoryview):
        data = bytes(raw)
        return _decode(data, f"the input of {len(data):,} bytes", max_scale)
    if isinstance(raw, str | Path):
        return _decode(_file_bytes(raw), repr(str(raw)), max_scale)
    msg = f"expected a path, bytes, a Pillow image or an array, received {type(raw).__name__}"
    raise InputError(msg, kind="wrong-type")


def read_rgb(raw: Any) -> Pillow.Image:
    """Return an image at full size; see `read_photo`."""
    return read_photo(raw).image


def _full_size(image: Pillow.Image) -> Photo:
    return Photo(image, 1, image.size)


def _from_array(array: np.ndarray[Any, Any]) -> Pillow.Image:
    if array.dtype != np.uint8:
        msg = f"expected an array of uint8 (pixels of 0 to 255), received {array.dtype}"
        raise InputError(msg, kind="wrong-type")
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        msg = f"expected an array of shape (height, width, 3), received {array.shape}"
        raise InputError(msg, kind="wrong-shape")
    _check_size(array.shape[1], array.shape[0], "the array")
    return Pillow.fromarray(np.ascontiguousarray(array))


def _file_bytes(path: str | Path) -> bytes:
    """Return the bytes of a regular file; reading a pipe or a device might never end."""
    try:
        with open(path, "rb", opener=_open_nonblocking) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                msg = f"{str(path)!r} is not a regular file, expected an image file"
                raise InputError(msg, kind="unreadable")
            if status.st_size > MAX_BYTES:
                msg = f"{str(path)!r} has {status.st_size:,} bytes, expected at most {MAX_BYTES:,}"
                raise InputError(msg, kind="too-large")
            return file.read()
    except FileNotFoundError:
        msg = f"{str(path)!r} does not exist, expected an image file"
        raise InputError(msg, kind="not-found") from None
    except IsADirectoryError:
        msg = f"{str(path)!r} is a folder, expected an image file"
        raise InputError(msg, kind="unreadable") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"{str(path)!r} cannot be read: {reason[:1].lower()}{reason[1:]}"
        raise InputError(msg, kind="unreadable") from None


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode(data: bytes, what: str, max_scale: Callable[[int, int], float] | None) -> Photo:
    if not data:
        msg = f"{what} is empty, expected an image"
        raise InputError(msg, kind="empty")
    try:
        with _silence_pillow():
            image = Pillow.open(io.BytesIO(data), formats=FORMATS)
    except Pillow.DecompressionBombError:
        raise _size_error(what, "") from None
    except Exception as error:
        if isinstance(error, UnidentifiedImageError) and not data.startswith(SIGNATURES):
            msg = f"{what} is not an image, expected one of {', '.join(FORMATS)}"
            raise InputError(msg, kind="not-an-image") from None
        raise _damage_error(what, error) from None
    with image:
        _check_size(*image.size, what)
        if max_scale is None or image.format != "JPEG":
            return _full_size(_load_rgb(image, what))
        turn = _orientation(image)
        width, height = image.size
        upright = (height, width) if turn in QUARTER_TURNS else (width, height)
        allowed = max_scale(*upright)
        # A side not divisible by the scale ends in part of a pixel; turning would put it first.
        fits = [s for s in (8, 4, 2) if turn not in UPRIGHT or width % s == height % s == 0]
        scale = next((scale for scale in fits if scale <= allowed), 1)
        if image.draft(None, (width // scale, height // scale)) is None:
            scale = 1  # not every file allows it
        return Photo(_load_rgb(image, what), scale, upright)


def _load_rgb(image: Pillow.Image, what: str) -> Pillow.Image:
    """Decode the pixels of an opened image, upright and as RGB."""
    _check_size(*image.size, what)
    try:
        # Decoding takes most of the time and runs in parallel; only the parts that may warn (TIFF
        # tags, EXIF) take turns.
        if image.format == "TIFF":
            with _silence_pillow():
                image.load()
        else:
            image.load()
        turn = UPRIGHT.get(_orientation(image))
        rgb = _to_rgb(image, what)
        return rgb.transpose(turn) if turn is not None else rgb
    except InputError:
        raise
    except Exception as error:
        raise _damage_error(what, error) from None


def _orientation(image: Pillow.Image) -> int:
    try:
        with _silence_pillow():
            value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF does not make the image unusable
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Pillow.Image, what: str) -> Pillow.Image:
    if image.mode.startswith("I"):
        image = _to_eight_bits(image, what)
    if image.mode == "F":
        msg = f"{what} has floating-point pixels, expected 8 or 16 bits per channel"
        raise InputError(msg, kind="bad-image")
    if image.has_transparency_data:
        opaque = Pillow.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    # Always a copy: changes to it must not reach the caller's image.
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Pillow.Image, what: str) -> Pillow.Image:
    """Return 16-bit greys as 8-bit ones; Pillow's own conversion clips them at 255."""
    greys = np.asarray(image)
    if greys.min() < 0 or greys.max() > 65535:
        msg = f"{what} has 32-bit pixels, expected 8 or 16 bits per channel"
        raise InputError(msg, kind="bad-image")
    return Pillow.fromarray(((greys.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _check_size(width: int, height: int, what: str) -> None:
    if width * height > MAX_PIXELS:
        raise _size_error(what, f"{width} x {height} pixels, ")


def _size_error(what: str, received: str) -> InputError:
    million = MAX_PIXELS // 1_000_000
    return InputError(f"{what} has {received}more than {million} million pixels", kind="too-large")


def _damage_error(what: str, error: Exception) -> InputError:
    lines = str(error).splitlines()
    reason = lines[0].strip()[:200] if lines else type(error).__name__
    if isinstance(error, UnidentifiedImageError):  # its message is the address of a buffer
        reason = "its start is missing or corrupt"
    return InputError(f"{what} is a damaged image: {reason}", kind="bad-image")


@contextmanager
def _silence_pillow() -> Iterator[None]:
    """Silence Pillow's warnings; a real fault still raises, and becomes the input's error.

    Python's warning filters are global, so threads take turns.
    """
    with _filters_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
