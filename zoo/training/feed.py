"""How rows reach Keras's ``fit``: in an order that the seed and the number of the epoch fix.

So a training that was killed goes on exactly where it was, and all backends see the same batches.
Keras's own loop stays in charge: callbacks, metrics, validation and history are its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.runtime.backend import chosen_backend, keras
from zoo.runtime.runner import dtype_of, inputs_of
from zoo.tensors import count, each

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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

    def data_for(self, network: Any) -> Any:
        """Return what ``fit`` takes as ``x`` on the backend in use; prepares the network for it."""
        prepare: Callable[[Feed, Any], Any] = {
            "jax": _for_jax,
            "tensorflow": _for_tensorflow,
            "torch": _for_torch,
        }[chosen_backend()]
        return prepare(self, network)


def steps_of(rows: int, size: int) -> int:
    """Return how many batches of `size` rows there are, the last one maybe smaller."""
    return -(-rows // size)


def _for_jax(feed: Feed, network: Any) -> Any:
    """Put the rows on the device once; an epoch then takes their order alone."""
    import jax

    arrays = jax.device_put(feed.arrays)
    steps = _compiled_steps(
        network, feed.batch_size, lambda arrays, rows: jax.tree.map(lambda a: a[rows], arrays)
    )
    _prepare(network, feed.batch_size, feed.arrays)
    network.train_function = lambda state, iterator: steps(state, arrays, next(iterator)[0])
    return _parts_of_epochs(feed, len(feed) if scans(network) else feed.batch_size, lambda r: (r,))


def scans(network: Any) -> bool:
    """Whether many steps go into one program, on JAX.

    On a CPU a convolution inside of a loop runs on one core and ten times slower; but its steps
    take so long that their dispatch does not matter.
    """
    import jax

    convolves = any("Conv" in type(layer).__name__ for layer in network._flatten_layers())
    return not convolves or jax.default_backend() != "cpu"


def compile_pieces(network: Any, size: int, sample: tuple[Any, ...]) -> None:
    """Make a network take many batches at once, as one array of rows for inputs and targets.

    Parameters
    ----------
    network
        The compiled network.
    size
        Rows of a batch.
    sample
        Some rows, for their shapes.
    """
    steps = _compiled_steps(network, size, lambda _, rows: rows)
    _prepare(network, size, sample)
    network.train_function = lambda state, iterator: steps(state, (), next(iterator))


def _prepare(network: Any, size: int, arrays: tuple[Any, ...]) -> None:
    """Let Keras build loss and metrics now, from real rows: `fit` would look at its own input."""
    network._symbolic_build(data_batch=tuple(each(lambda a: a[:size], part) for part in arrays))


def _compiled_steps(network: Any, size: int, batch: Callable[[Any, Any], tuple[Any, ...]]) -> Any:
    """Compile training steps, however many they are, into one program.

    It scans over Keras's own ``train_step``. A step of a small network costs far less than its
    dispatch; here all are dispatched at once.

    Parameters
    ----------
    network
        The compiled network.
    size
        Rows of a step; rows left over are one step more.
    batch
        Makes inputs, targets and weights of the data and what stands for the rows of a step. The
        data are an argument of the program: what it captures would be compiled into it.
    """
    import jax

    inputs = inputs_of(network)

    def step(data: Any, state: Any, rows: Any) -> Any:
        x, *others = batch(data, rows)
        x = each(lambda array, wanted: array.astype(dtype_of(wanted)), x, inputs)
        logs, state = network.train_step(state, (x, *others))
        return state, logs

    def steps(state: Any, data: Any, rows: Any) -> Any:
        total = len(jax.tree.leaves(rows)[0])
        if total <= size:
            state, logs = step(data, state, rows)
            return logs, state
        whole = total // size * size
        stacked = jax.tree.map(lambda a: a[:whole].reshape(-1, size, *a.shape[1:]), rows)
        state, each = jax.lax.scan(functools.partial(step, data), state, stacked)
        logs = jax.tree.map(lambda values: values[-1], each)  # metrics add up as they go
        if whole < total:
            state, logs = step(data, state, jax.tree.map(lambda a: a[whole:], rows))
        return logs, state

    return jax.jit(steps, donate_argnums=0)


def _for_tensorflow(feed: Feed, network: Any) -> Any:
    """Gather the rows in TensorFlow's own pipeline; only their numbers come from Python."""
    import tensorflow as tf

    arrays = tf.nest.map_structure(tf.constant, feed.arrays)

    def batch(rows: Any) -> Any:
        return tf.nest.map_structure(lambda array: tf.gather(array, rows), arrays)

    def orders() -> Any:
        yield feed.order()

    rows = tf.data.Dataset.from_generator(orders, output_signature=tf.TensorSpec((None,), tf.int64))
    data = rows.unbatch().batch(feed.batch_size).map(batch).prefetch(2)
    return data.apply(tf.data.experimental.assert_cardinality(steps_of(len(feed), feed.batch_size)))


def _for_torch(feed: Feed, network: Any) -> Any:
    """Cut the rows into batches in Python."""
    return _parts_of_epochs(
        feed, feed.batch_size, lambda rows: tuple(each(lambda a: a[rows], p) for p in feed.arrays)
    )


def _parts_of_epochs(feed: Feed, size: int, item: Callable[[Any], tuple[Any, ...]]) -> Any:
    """Return a Keras dataset of what `item` makes of every `size` rows, in the epoch's order."""

    class Parts(keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._epoch = -1

        def __len__(self) -> int:
            return steps_of(len(feed), size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            if self._epoch != feed.epoch:
                self._epoch, self._order = feed.epoch, feed.order().astype("int32")
            return item(self._order[index * size : (index + 1) * size])

    return Parts()
