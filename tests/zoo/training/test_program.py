"""What was compiled for one network serves those that equal it, and no others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiers import slow

from zoo.api import get_spec
from zoo.data.datasets import load
from zoo.model import Model
from zoo.registry.registry import registry
from zoo.training import compiled, program
from zoo.training.fit import InMemory, fit
from zoo.training.recipe import with_settings
from zoo.training.run import Run

pytestmark = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "jax") != "jax", reason="on JAX only"
)

ALIKE: list[dict[str, Any]] = [
    {},
    {"seed": 2},
    {"learning_rate": 0.01},
    {"kernel_initializer": "random_normal", "rows": 90},
    {"epochs": 3, "shuffle": False},
    {"class_weights": {"diabetes": 3.0}},
    {"early_stopping": {"patience": 1, "monitor": "loss"}},
]

OTHER: list[dict[str, Any]] = [{"l2": 0.1}, {"batch_size": 16}, {"freeze": ["hidden*"]}]


def trained(
    folder: Path, *, seed: int = 1, rows: int = 100, **settings: Any
) -> tuple[Any, dict[str, Any]]:
    """Return a network with dropout and batch normalisation, and its figures."""
    common = {"dropout": 0.2, "normalise": True, "batch_size": 32, "epochs": 2, "hidden": [6]}
    spec = with_settings(get_spec("mlp-pima"), {**common, **settings})
    content = {"train": load(registry().datasets.find("pima"))["train"].take(range(rows))}
    model = Model(spec, weights=None)
    run = Run(folder, spec, seed)
    fit(run, model, InMemory(model, content, seed), keep=False)
    return model.keras, run.metrics


@pytest.mark.parametrize(
    "settings",
    [*ALIKE[:3], *map(slow, ALIKE[3:])],
)
def test_a_network_that_comes_later_is_trained_as_if_it_were_alone(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    compiled._kept.clear()
    alone, metrics = trained(tmp_path, **settings)
    compiled._kept.clear()
    trained(tmp_path, seed=7)
    later, figures = trained(tmp_path, **settings)
    assert len(compiled._kept) == 1
    assert figures == metrics
    for value, expected in zip(later.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_what_becomes_of_a_network_does_not_matter_to_later_ones(tmp_path: Path) -> None:
    _, metrics = trained(tmp_path, rows=90)
    compiled._kept.clear()
    first, _ = trained(tmp_path)
    first.trainable = False
    first.compile("sgd", "mse")
    _, figures = trained(tmp_path, rows=90)  # other rows: traced once more
    assert len(compiled._kept) == 1
    assert figures == metrics


@pytest.mark.parametrize(
    "settings",
    [OTHER[0], *map(slow, OTHER[1:])],
)
def test_what_differs_in_a_step_is_compiled_anew(settings: dict[str, Any], tmp_path: Path) -> None:
    compiled._kept.clear()
    trained(tmp_path)
    trained(tmp_path, **settings)
    assert len(compiled._kept) == 2


def test_no_large_network_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled._kept.clear()
    monkeypatch.setattr("zoo.training.program.LARGE", 10)
    trained(tmp_path)
    assert not compiled._kept


def network(activation: str = "relu", mean: float = 0.0, rate: float = 0.5) -> Any:
    """Return a network that differs in what no name and no shape tells."""
    import keras

    keras.utils.clear_session()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Lambda(lambda x: x - np.array([mean, 1.0, 2.0], "float32")),
            layers.Dense(4, activation=activation),
            layers.Dropout(rate, seed=1),
            layers.Dense(1),
        ]
    )


def test_what_code_computes_tells_networks_apart() -> None:
    """In a notebook a function is written again and again, under the same name."""
    same = program._forward(network())
    assert program._forward(network()) == same
    others = [network("tanh"), network(mean=1.0), network(rate=0.1)]
    assert same not in {program._forward(other) for other in others}


def test_the_twin_that_is_compiled_computes_the_same() -> None:
    """A layer's constants may come from weights: Keras's Normalization copies its mean."""
    import keras

    def scaled() -> Any:
        layers = [keras.Input((3,)), keras.layers.Normalization(), keras.layers.Dense(1)]
        return keras.Sequential(layers)

    network, spec = scaled(), get_spec("mlp-pima")
    network.layers[0].adapt(np.array([[1.0, 2, 3], [4, 5, 7]], "float32"))
    assert spec.training is not None
    model = Model(spec, weights=None)
    model.architecture = lambda: scaled  # type: ignore[method-assign,assignment]
    found = program.Program.of(model, network, spec.training)
    assert found is not None
    assert program._forward(found.network()) == program._forward(network)


def test_a_network_of_an_open_shape_is_compiled_by_itself() -> None:
    """A short input would be none that this one can take."""
    import keras

    spec = get_spec("mlp-pima")
    assert spec.training is not None
    inputs = keras.Input((None, 3))
    outputs = keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(2, 5)(inputs))
    model = Model(spec, weights=None)
    assert program.Program.of(model, keras.Model(inputs, outputs), spec.training) is None
