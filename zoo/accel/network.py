"""``KeptNetwork``: a computation that an earlier process kept, with the weights of this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from zoo_weights import Slot

Weights = Callable[[Sequence[Slot]], Iterable[tuple[int, Any]]]
"""Yields the position and the numbers of each weight whose place is given."""


@dataclass(frozen=True)
class KeptNetwork:
    """A network's computation with weights: to a `Runner` as good as the network.

    Attributes
    ----------
    inputs
        Shape and dtype of a batch of its only input, as attributes.
    output_shape
        Of a batch; None where a side may be any.
    call
        Returns the outputs of one batch.
    """

    inputs: tuple[Any]
    output_shape: tuple[int | None, ...]
    call: Callable[[Any], Any]
