"""What a model expects of its weights, and how to show the difference from what a file has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import LayoutMismatch
from .text import printable

if TYPE_CHECKING:
    import h5py

MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """One weight of a model: where it belongs and what fits.

    Parameters
    ----------
    layer
        Name of the layer of the model.
    index
        Position within the layer, trainable weights before the others.
    name
        Name of the weight, such as ``"kernel"``.
    shape
        Its shape; ``()`` for a scalar.
    dtype
        NumPy name of its dtype.
    path
        Its place in a Keras 3 weights file, such as ``"layers/conv2d_1/vars/0"``.
    """

    layer: str
    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    path: str

    @property
    def content(self) -> str:
        """Shape and dtype for people."""
        return f"{_shape(self.shape)} {self.dtype}"


def fits(slot: Slot, dataset: h5py.Dataset) -> bool:
    """Say whether a dataset may be read into a slot: same shape, same dtype or both floating."""
    if tuple(dataset.shape) != slot.shape:
        return False
    name = found_dtype(dataset)
    return name == slot.dtype or (_floating(name) and _floating(slot.dtype))


def found_dtype(dataset: h5py.Dataset) -> str:
    """Return the NumPy name of a dataset's dtype; opaque pairs of bytes are Keras's bfloat16."""
    name: str = dataset.dtype.newbyteorder("=").name
    return "bfloat16" if name == "void16" else name


def found_content(dataset: h5py.Dataset) -> str:
    """Shape and dtype of a dataset for people."""
    return f"{_shape(tuple(dataset.shape))} {found_dtype(dataset)}"


def refuse(file: Path, rows: Sequence[tuple[str, str]], why: str = "") -> None:
    """Raise `LayoutMismatch` if there are differing rows of (expected, found)."""
    if not rows:
        return
    shown = [(printable(left, 70), printable(right, 70)) for left, right in rows[:MAX_LINES]]
    width = max(len("expected"), *(len(left) for left, _ in shown))
    lines = [f"  {left:<{width}}  {right}" for left, right in [("expected", "found"), *shown]]
    if len(rows) > MAX_LINES:
        lines.append(f"  ... and {len(rows) - MAX_LINES} more")
    count = f"{len(rows)} difference{'s' if len(rows) > 1 else ''}"
    head = f"{printable(str(file))!r} does not hold this model's weights ({count}{why}):"
    raise LayoutMismatch("\n".join([head, *lines]))


def _floating(name: str) -> bool:
    return name.startswith(("float", "bfloat"))


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
