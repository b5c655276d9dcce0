"""How rows reach Keras's ``fit``: in an order that the seed and the number of the epoch fix.

So a training that was killed goes on exactly where it was, and all backends see the same batches.
Keras's own loop stays in charge: callbacks, metrics, validation and history are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.backend import keras_private
from zoo.backend.choose import keras
from zoo.backend.runner import typed
from zoo.backend.tensors import Batch, count, cut, steps_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compile_steps(
    network: Any, size: int, arrays: Batch, *, rows: int, steps: int, held: bool
) -> int | None:
    """Return how many rows to hand over at once; None where Keras takes its own steps.

    See `zoo.training.steps.compiled.compile_steps`, which ``ZOO_PLAIN`` turns off.
    """
    if not keras_private.fast():
        return None
    from zoo.training.steps import compiled

    return compiled.compile_steps(network, size, arrays, rows=rows, steps=steps, held=held)


@dataclass(slots=True)
class Feed:
    """The training rows and their order.

    Attributes
    ----------
    arrays
        Inputs (an array, or one for each input of the network by name), targets and, where classes
        have weights, a weight for each row.
    batch_size
        Rows of a step; the last step of an epoch may have fewer.
    seed
        Seed of the order, and of whatever else is drawn in an epoch.
    shuffle
        Whether there is an order of its own for each epoch.
    epoch
        Number of the present epoch, from 0.
    """

    arrays: tuple[Any, ...]
    batch_size: int
    seed: int
    shuffle: bool = True
    epoch: int = 0

    def __len__(self) -> int:
        return count(self.arrays[0])

    def order(self) -> NDArray[np.int64]:
        """Return the row numbers of the present epoch."""
        import numpy as np

        if not self.shuffle:
            return np.arange(len(self))
        return np.random.default_rng([self.seed, self.epoch]).permutation(len(self))

    def data_for(self, network: Any, epochs: int) -> Any:
        """Return what ``fit`` takes as ``x`` for so many epochs; prepares the network for it."""
        rows, size = len(self), self.batch_size
        steps = epochs * steps_of(rows, size)
        at_once = compile_steps(network, size, self.arrays, rows=rows, steps=steps, held=True)
        if at_once is None:
            return _pieces(self, size, lambda rows: typed(network, cut(self.arrays, rows)))
        return _pieces(self, at_once, lambda rows: (rows.astype("int32"),))


def _pieces(feed: Feed, size: int, handed: Callable[[NDArray[np.int64]], Any]) -> Any:
    """Return a Keras dataset of what is handed over for `size` rows each, in the epoch's order."""

    class Pieces(keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._epoch = -1

        def __len__(self) -> int:
            return steps_of(len(feed), size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            if self._epoch != feed.epoch:
                self._epoch, self._order = feed.epoch, feed.order()
            return tuple(handed(self._order[index * size : (index + 1) * size]))

    return Pieces()
