"""Torch replays what Keras's own step does, for every listed layer and optimizer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo.backend.choose import chosen_backend, keras
from zoo.backend.seeding import temporary_seed
from zoo.training.steps.traced import LAYERS, OPTIMIZERS, is_traceable, training_step

if chosen_backend() != "torch":
    pytest.skip("traces are torch's", allow_module_level=True)

pytestmark = pytest.mark.backends

ROWS, SIZE, STEPS = 24, 8, 6

SEQUENCES = {"GRU": "GRU", "LSTM": "LSTM", "SimpleRNN": "SimpleRNN"}
"""Layers that read sequences, each of which holds a cell."""

OPTIONS: dict[str, tuple[Any, ...]] = {
    "Activation": ("tanh",), "Dropout": (0.5,), "Embedding": (5, 2), "Reshape": ((2, 2),),
}  # fmt: skip


def network(layer: str, optimizer: str = "Adam") -> Any:
    """Return a compiled network of the layer, and of what it needs around it."""
    layers = keras().layers
    name = layer.removesuffix("Cell")
    parts = [layers.Reshape((2, 2))] if name in SEQUENCES else [layers.Dense(4)]
    if name == "Embedding":
        parts = []
    if name in SEQUENCES:
        parts.append(getattr(layers, name)(3))
    elif name not in ("Dense", "Functional", "Sequential", "InputLayer"):
        parts.append(getattr(layers, name)(*OPTIONS.get(name, ())))
    outputs = [layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    inputs = keras().Input((4,))
    made = keras().Sequential([inputs, *parts, *outputs])
    if name == "Functional":
        made = keras().Model(inputs, made(inputs))
    made.compile(getattr(keras().optimizers, optimizer)(0.02), "binary_crossentropy")
    return made


def trained(make: Any, *, fast: bool) -> list[Any]:
    """Return the weights after some steps."""
    with temporary_seed(1):
        made = make()
        made.optimizer.build(made.trainable_variables)
        rng = np.random.default_rng(0)
        x = rng.integers(0, 5, (ROWS, 4)).astype("float32")
        y = rng.integers(0, 2, (ROWS, 1)).astype("float32")
        convert = keras().ops.convert_to_tensor
        batches = [
            (convert(x[at : at + SIZE]), convert(y[at : at + SIZE])) for at in range(0, ROWS, SIZE)
        ]
        made._symbolic_build(data_batch=batches[0])
        step = training_step(made, SIZE, 10_000) if fast else made.train_step
        assert is_traceable(made)
        for number in range(STEPS):
            step(batches[number % len(batches)])
    return made.get_weights()


def compare(make: Any) -> None:
    for found, expected in zip(trained(make, fast=True), trained(make, fast=False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_of_the_list(layer: str) -> None:
    kinds = {type(part).__name__ for part in network(layer)._flatten_layers()}
    assert layer in kinds
    compare(lambda: network(layer))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_of_the_list(optimizer: str) -> None:
    compare(lambda: network("Dense", optimizer))
