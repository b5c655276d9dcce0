"""Private names of Keras: when a test here fails, Keras changed what one of them means."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import ROOT

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend, keras


@pytest.fixture
def network() -> Any:
    layers = keras().layers
    return keras().Sequential([keras().Input((3,)), layers.Dense(2, activation="relu"),
                               layers.BatchNormalization()])  # fmt: skip


def test_the_installed_keras_is_a_tested_one() -> None:
    assert keras_private.installed_version() <= keras_private.TESTED
    assert ".".join(map(str, keras_private.installed_version())) == keras().__version__


def test_no_other_file_names_what_is_private() -> None:
    private = re.compile(
        r"keras\.src\b|\b(?!self\b|cls\b)\w+\._(symbolic|get_jax|flatten_l|compile_"
        r"|keras_h|value\b|initialize\b|deferred|trainable_|learning|obj_type)"
    )
    files = [file for room in ("zoo", "plugins", "cli") for file in (ROOT / room).rglob("*.py")]
    found = [str(f) for f in files if private.search(f.read_text(encoding="utf-8"))]
    assert found == [str(ROOT / "zoo" / "backend" / "keras_private.py")]


def test_a_newer_keras_takes_no_fast_path(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_private, "TESTED", (3, 14, 2))
    assert not keras_private.fast_paths_allowed()
    told = json.loads(cli("doctor", "--json").out)
    hint = "Keras is newer than 3.14.2, the last one tested: every fast path is off"
    assert hint in told["hints"]


@pytest.mark.backends
def test_state_of_the_process() -> None:
    assert keras_private.global_attribute("zoo-test", 1) == 1
    keras_private.set_global_attribute("zoo-test", 2)
    assert keras_private.global_attribute("zoo-test") == 2
    keras_private.set_global_attribute("zoo-test", None)
    keras().utils.set_random_seed(7)
    seed, generator = keras_private.seed_attributes()
    assert keras_private.global_attribute(seed) == 7
    keras().random.normal((1,))  # draws from the global generator
    assert isinstance(keras_private.global_attribute(generator), keras().random.SeedGenerator)


@pytest.mark.backends
def test_variables() -> None:
    pending = list(keras_private.global_attribute("uninitialized_variables", []))
    with keras().StatelessScope(initialize_variables=False):
        first, second = (keras().Variable("ones", shape=(2,), dtype="float32") for _ in range(2))
    keras_private.set_global_attribute("uninitialized_variables", pending)
    assert keras_private.raw_value(first) is None
    keras_private.give_initial_value(first)
    keras_private.give_value(second, np.array([3, 4], "float32"))
    assert keras().ops.convert_to_numpy(first).tolist() == [1, 1]
    assert keras().ops.convert_to_numpy(second).tolist() == [3, 4]
    keras_private.set_raw_value(first, keras_private.raw_value(second))
    assert keras_private.raw_value(first) is keras_private.raw_value(second)


@pytest.mark.backends
def test_layers(network: Any) -> None:
    dense, norm = network.layers
    assert [layer for layer in keras_private.layers_of(network) if layer in network.layers] == [
        dense, norm,
    ]  # fmt: skip
    assert network not in keras_private.layers_of(network, itself=False)
    assert keras_private.own_variables(dense) == [dense.kernel, dense.bias]
    assert [v.name for v in keras_private.own_variables(norm)] == [
        "gamma", "beta", "moving_mean", "moving_variance",
    ]  # fmt: skip
    assert keras_private.has_variables(dense)
    assert keras_private.is_saveable(dense)
    assert not keras_private.is_saveable(object())
    assert keras_private.is_nested(network)
    assert not keras_private.is_nested(dense)
    cell = keras().layers.LSTM(2)
    assert ("cell", cell.cell) in list(keras_private.children(cell))
    assert keras_private.snake_case("BatchNormalization") == "batch_normalization"
    assert keras_private.producer_of(network.outputs[0]) == (norm, 0)


@pytest.mark.backends
def test_training(network: Any) -> None:
    optimizer = keras().optimizers.Adam(0.5)
    network.compile(optimizer, "mse", metrics=["mae"])
    batch = np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32")
    assert keras_private.build_compiled(network, batch)
    rate = keras_private.learning_rate(optimizer)
    assert isinstance(rate, keras().Variable)
    assert float(keras().ops.convert_to_numpy(rate)) == 0.5
    decaying = keras().optimizers.Adam(keras().optimizers.schedules.ExponentialDecay(0.5, 1, 0.1))
    assert not isinstance(keras_private.learning_rate(decaying), keras().Variable)


@pytest.mark.skipif(chosen_backend() != "jax", reason="JAX's state")
def test_the_state_of_a_network_on_jax(network: Any) -> None:
    network.compile("adam", "mse")
    keras_private.build_compiled(network, (np.zeros((4, 3)), np.zeros((4, 2))))
    kinds = (
        network.trainable_variables, network.non_trainable_variables,
        network.optimizer.variables, network.metrics_variables,
    )  # fmt: skip
    state = keras_private.jax_state(network)
    assert [len(part) for part in state] == [len(kind) for kind in kinds]
    for part, kind in zip(state, kinds, strict=True):
        for value, variable in zip(part, kind, strict=True):
            np.testing.assert_array_equal(value, variable.value)
