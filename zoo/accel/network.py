"""``CachedNetwork``: a computation stored by an earlier process, with the weights of this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from zoo_weights.arrays import Slot

Weights = Callable[[Sequence[Slot]], Iterable[tuple[int, Any]]]
"""Yields the position and the array of each weight whose slot is given."""


@dataclass(frozen=True)
class CachedNetwork:
    """A network's computation with its weights; a `Runner` takes it in place of the network.

    Attributes
    ----------
    inputs
        Its only input, with ``shape`` and ``dtype`` of a batch as attributes.
    output_shape
        Of a batch; None for a side of any length.
    call
        Returns the outputs of one batch.
    """

    inputs: tuple[Any]
    output_shape: tuple[int | None, ...]
    call: Callable[[Any], Any]
