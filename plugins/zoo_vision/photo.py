"""A decoded image, turned, made opaque and converted piece by piece, and the memory it takes.

Each of these would take as much memory again if it were done at once.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from typing import Self

import numpy as np
from PIL import Image as Pillow

IN_FLIGHT = 512 << 20
"""Bytes of memory that images may take which are decoded at once; a larger one is alone."""

LARGE = 64 << 20
"""Bytes of an image before which freed memory is returned to the system: glibc keeps much of it."""

STRIP = 1 << 22
"""Pixels converted at once."""

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

Turn = Pillow.Transpose
SWAPPING = {Turn.TRANSPOSE, Turn.ROTATE_90, Turn.ROTATE_270, Turn.TRANSVERSE}
FROM_RIGHT = {Turn.FLIP_LEFT_RIGHT, Turn.ROTATE_180, Turn.ROTATE_90, Turn.TRANSVERSE}
FROM_BOTTOM = {Turn.FLIP_TOP_BOTTOM, Turn.ROTATE_180, Turn.ROTATE_270, Turn.TRANSVERSE}
"""Operations after which columns were rows, or were counted from the right or the bottom."""


class Budget:
    """Bytes that several threads may use together; who needs more than all of them is alone.

    Parameters
    ----------
    limit
        How many bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        """Wait until so many bytes are free, and take them."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + count <= self._limit)
            self._used += count
        if count >= LARGE:
            _return_memory()

    def give(self, count: int) -> None:
        """Return bytes."""
        with self._changed:
            self._used -= count
            self._changed.notify_all()


budget = Budget(IN_FLIGHT)


class Photo:
    """An image as people see it: upright, 8-bit RGB, transparent parts on white.

    Used in a ``with`` statement, it counts as memory in use until the end of that.

    Parameters
    ----------
    image
        The decoded pixels, as they are stored.
    turn
        The operation that makes them upright, if any.
    scale
        How many times smaller than the original they were decoded: 1, 2, 4 or 8.
    size
        Width and height of the upright original, in pixels.
    taken
        Bytes of the budget to return at the end.
    """

    def __init__(
        self,
        image: Pillow.Image,
        turn: Pillow.Transpose | None = None,
        scale: int = 1,
        size: tuple[int, int] | None = None,
        taken: int = 0,
    ) -> None:
        self._stored = image
        self._turn = turn
        self._taken = taken
        self.scale = scale
        width, height = image.size
        self.decoded_size = (height, width) if turn in SWAPPING else (width, height)
        self.size = size or self.decoded_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free the pixels."""
        stored = vars(self).pop("_stored", None)
        if stored is not None:
            if self._taken:  # an image of ours; some formats make one that refers to itself
                stored.close()
            budget.give(self._taken)

    @property
    def image(self) -> Pillow.Image:
        """All pixels; a copy."""
        return self.crop((0, 0, *self.decoded_size))

    def crop(self, box: tuple[int, int, int, int]) -> Pillow.Image:
        """Return a part of the decoded pixels; a copy."""
        left, top, right, bottom = box
        width, height = self._stored.size
        if self._turn in SWAPPING:
            left, top, right, bottom = top, left, bottom, right
        if self._turn in FROM_RIGHT:
            left, right = width - right, width - left
        if self._turn in FROM_BOTTOM:
            top, bottom = height - bottom, height - top
        part = to_rgb(self._stored.crop((left, top, right, bottom)))
        return part if self._turn is None else part.transpose(self._turn)

    def strips(
        self, box: tuple[int, int, int, int], pixels: int = STRIP
    ) -> Iterator[tuple[int, Pillow.Image]]:
        """Yield a part of the decoded pixels in strips from top to bottom.

        Parameters
        ----------
        box
            Left, top, right and bottom of the part.
        pixels
            Maximum size of a strip, unless one row has more.

        Yields
        ------
        tuple
            Distance from the top of the part, and the strip.
        """
        left, top, right, bottom = box
        rows = max(1, pixels // (right - left))
        for start in range(top, bottom, rows):
            yield start - top, self.crop((left, start, right, min(bottom, start + rows)))


def _return_memory() -> None:
    """Return the memory that was freed to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def to_rgb(image: Pillow.Image) -> Pillow.Image:
    if image.mode.startswith("I"):  # Pillow's own conversion clips 16-bit greys at 255
        greys = np.asarray(image).astype(np.uint32)
        image = Pillow.fromarray(((greys + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        opaque = Pillow.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    return image if image.mode == "RGB" else image.convert("RGB")
