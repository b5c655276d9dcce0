"""Many training steps in one call of ``fit``'s training function, instead of one.

A step of a small network costs far less than its dispatch. Here an epoch, or a piece of one, is a
single call that repeats Keras's own ``train_step``; ``fit`` stays in charge of callbacks, metrics,
validation and history. Every training compiles its own program: nothing short of the program
itself shows that two networks take the same step.

Why it is right: the loop contains ``train_step`` as Keras would compile it, takes the batches in
the order of ``fit``, and passes Keras's variables in and out. A network that overrides the loop
is left to Keras, and so is one that does not compile (`is_repeatable`, `compile_steps`).
What would break it: a Keras that does not call ``train_function`` once for each item of the data;
tests/differential compares every kind of step with Keras's own.
"""

from __future__ import annotations

import functools
from typing import Any

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend, devices, keras
from zoo.backend.runner import (
    Batch,
    cast_inputs,
    count_batches,
    count_samples,
    map_arrays,
    take_rows,
)
from zoo.training.steps.traced import has_known_layers, training_step

DROPOUT_RATES = ("rate", "dropout", "recurrent_dropout")
"""Attributes of layers that, if not 0, make them draw random numbers."""

LOOP = ("fit", "make_train_function", "_make_function")
"""Methods of a network that run its steps in sequence."""


def compile_steps(
    network: Any, size: int, arrays: Batch, *, rows: int, steps: int, held: bool
) -> int | None:
    """Make a network's ``fit`` take many batches per call, where the result is the same.

    Parameters
    ----------
    network
        The compiled network.
    size
        Rows of a batch; the remaining rows are a smaller batch.
    arrays
        Inputs, targets and weights: all rows if `held`, else a sample with their shapes.
    rows
        Rows of a call, at most.
    steps
        Total number of steps, about.
    held
        Whether ``fit`` receives the numbers of rows of `arrays`, instead of rows.

    Returns
    -------
    int or None
        Rows of a call; None where Keras takes its own steps, batch by batch.
    """
    if not is_repeatable(network):
        return None
    backend = chosen_backend()
    if backend == "torch":  # a Python loop, which Ctrl-C interrupts between two calls
        rows = min(rows, 64 * size)
    # Keras builds loss and metrics from real rows here: `fit` would use its own input.
    if not keras_private.build_compiled(network, take_rows(arrays, slice(size))):
        return None  # a custom step without them: `fit` would try to build them again
    compile_function = {"jax": _jax, "tensorflow": _tensorflow}.get(backend, _torch)
    try:
        network.train_function = compile_function(network, size, arrays, rows, steps, held=held)
    except Exception:  # a step may do what no compiled loop can; Keras runs it as it is
        network.train_function = None
        return None
    return rows


def is_repeatable(network: Any) -> bool:
    """Whether the steps of a network may run in one program.

    The loop must be Keras's own, with compiled steps in sequence. And on a CPU, XLA runs a
    convolution inside a loop on one core and ten times slower, while the steps of convolutional
    networks take so long that dispatch does not matter.
    """
    custom = [n in vars(network) or not _is_standard(getattr(type(network), n, None)) for n in LOOP]
    compiled = network.jit_compile or chosen_backend() != "jax"
    if any(custom) or not compiled or network.run_eagerly:
        return False
    if network.steps_per_execution > 1 or keras().distribution.distribution() is not None:
        return False
    convolves = any("Conv" in type(layer).__name__ for layer in keras_private.layers_of(network))
    return not convolves or set(devices()) != {"cpu"}


def _is_standard(method: Any) -> bool:
    return method is None or method.__module__.startswith(
        (keras_private.MODULE_PREFIX, "zoo.backend.")
    )


