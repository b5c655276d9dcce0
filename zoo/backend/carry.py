"""Recurrent networks that carry state: from batch to batch in training, and into sessions.

Not by Keras's ``stateful=True``, which forgets on JAX and fails on torch: here the state enters and
leaves the network like any other tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.backend.choose import keras
from zoo.backend.network import build, copy_weights
from zoo.errors import SpecError
from zoo.spec.model import State

INPUT, OUTPUT = "input", "output"
"""Names of the input and output that are not states."""


def expose_states(network: Any, make: Any, states: Sequence[State]) -> Any:
    """Build a network with its states as inputs and outputs, and the weights of `network`.

    Parameters
    ----------
    network
        The network that starts from a zero state at every call.
    make
        Builds the same network with its states as inputs and outputs.
    states
        The states that the spec declares; if none, those of the network are accepted.

    Raises
    ------
    SpecError
        If the network has other states than the spec declares.
    """
    open_network = build(make, initialise=False)
    actual = states_of(open_network)
    if states and set(actual) != set(states):
        received, expected = (", ".join(map(str, group)) for group in (states, actual))
        msg = f"state: the spec declares {received}; the network has {expected}"
        raise SpecError(msg)
    copy_weights(network, open_network)
    return open_network


def states_of(network: Any) -> tuple[State, ...]:
    """Return the states that a network takes and returns."""
    inputs = network.input
    if not isinstance(inputs, dict) or not isinstance(network.output, dict):
        msg = "an architecture with states must take and return dictionaries of tensors"
        raise SpecError(msg)
    names = inputs.keys() - {INPUT}
    if INPUT not in inputs or network.output.keys() != {OUTPUT, *names}:
        msg = f"an architecture with states must take {INPUT!r}, return {OUTPUT!r}, and have all "
        msg += f"states in both; it takes {', '.join(inputs)}, returns {', '.join(network.output)}"
        raise SpecError(msg)
    return tuple(
        State(name=name, shape=tuple(tensor.shape[1:]), dtype=str(tensor.dtype))
        for name, tensor in inputs.items()
        if name != INPUT
    )


def carry_state(network: Any, rows: int) -> Any:
    """Return a Keras model that carries the state of a network from batch to batch.

    The state is held in variables. Gradients stop at the start of a batch (truncated
    backpropagation through time); `reset` sets the state to zero.

    Parameters
    ----------
    network
        A network that takes and returns its states.
    rows
        Rows of every batch: row i of a batch continues row i of the previous one.
    """
    module = keras()
    ops = module.ops

    class StatefulNetwork(module.Model):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__(name=network.name)
            self.network = network
            self.memory = {
                state.name: self.add_weight(
                    shape=(rows, *state.shape), dtype=state.dtype, initializer="zeros",
                    trainable=False, name=state.name,
                )
                for state in states_of(network)
            }  # fmt: skip

        # Code that saves or freezes layers sees those of the network.
        layers = property(lambda self: self.network.layers)
        input = property(lambda self: self.network.input[INPUT])
        inputs = property(lambda self: [self.input])
        output_shape = property(lambda self: self.network.output_shape[OUTPUT])

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            # A copy: torch must not overwrite what its gradients still need.
            before = {name: ops.copy(memory.value) for name, memory in self.memory.items()}
            batch = ops.reshape(inputs, (rows, *ops.shape(inputs)[1:]))  # fails on another size
            after = self.network({INPUT: batch, **before}, training=training)
            for name, memory in self.memory.items():
                memory.assign(ops.stop_gradient(after[name]))
            return after[OUTPUT]

        def reset(self) -> None:
            for memory in self.memory.values():
                memory.assign(ops.zeros(memory.shape, memory.dtype))

        def fit(self, *arguments: Any, callbacks: Sequence[Any] = (), **options: Any) -> Any:
            """Train; every epoch starts from a zero state."""
            start = module.callbacks.LambdaCallback(on_epoch_begin=lambda *_: self.reset())
            return super().fit(*arguments, callbacks=[start, *callbacks], **options)

        def evaluate(self, *arguments: Any, **options: Any) -> Any:
            """Evaluate from a zero state, in batches of the right size."""
            self.reset()
            return super().evaluate(*arguments, **{**options, "batch_size": rows})

    return StatefulNetwork()
