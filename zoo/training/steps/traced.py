"""A training step on torch, replayed from a trace without Python.

Keras's ``train_step`` runs once while torch records its operations; the trace is then replayed. It
cannot contain what Python decides later, such as every fourth step or a layer that counts its
calls. So a network is traced only if all its parts are known to do the same at each step.

Why it is right: a trace contains the operations of the step on the network's own tensors, and the
lists below name the layers and optimizers that choose the same operations every time; a test
trains each of them both ways. The operations draw random numbers, so each replay draws new ones.
What would break it: a listed layer that starts to depend on Python state. A batch of another
shape takes Keras's step instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.backend import keras_private
from zoo.backend.choose import keras
from zoo.backend.known import are_known, is_from_keras
from zoo.backend.runner import count_samples

Step = Callable[[Any], Any]
"""Takes inputs, targets and, where there are any, row weights; returns logs."""

MIN_STEPS_TO_TRACE = 2000
"""Steps of a training that is traced, at least: tracing takes as long as a thousand of them."""

LAYERS = (
    "Activation", "BatchNormalization", "Dense", "Dropout", "Embedding", "Flatten", "Functional",
    "GRU", "GRUCell", "InputLayer", "LSTM", "LSTMCell", "ReLU", "Reshape", "Sequential",
    "SimpleRNN", "SimpleRNNCell",
)  # fmt: skip
"""Keras's layers that do the same at each step; a test trains each of them both ways."""

OPTIMIZERS = ("Adam", "AdamW", "RMSprop")
"""Keras's optimizers that do the same at each step, without `PERIODIC_OPTIONS`."""

PERIODIC_OPTIONS = ("gradient_accumulation_steps", "loss_scale_factor", "use_ema")
"""Options of an optimizer that act every few steps, or at the end."""


def training_step(network: Any, size: int, steps: int) -> Step:
    """Return a function that takes a training step: traced where that is safe and pays.

    Parameters
    ----------
    network
        The compiled network, with its optimizer and metrics built.
    size
        Rows of a batch; a smaller one takes Keras's own step.
    steps
        Total number of steps, about.
    """
    keras_step: Step = network.train_step
    if steps < MIN_STEPS_TO_TRACE or not is_traceable(network):
        return keras_step
    trace: Callable[..., Any] | None = None
    failed = False

    def step(batch: Any) -> Any:
        nonlocal trace, failed
        import torch
        from torch.utils import _pytree as pytree

        if trace is None and not failed:  # there is nothing to trace before the first batch
            try:
                trace = _trace(network, batch)
            except Exception:  # what torch cannot trace, Keras runs as it is
                failed = True
        if trace is None or count_samples(batch[1]) < size:
            return keras_step(batch)
        with torch.no_grad():  # the trace contains the gradients
            trace(*pytree.tree_leaves(batch))
        return network.get_metrics_result()

    return step


def is_traceable(network: Any) -> bool:
    """Whether all parts of a network and its optimizer are known to do the same at each step."""
    optimizer = network.optimizer
    return (
        has_known_layers(network)
        and not any(getattr(layer, "seed", None) for layer in keras_private.layers_of(network))
        and type(optimizer).__name__ in OPTIMIZERS
        and is_from_keras(optimizer)
        and isinstance(keras_private.learning_rate(optimizer), keras().Variable)  # no schedule
        and not any(getattr(optimizer, name) for name in PERIODIC_OPTIONS)
    )


def has_known_layers(network: Any) -> bool:
    """Whether a network consists of Keras's own layers only, of `LAYERS` and in float32."""
    carrying = type(network).__module__ == "zoo.backend.carry"
    return are_known(keras_private.layers_of(network, itself=not carrying), LAYERS)


def _trace(network: Any, batch: Any) -> Any:
    """Return the operations of a step as a function that updates the variables in place."""
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
    finally:  # tracing took the step: undo it
        for value, old in before:
            value.copy_(old)
    for node in list(trace.graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            trace.graph.erase_node(node)
    trace.recompile()
    return trace
