"""Recurrent networks whose state goes on: from batch to batch in training, and into sessions.

Never Keras's ``stateful=True``, which forgets on JAX and fails on torch: here the state enters and
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
"""What a network with states calls its other input and output."""


def with_states(network: Any, make: Any, states: Sequence[State]) -> Any:
    """Return a network whose states enter and leave it, with the weights of one that hides them.

    Parameters
    ----------
    network
        The network that starts from zero at every call.
    make
        Builds the same network with its states as inputs and outputs.
    states
        What the spec says of them; whatever the network has, if nothing.

    Raises
    ------
    SpecError
        If the network has other states than the spec says.
    """
    open_network = build(make, initialise=False)
    found = states_of(open_network)
    if states and set(found) != set(states):
        received, expected = (", ".join(map(str, each)) for each in (states, found))
        msg = f"state: the spec says {received}; the network has {expected}"
        raise SpecError(msg)
    copy_weights(network, open_network)
    return open_network


def states_of(network: Any) -> tuple[State, ...]:
    """Return the states of a network through which they pass."""
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


def carrying(network: Any, rows: int) -> Any:
    """Return a Keras model that carries the state of a network from batch to batch.

    The state lies in variables of its own. Gradients end at a batch's beginning, as everywhere
    (truncated backpropagation through time); `reset` puts the state back to zero.

    Parameters
    ----------
    network
        A network through which its states pass.
    rows
        Rows of every batch: row i of a batch goes on where row i of the last one ended.
    """
    module = keras()
    ops = module.ops

    class Carrying(module.Model):  # type: ignore[misc,name-defined]
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

        # To whoever saves or freezes layers, it looks like the network itself.
        layers = property(lambda self: self.network.layers)
        input = property(lambda self: self.network.input[INPUT])
        inputs = property(lambda self: [self.input])
        output_shape = property(lambda self: self.network.output_shape[OUTPUT])

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            # A copy: torch must not write into what its gradients still need.
            before = {name: ops.copy(memory.value) for name, memory in self.memory.items()}
            whole = ops.reshape(inputs, (rows, *ops.shape(inputs)[1:]))  # no batch of another size
            after = self.network({INPUT: whole, **before}, training=training)
            for name, memory in self.memory.items():
                memory.assign(ops.stop_gradient(after[name]))
            return after[OUTPUT]

        def reset(self) -> None:
            for memory in self.memory.values():
                memory.assign(ops.zeros(memory.shape, memory.dtype))

        def fit(self, *arguments: Any, callbacks: Sequence[Any] = (), **options: Any) -> Any:
            """Train; every epoch begins from a state of zero."""
            start = module.callbacks.LambdaCallback(on_epoch_begin=lambda *_: self.reset())
            return super().fit(*arguments, callbacks=[start, *callbacks], **options)

        def evaluate(self, *arguments: Any, **options: Any) -> Any:
            """Measure from a state of zero on, in batches of the right size."""
            self.reset()
            return super().evaluate(*arguments, **{**options, "batch_size": rows})

    return Carrying()
