"""What a network takes: one array, or one for each of its inputs by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = NDArray[Any] | dict[str, NDArray[Any]]
    Shape = tuple[int | None, ...]


def each(function: Callable[..., Any], *tensors: Any) -> Any:
    """Return what a function makes of the array, or of those of each input, by name.

    Parameters
    ----------
    function
        Takes as many arrays as there are `tensors`.
    *tensors
        All one array, or all mappings with the same names.
    """
    if isinstance(tensors[0], Mapping):
        return {name: function(*(part[name] for part in tensors)) for name in tensors[0]}
    return function(*tensors)


def count(tensors: Tensors) -> int:
    """Return the number of samples."""
    return len(next(iter(tensors.values())) if isinstance(tensors, dict) else tensors)


def without(tensors: Any, errors: Sequence[Exception | None], rows: Collection[int]) -> Any:
    """Return the tensors of the inputs without errors, less those of `rows`.

    Parameters
    ----------
    tensors
        What was made of the inputs without errors.
    errors
        An error or None for each input.
    rows
        Numbers of inputs to leave out as well.
    """
    usable = (row for row, error in enumerate(errors) if error is None)
    kept = [place for place, row in enumerate(usable) if row not in rows]
    return each(lambda array: array[kept], tensors)


Batch = tuple[Any, ...]
"""Inputs, targets and, where there are any, row weights."""


def steps_of(rows: int, size: int) -> int:
    """Return how many batches of `size` rows there are, the last one maybe smaller."""
    return -(-rows // size)


def cut(batch: Batch, rows: Any) -> Batch:
    """Return some rows of a batch."""
    return tuple(each(lambda array: array[rows], part) for part in batch)
