"""A network's inputs: one array, or one for each input by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = NDArray[Any] | dict[str, NDArray[Any]]
    Shape = tuple[int | None, ...]


def map_arrays(function: Callable[..., Any], *tensors: Any) -> Any:
    """Apply a function to the array, or to the arrays of each input by name.

    Parameters
    ----------
    function
        Takes as many arrays as there are `tensors`.
    *tensors
        All arrays, or all mappings with the same names.
    """
    if isinstance(tensors[0], Mapping):
        return {name: function(*(arrays[name] for arrays in tensors)) for name in tensors[0]}
    return function(*tensors)


def count_samples(tensors: Tensors) -> int:
    """Return the number of samples."""
    return len(next(iter(tensors.values())) if isinstance(tensors, dict) else tensors)


def drop_rows(tensors: Any, errors: Sequence[Exception | None], rows: Collection[int]) -> Any:
    """Return the tensors without those of `rows`.

    Parameters
    ----------
    tensors
        One row for each input without an error.
    errors
        An error or None for each input.
    rows
        Numbers of the inputs to drop.
    """
    usable = (row for row, error in enumerate(errors) if error is None)
    remaining = [place for place, row in enumerate(usable) if row not in rows]
    return map_arrays(lambda array: array[remaining], tensors)


Batch = tuple[Any, ...]
"""Inputs, targets and, if any, row weights."""


def count_batches(rows: int, size: int) -> int:
    """Return the number of batches of `size` rows, of which the last may be smaller."""
    return -(-rows // size)


def take_rows(batch: Batch, rows: Any) -> Batch:
    """Return some rows of a batch."""
    return tuple(map_arrays(lambda array: array[rows], arrays) for arrays in batch)
