"""Many training steps in one call: what ``fit`` runs where it would run a step at a time.

A step of a small network costs far less than its dispatch. Here an epoch, or a piece of one, is a
single call that takes Keras's own ``train_step`` again and again; ``fit`` stays in charge, and
callbacks, metrics, validation and history are its own. Every training has a program of its own:
nothing short of the program itself says that two networks take the same step.

Why it is right: the loop contains ``train_step`` as Keras would compile it, takes the batches in
the order of ``fit``, and hands Keras's variables in and out. A network with a loop or a step
function of its own is left to Keras, and so is one whose program cannot be made (`repeatable`,
`compile_steps`). What would break it: a Keras that calls ``train_function`` otherwise than once
for each item of the data;
tests/differential compares every kind of step with Keras's own.
"""

from __future__ import annotations

import functools
from typing import Any

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend, devices, keras
from zoo.backend.runner import typed
from zoo.backend.tensors import Batch, cut, each, steps_of
from zoo.training.steps.traced import known, traced

RATES = ("rate", "dropout", "recurrent_dropout")
"""Options of layers that say how much is drawn at random."""

LOOP = ("fit", "make_train_function", "_make_function")
"""Methods of a network that decide how its steps follow each other."""


def compile_steps(
    network: Any, size: int, arrays: Batch, *, rows: int, steps: int, held: bool
) -> int | None:
    """Make a network's ``fit`` take many batches at once, where that is known to be the same.

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

    Returns
    -------
    int or None
        How many rows to hand over at once; None where Keras takes its own steps, batch by batch.
    """
    if not repeatable(network):
        return None
    backend = chosen_backend()
    if backend == "torch":  # its loop is Python's: Ctrl-C ends it between two calls
        rows = min(rows, 64 * size)
    # Keras builds loss and metrics from real rows here: `fit` would look at its own input.
    if not keras_private.build_compiled(network, cut(arrays, slice(size))):
        return None  # its own step does without them, and `fit` would look again
    function = {"jax": _jax, "tensorflow": _tensorflow}.get(backend, _torch)
    try:
        network.train_function = function(network, size, arrays, rows, steps, held=held)
    except Exception:  # a step may do what no loop can hold; Keras can do without
        network.train_function = None
        return None
    return rows


def repeatable(network: Any) -> bool:
    """Whether the steps of a network may be taken in one program.

    The loop has to be Keras's own, in which a step is compiled and one follows the other. And on a
    CPU, XLA runs a convolution inside of a loop on one core and ten times slower, while the steps
    of such a network take so long that dispatch does not matter.
    """
    own = [name in vars(network) or not _ours(getattr(type(network), name, None)) for name in LOOP]
    compiled = network.jit_compile or chosen_backend() != "jax"
    if any(own) or not compiled or network.run_eagerly:
        return False
    if network.steps_per_execution > 1 or keras().distribution.distribution() is not None:
        return False
    convolves = any("Conv" in type(layer).__name__ for layer in keras_private.layers_of(network))
    return not convolves or set(devices()) != {"cpu"}


def _ours(method: Any) -> bool:
    return method is None or method.__module__.startswith((keras_private.OWN, "zoo.backend."))


def _jax(network: Any, size: int, arrays: Batch, rows: int, steps: int, *, held: bool) -> Any:
    """Compile the steps of a call into one program; it scans over Keras's ``train_step``."""
    import jax

    def step(data: Any, state: Any, rows: Any) -> Any:
        batch = cut(data, rows[0]) if held else rows
        logs, state = network.train_step(state, typed(network, batch))
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

    data = jax.device_put(arrays) if held else ()
    state = keras_private.jax_state(network)
    handed = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(
            (rows, *a.shape[1:]), jax.dtypes.canonicalize_dtype(a.dtype)
        ),
        arrays,
    )
    numbers = (jax.ShapeDtypeStruct((rows,), "int32"),)
    steps_at_once.trace(state, data, numbers if held else handed)  # once, for the calls as well
    return lambda state, iterator: steps_at_once(state, data, next(iterator))


def _tensorflow(
    network: Any, size: int, arrays: Batch, rows: int, steps: int, *, held: bool
) -> Any:
    """Take the steps of a call in a loop of TensorFlow's graph."""
    import tensorflow as tf

    tree = tf.nest.map_structure
    data = tree(tf.constant, arrays) if held else None

    def step(rows: Any) -> Any:
        batch = rows if data is None else tree(lambda array: tf.gather(array, rows[0]), data)
        return network.train_step(typed(network, batch))

    # XLA takes seconds more to compile; it pays where a step is itself a loop of small things.
    @tf.function(jit_compile=_recurrent(network), autograph=False)  # type: ignore[untyped-decorator]
    def steps_at_once(rows: Any) -> Any:
        looped = steps_of(tf.nest.flatten(rows)[0].shape[0], size) - 1
        last = looped * size
        if looped:
            stacked = tree(lambda a: tf.reshape(a[:last], (looped, size, *a.shape[1:])), rows)

            def one(number: Any) -> Any:
                step(tree(lambda array: array[number], stacked))
                return number + 1

            tf.while_loop(lambda number: number < looped, one, [tf.constant(0)])
        return step(tree(lambda array: array[last:], rows))  # what it logs is Keras's log

    numbers = (tf.TensorSpec((rows,), tf.int32),)
    handed = tree(lambda a: tf.TensorSpec((rows, *a.shape[1:]), a.dtype), arrays)
    steps_at_once.get_concrete_function(numbers if held else handed)
    return lambda iterator: steps_at_once(next(iterator))


def _recurrent(network: Any) -> bool:
    """Whether a recurrent network is of known layers and draws nothing at random.

    (XLA draws other numbers than TensorFlow does without it, from the same seed.)
    """
    from keras.layers import RNN

    layers = keras_private.layers_of(network)
    draws = any(getattr(layer, rate, 0) for layer in layers for rate in RATES)
    return any(isinstance(layer, RNN) for layer in layers) and known(network) and not draws


def _torch(network: Any, size: int, arrays: Batch, rows: int, steps: int, *, held: bool) -> Any:
    """Take the steps of a call one by one, traced where they are many."""

    def tensors(batch: Batch) -> Batch:
        return tuple(each(keras().ops.convert_to_tensor, part) for part in batch)

    data = tensors(arrays) if held else None
    step = traced(network, size, steps)

    def steps_at_once(items: Any) -> Any:
        rows = tensors(items[0])
        if data is not None:
            rows = cut(data, rows[0])
        for start in range(0, len(rows[1]), size):
            logs = step(typed(network, cut(rows, slice(start, start + size))))
        return logs

    return steps_at_once
