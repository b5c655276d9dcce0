"""How rows reach Keras's ``fit``: in an order fixed by the seed and the number of the epoch.

So a killed training resumes exactly where it was, and all backends see the same batches.
Keras's own loop stays in charge of callbacks, metrics, validation and history.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.backend import keras_private
from zoo.backend.choose import keras
from zoo.backend.runner import Batch, cast_inputs, count_batches, count_samples, take_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compile_steps(
    network: Any, size: int, arrays: Batch, *, rows: int, steps: int, held: bool
) -> int | None:
    """Compile the steps and return the rows per call; None where Keras takes its own steps.

    See `zoo.training.steps.compiled.compile_steps`, which ``ZOO_PLAIN`` turns off.
    """
    if not keras_private.fast_paths_allowed():
        return None
    from zoo.training.steps import compiled

    return compiled.compile_steps(network, size, arrays, rows=rows, steps=steps, held=held)


@dataclass(slots=True)
class Feed:
    """The training rows and their order.

    Attributes
    ----------
    arrays
        Inputs (an array, or one for each input of the network by name), targets and, where rows
        have weights, a weight for each row.
    batch_size
        Rows of a step; the last step of an epoch may have fewer.
    seed
        Seed of the order.
    shuffle
        Whether each epoch has its own order.
    epoch
        Number of the current epoch, from 0.
    """

    arrays: tuple[Any, ...]
    batch_size: int
    seed: int
    shuffle: bool = True
    epoch: int = 0

    def __len__(self) -> int:
        return count_samples(self.arrays[0])

    def order(self) -> NDArray[np.int64]:
        """Return the row numbers of the current epoch."""
        import numpy as np

        if not self.shuffle:
            return np.arange(len(self))
        return np.random.default_rng([self.seed, self.epoch]).permutation(len(self))

    def data_for(self, network: Any, epochs: int) -> Any:
        """Prepare the network for a number of epochs, and return the ``x`` of its ``fit``."""
        rows, size = len(self), self.batch_size
        steps = epochs * count_batches(rows, size)
        call_rows = compile_steps(network, size, self.arrays, rows=rows, steps=steps, held=True)
        if call_rows is None:
            return _dataset(self, size, lambda at: cast_inputs(network, take_rows(self.arrays, at)))
        return _dataset(self, call_rows, lambda rows: (rows.astype("int32"),))


def _dataset(feed: Feed, size: int, load: Callable[[NDArray[np.int64]], Any]) -> Any:
    """Return a Keras dataset that loads `size` rows at a time, in the epoch's order."""

    class Dataset(keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._epoch = -1

        def __len__(self) -> int:
            return count_batches(len(feed), size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            if self._epoch != feed.epoch:
                self._epoch, self._order = feed.epoch, feed.order()
            return tuple(load(self._order[index * size : (index + 1) * size]))

    return Dataset()