def _jax(network: Any, size: int, arrays: Batch, rows: int, steps: int, *, held: bool) -> Any:
    """Compile the steps of a call into one program, a scan over Keras's ``train_step``."""
    import jax

    def step(data: Any, state: Any, rows: Any) -> Any:
        batch = take_rows(data, rows[0]) if held else rows
        logs, state = network.train_step(state, cast_inputs(network, batch))
        return state, logs

    # The data are an argument: captured arrays would be compiled into the program.
    @functools.partial(jax.jit, donate_argnums=0)
    def take_steps(state: Any, data: Any, rows: Any) -> Any:
        total = len(jax.tree.leaves(rows)[0])
        scanned = total // size * size if total > size else 0
        if scanned:
            stacked = jax.tree.map(lambda a: a[:scanned].reshape(-1, size, *a.shape[1:]), rows)
            state, logs = jax.lax.scan(functools.partial(step, data), state, stacked)
            logs = jax.tree.map(lambda values: values[-1], logs)  # metrics accumulate
        if scanned < total:
            state, logs = step(data, state, jax.tree.map(lambda a: a[scanned:], rows))
        return logs, state

    data = jax.device_put(arrays) if held else ()
    state = keras_private.jax_state(network)
    row_specs = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(
            (rows, *a.shape[1:]), jax.dtypes.canonicalize_dtype(a.dtype)
        ),
        arrays,
    )
    numbers = (jax.ShapeDtypeStruct((rows,), "int32"),)
    take_steps.trace(state, data, numbers if held else row_specs)  # the calls reuse the trace
    return lambda state, iterator: take_steps(state, data, next(iterator))


def _tensorflow(
    network: Any, size: int, arrays: Batch, rows: int, steps: int, *, held: bool
) -> Any:
    """Compile the steps of a call into a loop of a TensorFlow graph."""
    import tensorflow as tf

    tree = tf.nest.map_structure
    data = tree(tf.constant, arrays) if held else None

    def step(rows: Any) -> Any:
        batch = rows if data is None else tree(lambda array: tf.gather(array, rows[0]), data)
        return network.train_step(cast_inputs(network, batch))

    # XLA takes seconds more to compile; it pays where a step is itself a loop of small operations.
    @tf.function(jit_compile=_suits_xla(network), autograph=False)  # type: ignore[untyped-decorator]
    def take_steps(rows: Any) -> Any:
        looped = count_batches(tf.nest.flatten(rows)[0].shape[0], size) - 1
        last = looped * size
        if looped:
            stacked = tree(lambda a: tf.reshape(a[:last], (looped, size, *a.shape[1:])), rows)

            def body(number: Any) -> Any:
                step(tree(lambda array: array[number], stacked))
                return number + 1

            tf.while_loop(lambda number: number < looped, body, [tf.constant(0)])
        return step(tree(lambda array: array[last:], rows))  # Keras logs the last step

    numbers = (tf.TensorSpec((rows,), tf.int32),)
    row_specs = tree(lambda a: tf.TensorSpec((rows, *a.shape[1:]), a.dtype), arrays)
    take_steps.get_concrete_function(numbers if held else row_specs)
    return lambda iterator: take_steps(next(iterator))


def _suits_xla(network: Any) -> bool:
    """Whether a network is recurrent, has known layers only, and draws no random numbers.

    (From the same seed, XLA draws other numbers than TensorFlow without it.)
    """
    from keras.layers import RNN

    layers = keras_private.layers_of(network)
    draws = any(getattr(layer, rate, 0) for layer in layers for rate in DROPOUT_RATES)
    recurrent = any(isinstance(layer, RNN) for layer in layers)
    return recurrent and has_known_layers(network) and not draws


def _torch(network: Any, size: int, arrays: Batch, rows: int, steps: int, *, held: bool) -> Any:
    """Return a function that takes the steps of a call one by one, traced if they are many."""

    def tensors(batch: Batch) -> Batch:
        return tuple(map_arrays(keras().ops.convert_to_tensor, part) for part in batch)

    data = tensors(arrays) if held else None
    step = training_step(network, size, steps)

    def take_steps(items: Any) -> Any:
        rows = tensors(items[0])
        if data is not None:
            rows = take_rows(data, rows[0])
        for start in range(0, count_samples(rows[1]), size):
            logs = step(cast_inputs(network, take_rows(rows, slice(start, start + size))))
        return logs

    return take_steps
