"""The compiled path: the same numbers as the network for any batch, and no way to break it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo.backend.choose import keras
from zoo.backend.runner import Runner
from zoo.errors import InputError


@pytest.fixture(scope="module")
def network() -> Any:
    layers = keras().layers
    return keras().Sequential(
        [
            keras().Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.mark.backends
@pytest.mark.parametrize("rows", [0, 1, 3, 8, 21])
def test_the_outputs_are_the_networks(network: Any, rows: int) -> None:
    inputs = np.random.default_rng(rows).normal(size=(rows, 6)).astype("float32")
    before = inputs.copy()
    outputs = Runner(network)(inputs, batch_size=8)
    assert type(outputs) is np.ndarray
    assert outputs.shape == (rows, 3)
    assert outputs.dtype == np.float32
    np.testing.assert_array_equal(inputs, before)
    if rows:
        expected = keras().ops.convert_to_numpy(network(inputs, training=False))
        np.testing.assert_allclose(outputs, expected, atol=1e-6)


@pytest.mark.backends
def test_weights_that_change_later_count(network: Any) -> None:
    runner = Runner(network)
    inputs = np.ones((1, 6), np.float32)
    first = runner(inputs)
    network.layers[-1].bias.assign([1.0, 2.0, 3.0])
    assert not np.allclose(first, runner(inputs))
    network.layers[-1].bias.assign([0.0, 0.0, 0.0])


@pytest.mark.backends
@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (np.ones((2, 5), "float32"), r"shape \(samples, 6\), received \(2, 5\)"),
        (np.ones(6, "float32"), r"received \(6,\)"),
        (np.array([["a"] * 6]), "takes numbers"),
        (np.array([[None] * 6]), "takes numbers"),
    ],
)
def test_a_malformed_call_is_an_error_and_destroys_nothing(
    network: Any, inputs: Any, text: str
) -> None:
    """On JAX Keras's own predict loses the weights then."""
    runner = Runner(network)
    good = np.ones((1, 6), np.float32)
    before = runner(good)
    with pytest.raises(InputError, match=text):
        runner(inputs)
    np.testing.assert_array_equal(runner(good), before)


@pytest.mark.backends
def test_rows_may_depend_on_the_others_of_their_batch() -> None:
    """The last batch has fewer rows: those that are there, and no others beside them."""

    class Centred(keras().layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, x: Any) -> Any:
            return x - keras().ops.mean(x, axis=0, keepdims=True)

    network = keras().Sequential([keras().Input((6,)), Centred()])
    inputs = np.random.default_rng(0).normal(size=(7, 6)).astype("float32")
    expected = [part - part.mean(axis=0) for part in (inputs[:4], inputs[4:])]
    found = Runner(network)(inputs, batch_size=4)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-6)


@pytest.mark.backends
def test_a_state_goes_on_from_call_to_call() -> None:
    """As in Keras's own predict; what changes nothing is left alone."""

    class Counter(keras().layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, shape: Any) -> None:
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any) -> Any:
            self.calls.assign(self.calls + 1.0)
            return x + self.calls

    layers = keras().layers
    network = keras().Sequential([keras().Input((2,)), layers.BatchNormalization(), Counter()])
    before = network.layers[0].moving_mean.value
    start = float(network.layers[1].calls.value)
    outputs = Runner(network)(np.zeros((3, 2), np.float32), batch_size=1)
    np.testing.assert_allclose(outputs[:, 0] - start, [1, 2, 3])
    assert network.layers[0].moving_mean.value is before
