"""Read raw input (path, bytes, Pillow image, array) as an upright RGB image.

Files are not trusted: only six formats are opened, the size is checked before anything is decoded,
and whatever the decoder raises becomes the `InputError` of that one input.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError, _imaging

from zoo import InputError
from zoo_vision.limits import (
    CountedBytes,
    CountedFile,
    check_start,
    check_work,
    has_usable_exif,
    max_pixels,
)
from zoo_vision.photo import SWAPPING, UPRIGHT, Photo, budget

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""No others are opened: Pillow also reads formats that run programs or are barely maintained."""

BYTES_PER_PIXEL = 9
"""Bytes of memory that decoding may take for each of the maximum number of pixels."""

MAX_BYTES = 512 * 1024 * 1024
"""Maximum size of a file in bytes; an uncompressed image of `MAX_PIXELS` fits."""

SIGNATURES = (b"BM", b"GIF8", b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"RIFF")
"""First bytes of files in those formats: they distinguish a damaged image from another file."""

ORIENTATION = 0x0112
_filters_lock = threading.Lock()

# Pillow reports what it cannot read as an exception, and may log it as well.
logging.getLogger("PIL").addHandler(logging.NullHandler())
with contextlib.suppress(OSError, AttributeError):
    # libtiff prints each fault of a file on file descriptor 2. Its handler is the only place to
    # stop that without taking the descriptor from all other threads; Pillow offers no way to it.
    _library = ctypes.CDLL(_imaging.__file__)
    _library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
    _library.TIFFSetErrorHandler.restype = ctypes.c_void_p
    _library.TIFFSetErrorHandler(None)


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
        return Photo(_from_array(raw))
    if isinstance(raw, Pillow.Image):
        what = "the Pillow image"
        _check_size(*raw.size, what)
        return _load(raw, what)
    if isinstance(raw, bytes | bytearray | memoryview):
        data = bytes(raw)
        what = f"the input of {len(data):,} bytes"
        buffer = CountedBytes(data)
        buffer.what = what
        return _decode(buffer, len(data), what, max_scale)
    if isinstance(raw, str | Path):
        with _open_file(raw) as (file, length):
            return _decode(file, length, repr(str(raw)), max_scale)
    msg = f"expected a path, bytes, a Pillow image or an array, received {type(raw).__name__}"
    raise InputError(msg, kind="wrong-type")


def read_rgb(raw: Any) -> Pillow.Image:
    """Return an image at full size; see `read_photo`."""
    with read_photo(raw) as photo:
        return photo.image


def _from_array(array: np.ndarray[Any, Any]) -> Pillow.Image:
    if array.dtype != np.uint8:
        msg = f"expected an array of uint8 (pixels of 0 to 255), received {array.dtype}"
        raise InputError(msg, kind="wrong-type")
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        msg = f"expected an array of shape (height, width, 3), received {array.shape}"
        raise InputError(msg, kind="wrong-shape")
    _check_size(array.shape[1], array.shape[0], "the array")
    return Pillow.fromarray(np.ascontiguousarray(array))


