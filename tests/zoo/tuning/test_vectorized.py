"""Trainings side by side end where each would end alone."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from zoo.data.datasets import load_dataset
from zoo.data.split import stratified_folds
from zoo.inference.model import Model
from zoo.parts.settings import with_settings
from zoo.registry.registry import get_spec, registry
from zoo.runs.run import Run
from zoo.training.fit import fit
from zoo.training.rows import InMemory
from zoo.tuning.trial import Trial
from zoo.tuning.vectorized import VectorizedTrials, program_hash

pytestmark = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "jax") != "jax", reason="on JAX only"
)


def trial(fold: int, folds: int, seed: int, **settings: Any) -> Trial:
    """Return the training on all rows of the Pima dataset but those of a fold."""
    settings = {"scale": "standard", "batch_size": 32, **settings}
    spec = with_settings(get_spec("mlp-pima"), settings)
    rows = load_dataset(registry().datasets.find("pima"))["train"]
    kept, held = stratified_folds(rows.labels, folds)[fold]
    model = Model(spec, weights=None)
    content = {"train": rows.take(kept), "validation": rows.take(held)}
    return Trial(model, InMemory(model, content, seed), seed)


def alone(of: Trial, epochs: int, tmp_path: Path) -> dict[str, float]:
    """Return what the same training measures in the end when nothing goes on beside it."""
    spec = with_settings(of.model.spec, {"epochs": epochs})
    state = of.model.fitted_state
    data = copy.copy(of.data)
    assert spec.training is not None
    data.training = spec.training
    run = Run.begin(None, spec, of.seed)
    fit(run, Model(spec, weights=None, state=state), data)
    return run.metrics["validation"]


DIFFERENT = [
    {"fold": 0, "seed": 3},
    {"fold": 1, "seed": 3, "learning_rate": 0.01},
    {"fold": 4, "seed": 1, "kernel_initializer": "random_uniform"},
    {"fold": 4, "seed": 3, "learning_rate": 0.003, "kernel_initializer": "random_normal"},
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "rmsprop", "dropout": 0.3, "normalise": True},
        {"class_weights": {"diabetes": 2.0}, "l2": 0.01, "loss": "mse", "shuffle": False},
    ],
)
def test_side_by_side_is_as_alone(settings: dict[str, Any], tmp_path: Path) -> None:
    """Folds of unequal size, seeds, learning rates and initialisers in one program."""
    trials = [trial(folds=5, **settings, **own) for own in DIFFERENT]
    assert len({each.data.rows for each in trials}) == 2
    assert len({program_hash(each) for each in trials}) == 1
    together = VectorizedTrials(trials)
    for epochs in (1, 4):  # read off on the way
        together.train(epochs)
        for each, found in zip(trials, together.measure(), strict=True):
            assert found == pytest.approx(alone(each, epochs, tmp_path), abs=1e-5)


@pytest.mark.slow
def test_very_unequal_folds(tmp_path: Path) -> None:
    """The longer training has whole steps that the other has not."""
    trials = [trial(fold=0, folds=2, seed=3), trial(fold=0, folds=9, seed=3)]
    together = VectorizedTrials(trials)
    together.train(2)
    for each, found in zip(trials, together.measure(), strict=True):
        assert found == pytest.approx(alone(each, 2, tmp_path), abs=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        {"hidden": [12, 9]},
        {"activation": "tanh"},
        {"batch_size": 16},
        {"optimizer": "sgd"},
        {"optimizer": {"uses": "adam", "beta_1": 0.8}},
        {"dropout": 0.1},
        {"l2": 0.1},
        {"loss": "mse"},
        {"class_weights": {"diabetes": 2.0}},
    ],
)
def test_what_is_compiled_into_a_program_keeps_trainings_apart(other: dict[str, Any]) -> None:
    assert program_hash(trial(0, 3, 1)) != program_hash(trial(0, 3, 1, **other))


def test_what_is_decided_on_the_way_is_trained_alone() -> None:
    for rule in (
        {"early_stopping": {"patience": 2}},
        {"reduce_lr_on_plateau": {"patience": 2}},
        {"callbacks": ["terminate_on_nan"]},
    ):
        assert program_hash(trial(0, 3, 1, **rule)) is None
