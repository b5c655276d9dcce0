"""Many training steps in one call: what ``fit`` runs where it would run a step at a time.

A step of a small network costs far less than its dispatch. Here an epoch, or a piece of one, is a
single call that takes Keras's own ``train_step`` again and again; ``fit`` stays in charge, and
callbacks, metrics, validation and history are its own.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.runtime.backend import chosen_backend, devices, keras
from zoo.runtime.runner import dtype_of, inputs_of
from zoo.tensors import each

if TYPE_CHECKING:
    from zoo.training.program import Program

Batch = tuple[Any, ...]
"""Inputs, targets and, where there are any, row weights."""

KEPT = 4
"""How many programs are kept, the last ones."""


def steps_of(rows: int, size: int) -> int:
    """Return how many batches of `size` rows there are, the last one maybe smaller."""
    return -(-rows // size)


def compile_steps(
    network: Any,
    size: int,
    arrays: Batch,
    *,
    rows: int,
    steps: int,
    held: bool,
    program: Program | None = None,
) -> int:
    """Make a network's ``fit`` take many batches at once.

    Parameters
    ----------
    network
        The compiled network.
    size
        Rows of a batch; rows left over are a batch of their own.
    arrays
        Inputs, targets and weights: all rows if they are `held`, or some for their shapes.
    rows
        Rows that can be handed over at once, at most.
    steps
        How many steps there will be in all, about.
    held
        Whether ``fit`` will be handed numbers of rows of `arrays`, instead of rows.
    program
        What the network computes; on JAX what is compiled for one serves all that have the same.

    Returns
    -------
    int
        How many rows to hand over at once.
    """
    # Keras builds loss and metrics from real rows here: `fit` would look at its own input.
    sample = _cut(arrays, slice(size))
    network._symbolic_build(data_batch=sample)
    data, backend = arrays if held else None, chosen_backend()
    if backend == "jax":
        compiled = _shared(program, network, sample, size, held=held)
        network.train_function = compiled.of(data)
        network.test_function = compiled.measure
    elif backend == "tensorflow":
        network.train_function = _tensorflow(network, size, data)
    else:
        network.train_function = _torch(network, size, data, steps)
    if one_by_one(network):
        return size
    if backend == "torch":  # its loop is Python's: Ctrl-C ends it between two calls
        return min(rows, 64 * size)
    return rows


def one_by_one(network: Any) -> bool:
    """Whether steps are better taken one by one.

    On a CPU, XLA runs a convolution inside of a loop on one core and ten times slower; and the
    steps of such a network take so long that their dispatch does not matter.
    """
    layers = network._flatten_layers()
    return any("Conv" in type(layer).__name__ for layer in layers) and set(devices()) == {"cpu"}


def _cut(batch: Batch, rows: Any) -> Batch:
    return tuple(each(lambda array: array[rows], part) for part in batch)


class _Compiled(NamedTuple):
    """Functions of a network's state, compiled when they are first called."""

    train: Any
    measure: Any

    def of(self, held: Batch | None) -> Any:
        """Return Keras's ``train_function`` for rows that are held, or for those it is handed."""
        import jax

        data = () if held is None else jax.device_put(held)
        return lambda state, iterator: self.train(state, data, next(iterator))


_kept: OrderedDict[tuple[Hashable, int, bool], _Compiled] = OrderedDict()
_lock = threading.Lock()


def _shared(
    program: Program | None, network: Any, sample: Batch, size: int, *, held: bool
) -> _Compiled:
    """Return the functions of a network, or those of an earlier one that computes the same."""
    if program is None:
        return _jax(network, size, held=held)
    key = (program.key, size, held)
    with _lock:
        if key not in _kept:
            twin = program.network()
            twin._symbolic_build(data_batch=sample)
            _kept[key] = _jax(twin, size, held=held)
        _kept.move_to_end(key)
        if len(_kept) > KEPT:
            _kept.popitem(last=False)
        return _kept[key]


def _jax(network: Any, size: int, *, held: bool) -> _Compiled:
    """Compile the steps of a call into one program; it scans over Keras's ``train_step``."""
    import jax

    inputs = inputs_of(network)

    def step(data: Any, state: Any, rows: Any) -> Any:
        x, *others = _cut(data, rows[0]) if held else rows
        x = each(lambda array, wanted: array.astype(dtype_of(wanted)), x, inputs)
        logs, state = network.train_step(state, (x, *others))
        return state, logs

    # The data are an argument of the program: what it captures would be compiled into it.
    @functools.partial(jax.jit, donate_argnums=0)
    def steps_at_once(state: Any, data: Any, rows: Any) -> Any:
        total = len(jax.tree.leaves(rows)[0])
        whole = total // size * size if total > size else 0
        if whole:
            stacked = jax.tree.map(lambda a: a[:whole].reshape(-1, size, *a.shape[1:]), rows)
            state, logs = jax.lax.scan(functools.partial(step, data), state, stacked)
            logs = jax.tree.map(lambda values: values[-1], logs)  # metrics add up as they go
        if whole < total:
            state, logs = step(data, state, jax.tree.map(lambda a: a[whole:], rows))
        return logs, state

    network.make_test_function()
    return _Compiled(steps_at_once, network.test_function)


def _tensorflow(network: Any, size: int, held: Batch | None) -> Any:
    """Take the steps of a call in a loop of TensorFlow's graph."""
    import tensorflow as tf

    inputs, tree = inputs_of(network), tf.nest.map_structure
    data = None if held is None else tree(tf.constant, held)

    def step(rows: Any) -> None:
        if data is not None:
            rows = tree(lambda array: tf.gather(array, rows[0]), data)
        x, *others = rows
        x = each(lambda array, wanted: tf.cast(array, dtype_of(wanted)), x, inputs)
        network.train_step((x, *others))

    # XLA takes seconds more to compile; it pays where a step is itself a loop of small things.
    @tf.function(jit_compile=_recurrent(network), autograph=False)  # type: ignore[untyped-decorator]
    def steps_at_once(rows: Any) -> Any:
        total = tf.nest.flatten(rows)[0].shape[0]
        whole = total // size if total > size else 0
        if whole:
            stacked = tree(
                lambda a: tf.reshape(a[: whole * size], (whole, size, *a.shape[1:])), rows
            )

            def one(number: Any) -> Any:
                step(tree(lambda array: array[number], stacked))
                return number + 1

            tf.while_loop(lambda number: number < whole, one, [tf.constant(0)])
        if whole * size < total:
            step(tree(lambda array: array[whole * size :], rows))
        return network.get_metrics_result()

    return lambda iterator: steps_at_once(next(iterator))


def _recurrent(network: Any) -> bool:
    from keras.layers import RNN

    layers = list(network._flatten_layers())
    return any(isinstance(layer, RNN) for layer in layers) and all(
        layer.supports_jit for layer in layers
    )


def _torch(network: Any, size: int, held: Batch | None, steps: int) -> Any:
    """Take the steps of a call one by one, traced where they are many."""
    from zoo.training.traced import traced

    def tensors(batch: Batch) -> Batch:
        return tuple(each(keras().ops.convert_to_tensor, part) for part in batch)

    data = None if held is None else tensors(held)
    step = network.train_step if one_by_one(network) else traced(network, size, steps)

    def steps_at_once(items: Any) -> Any:
        rows = tensors(items[0])
        if data is not None:
            rows = _cut(data, rows[0])
        for start in range(0, len(rows[1]), size):
            step(_cut(rows, slice(start, start + size)))
        return network.get_metrics_result()

    return steps_at_once