@contextmanager
def _open_file(path: str | Path) -> Iterator[tuple[CountedFile, int]]:
    """Open a regular file and return its length; reading a pipe or a device might never end."""
    with contextlib.ExitStack() as stack:
        try:
            opened = open(path, "rb", buffering=0, opener=_open_nonblocking)  # noqa: SIM115
            file = stack.enter_context(CountedFile(opened))
            file.what = repr(str(path))
            status = os.fstat(file.fileno())
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
        if not stat.S_ISREG(status.st_mode):
            msg = f"{str(path)!r} is not a regular file, expected an image file"
            raise InputError(msg, kind="unreadable")
        if status.st_size > MAX_BYTES:
            msg = f"{str(path)!r} has {status.st_size:,} bytes, expected at most {MAX_BYTES:,}"
            raise InputError(msg, kind="too-large")
        yield file, status.st_size


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode(
    file: CountedBytes | CountedFile,
    length: int,
    what: str,
    max_scale: Callable[[int, int], float] | None,
) -> Photo:
    """Decode an open file of so many bytes."""
    try:
        start = file.read(8)
        file.seek(0)
        check_start(file, what)
    except OSError as error:
        raise _damage_error(what, error) from None
    if not start:
        msg = f"{what} is empty, expected an image"
        raise InputError(msg, kind="empty")
    try:
        with _silence_pillow():
            image = Pillow.open(file, formats=FORMATS)
    except Exception as error:
        if isinstance(error, UnidentifiedImageError) and not start.startswith(SIGNATURES):
            msg = f"{what} is not an image, expected one of {', '.join(FORMATS)}"
            raise InputError(msg, kind="not-an-image") from None
        if isinstance(error, InputError):
            raise
        raise _damage_error(what, error) from None
    try:
        width, height = image.size
        _check_size(width, height, what)
        check_work(image, file, length, what)
        turn = UPRIGHT.get(_orientation(image))
        upright = (height, width) if turn in SWAPPING else (width, height)
        scale = 1
        if max_scale is not None and image.format == "JPEG":
            allowed = max_scale(*upright)
            # A side not divisible by the scale ends in part of a pixel; turning would put it first.
            fits = [s for s in (8, 4, 2) if turn is None or width % s == height % s == 0]
            scale = next((scale for scale in fits if scale <= allowed), 1)
            if image.draft(None, (width // scale, height // scale)) is None:
                scale = 1  # not every file allows it
        taken = _estimate_bytes(image, width * height, length, turned=turn is not None)
        limit = BYTES_PER_PIXEL * max_pixels()
        if taken > limit:
            msg = f"{what} takes {taken:,} bytes of memory to decode, expected at most {limit:,}"
            raise InputError(msg, kind="too-large")
        return _load(image, what, scale, upright, taken)
    except BaseException:
        image.close()
        raise


def _estimate_bytes(image: Pillow.Image, pixels: int, length: int, *, turned: bool) -> int:
    """Return how many bytes of memory the decoding of an image takes.

    Parameters
    ----------
    image
        The opened image; its size is that of the decoded pixels.
    pixels
        Pixels of the original.
    length
        Bytes of the file.
    turned
        Whether it must be turned to be upright.
    """
    width, height = image.size
    own = width * height * {"1": 1, "L": 1, "P": 1, "I;16": 2}.get(image.mode, 4)
    kind = image.format
    if kind == "JPEG" and "progressive" in image.info:
        return own + 2 * pixels * len(image.getbands())  # the coefficients, however small the image
    if kind == "WEBP":  # two canvases and a copy of the pixels
        return 4 * own + length
    if kind in ("GIF", "PNG") and getattr(image, "is_animated", False):  # of frames to go back to
        return 3 * own
    if kind == "TIFF" and turned:
        own *= 2
    if kind == "TIFF" and getattr(image, "use_load_libtiff", False):
        tags = image.tag_v2  # type: ignore[attr-defined]
        across = _number(tags.get(322), width)
        down = _number(tags.get(323 if 322 in tags else 278), height)
        down = down if 322 in tags else min(down, height)
        piece = across * down * max(4, len(image.getbands()) * _number(tags.get(258), 8) // 8)
        return own + piece + length
    return own


def _number(value: Any, default: int) -> int:
    """Return the first number of a TIFF tag."""
    first = value[0] if isinstance(value, tuple) and value else value
    return max(1, first) if isinstance(first, int) else default


def _load(
    image: Pillow.Image,
    what: str,
    scale: int = 1,
    size: tuple[int, int] | None = None,
    taken: int = 0,
) -> Photo:
    """Decode the pixels of an opened image."""
    budget.take(taken)
    try:
        # Decoding takes most of the time and runs in parallel; only the parts that may warn (TIFF
        # tags, EXIF) take turns.
        with _silence_pillow() if image.format == "TIFF" else contextlib.nullcontext():
            image.load()
        turn = UPRIGHT.get(_orientation(image))  # Pillow turns a TIFF itself
        if image.mode == "F":
            msg = f"{what} has floating-point pixels, expected 8 or 16 bits per channel"
            raise InputError(msg, kind="bad-image")
        low, high = image.getextrema() if image.mode == "I" else (0, 0)
        if low < 0 or high > 65535:  # type: ignore[operator]  # the mode has one channel
            msg = f"{what} has 32-bit pixels, expected 8 or 16 bits per channel"
            raise InputError(msg, kind="bad-image")
        return Photo(image, turn, scale, size, taken)
    except BaseException as error:
        budget.give(taken)
        if isinstance(error, InputError | MemoryError) or not isinstance(error, Exception):
            raise
        raise _damage_error(what, error) from None


def _orientation(image: Pillow.Image) -> int:
    if not has_usable_exif(image):
        return 1
    try:
        with _silence_pillow():
            value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF does not make the image unusable
        return 1
    return value if isinstance(value, int) else 1


def _check_size(width: int, height: int, what: str) -> None:
    if width * height > max_pixels():
        msg = f"{what} has {width} x {height} pixels, more than {max_pixels():,}"
        raise InputError(msg, kind="too-large")


def _damage_error(what: str, error: Exception) -> InputError:
    lines = str(error).splitlines()
    reason = lines[0].strip()[:200] if lines else type(error).__name__
    if isinstance(error, UnidentifiedImageError):  # its message is the address of a buffer
        reason = "its start is missing or corrupt"
    return InputError(f"{what} is a damaged image: {reason}", kind="bad-image")


@contextmanager
def _silence_pillow() -> Iterator[None]:
    """Silence Pillow's warnings; a real fault still raises, and becomes the input's error.

    Python's warning filters are global, so threads take turns. So is Pillow's own bound on pixels,
    which is off meanwhile: `max_pixels` bounds them.
    """
    with _filters_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bound, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = bound
