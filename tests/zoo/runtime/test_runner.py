"""The compiled path: same numbers as the network, whatever the batch, and no way to break it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo.errors import InputError
from zoo.runtime.backend import keras
from zoo.runtime.runner import Runner


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


def test_the_last_batch_is_padded_not_compiled_anew(network: Any) -> None:
    import jax

    if keras().config.backend() != "jax":
        pytest.skip("counts JAX's compilations")
    runner = Runner(network)
    runner(np.ones((8, 6), np.float32), batch_size=8)
    with jax.log_compiles(), pytest.MonkeyPatch.context() as patch:
        compiled: list[str] = []
        patch.setattr(
            "jax._src.interpreters.pxla.logger.log", lambda *args, **_: compiled.append(args[1])
        )
        runner(np.ones((15, 6), np.float32), batch_size=8)
    assert compiled == []
