"""A training step on torch without the Python that made it.

Keras's ``train_step`` is run once while torch writes down what it computes; the record is then
replayed. It cannot hold what Python decides later, such as every fourth step or a layer that counts
its calls. So only networks are traced whose every part is known to do the same at each step.

Why it is right: a trace contains the operations of the step on the network's own tensors, and the
lists below name the layers and optimizers that choose the same operations every time; a test
trains each of them both ways. Random numbers are drawn by the operations, so they go on. What
would break it: a layer of the lists that begins to depend on Python state, or a batch of another
shape, which takes Keras's step instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.backend import keras_private
from zoo.backend.choose import keras

Step = Callable[[Any], Any]
"""Takes inputs, targets and, where there are any, row weights; returns logs."""

WORTH_TRACING = 2000
"""Steps of a training from which on they are traced: that takes as long as a thousand of them."""

LAYERS = (
    "Activation", "BatchNormalization", "Dense", "Dropout", "Embedding", "Flatten", "Functional",
    "GRU", "GRUCell", "InputLayer", "LSTM", "LSTMCell", "ReLU", "Reshape", "Sequential",
    "SimpleRNN", "SimpleRNNCell",
)  # fmt: skip
"""Keras's layers that do the same at each step; a test trains every one of them both ways."""

OPTIMIZERS = ("Adam", "AdamW", "RMSprop")
"""Keras's optimizers that do the same at each step, without the options of `RARE`."""

RARE = ("gradient_accumulation_steps", "loss_scale_factor", "use_ema")
"""Options of an optimizer that do something every few steps, or in the end."""


def traced(network: Any, size: int, steps: int) -> Step:
    """Return what takes a training step, as fast as is known to be right.

    Parameters
    ----------
    network
        The compiled network, with its optimizer and metrics built.
    size
        Rows of a batch; a smaller one is Keras's own step.
    steps
        How many steps there will be in all, about.
    """
    keras_step: Step = network.train_step
    if steps < WORTH_TRACING or not traceable(network):
        return keras_step
    trace: Callable[..., Any] | None = None
    refused = False

    def step(batch: Any) -> Any:
        nonlocal trace, refused
        import torch
        from torch.utils import _pytree as pytree

        if trace is None and not refused:  # there is nothing to trace before the first batch
            try:
                trace = _trace(network, batch)
            except Exception:  # whatever torch cannot hold, Keras can do without
                refused = True
        if trace is None or len(batch[1]) < size:
            return keras_step(batch)
        with torch.no_grad():  # the gradients are among what was traced
            trace(*pytree.tree_leaves(batch))
        return network.get_metrics_result()

    return step


def traceable(network: Any) -> bool:
    """Whether every part of a network and its recipe is known to do the same at each step."""
    optimizer = network.optimizer
    return (
        known(network)
        and not any(getattr(layer, "seed", None) for layer in keras_private.layers_of(network))
        and type(optimizer).__name__ in OPTIMIZERS
        and _from_keras(optimizer)
        and isinstance(keras_private.learning_rate(optimizer), keras().Variable)  # no schedule
        and not any(getattr(optimizer, name) for name in RARE)
    )


def known(network: Any) -> bool:
    """Whether a network is made of nothing but Keras's own layers, of `LAYERS` and in float32."""
    carrying = type(network).__module__ == "zoo.backend.carry"
    layers = keras_private.layers_of(network, itself=not carrying)
    # An own activation, regularizer or `call` is an attribute of its layer.
    parts = [value for layer in layers for value in vars(layer).values() if callable(value)]
    return all(
        type(layer).__name__ in LAYERS and layer.dtype_policy.name == "float32" for layer in layers
    ) and all(map(_from_keras, [*layers, *parts]))


def _from_keras(part: Any) -> bool:
    module = part.__module__ if hasattr(part, "__qualname__") else type(part).__module__
    return str(module).startswith((keras_private.OWN, "torch."))


def _trace(network: Any, batch: Any) -> Any:
    """Return the operations of a step as a function that changes the variables in their place."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.utils import _pytree as pytree

    leaves, structure = pytree.tree_flatten(batch)
    variables = (*network.variables, *network.optimizer.variables, *network.metrics_variables)
    before = [(v.value.data, v.value.detach().clone()) for v in variables]

    def step(*leaves: Any) -> tuple[()]:
        network.train_step(pytree.tree_unflatten(leaves, structure))
        return ()

    try:
        with torch.random.fork_rng():
            trace = make_fx(step)(*leaves)
    finally:  # the step was really taken
        for value, old in before:
            value.copy_(old)
    for node in list(trace.graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            trace.graph.erase_node(node)
    trace.recompile()
    return trace
