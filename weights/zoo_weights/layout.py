"""Compare the weights a model expects with those in a file, and report the differences."""

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
    """One weight of a model: its place, shape and dtype.

    Parameters
    ----------
    layer
        Name of its layer.
    index
        Position within the layer; trainable weights come first.
    name
        Name of the weight, such as ``"kernel"``.
    shape
        Its shape; ``()`` for a scalar.
    dtype
        NumPy name of its dtype.
    path
        Path in a Keras 3 weights file, such as ``"layers/conv2d_1/vars/0"``.
    """

    layer: str
    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    path: str

    @property
    def content(self) -> str:
        """Shape and dtype, for people."""
        return f"{_format_shape(self.shape)} {self.dtype}"


def fits_slot(slot: Slot, dataset: h5py.Dataset) -> bool:
    """Return whether a slot may take a dataset: same shape, and same dtype or both floats."""
    if tuple(dataset.shape) != slot.shape:
        return False
    name = dtype_name(dataset)
    return name == slot.dtype or (_is_float(name) and _is_float(slot.dtype))


def dtype_name(dataset: h5py.Dataset) -> str:
    """Return the NumPy name of a dataset's dtype; opaque pairs of bytes are Keras's bfloat16."""
    name: str = dataset.dtype.newbyteorder("=").name
    return "bfloat16" if name == "void16" else name


def content_of(dataset: h5py.Dataset) -> str:
    """Return the shape and dtype of a dataset, for people."""
    return f"{_format_shape(tuple(dataset.shape))} {dtype_name(dataset)}"


def refuse(file: Path, differences: Sequence[tuple[str, str]]) -> None:
    """Raise `LayoutMismatch` if there are differences, each a pair (expected, found)."""
    if not differences:
        return
    table = [(printable(left, 70), printable(right, 70)) for left, right in differences[:MAX_LINES]]
    width = max(len("expected"), *(len(left) for left, _ in table))
    lines = [f"  {left:<{width}}  {right}" for left, right in [("expected", "found"), *table]]
    if len(differences) > MAX_LINES:
        lines.append(f"  ... and {len(differences) - MAX_LINES} more")
    count = f"{len(differences)} difference{'s' if len(differences) > 1 else ''}"
    head = f"{printable(str(file))!r} does not hold this model's weights ({count}):"
    raise LayoutMismatch("\n".join([head, *lines]))


def _is_float(name: str) -> bool:
    return name.startswith(("float", "bfloat"))


def _format_shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
