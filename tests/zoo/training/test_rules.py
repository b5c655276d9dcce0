"""Lowering the learning rate on a plateau, and schedules, as part of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import keras
from zoo.errors import SpecError, TrainingError, UsageError
from zoo.spec.files import read_spec


def spec(learning_rate: Any = 0.05, **recipe: Any) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="small",
        task="tabular-classification",
        architecture=zoo.Component("tabular/mlp", hidden=[4], output_activation="sigmoid"),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/binary"),
        training=zoo.Training(
            loss="binary_crossentropy", target="y", metrics=("accuracy",), validation=0.3,
            epochs=6, batch_size=16, optimizer=zoo.Component("adam", learning_rate=learning_rate),
            **recipe,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> zoo.Table:
    x = np.random.default_rng(0).normal(size=80)
    y = x + np.random.default_rng(1).normal(size=80) > 0
    return zoo.Table({"x": x.tolist(), "y": y.astype(int).tolist()})


def weights(run: zoo.Run) -> list[Any]:
    return [np.asarray(weight) for weight in run.model.keras.get_weights()]


def assert_equal(one: zoo.Run, other: zoo.Run) -> None:
    """Bit for bit."""
    assert one.history == other.history
    for mine, its in zip(weights(one), weights(other), strict=True):
        assert np.array_equal(mine, its)


RULES = {
    "loss": {"patience": 1, "factor": 0.5, "min_delta": 0.05, "monitor": "val_loss"},
    "metric": {"patience": 1, "min_delta": 0.3, "monitor": "val_accuracy", "min_lr": 0.01},
    "cooldown": {"patience": 1, "min_delta": 1.0, "monitor": "loss", "cooldown": 1},
}


@pytest.mark.backends
@pytest.mark.parametrize("name", RULES)
def test_the_rate_falls_where_keras_lowers_it(name: str, rows: zoo.Table, tmp_path: Path) -> None:
    rule = RULES[name]
    ours = zoo.train(
        spec(reduce_lr_on_plateau=zoo.ReduceLROnPlateau(**rule)), rows, seed=1,
        output=tmp_path / "ours",
    )  # fmt: skip
    callback = keras().callbacks.ReduceLROnPlateau(**rule)
    keras_run = zoo.train(spec(), rows, seed=1, output=tmp_path / "keras", callbacks=[callback])
    assert_equal(ours, keras_run)
    rates = ours.history["learning_rate"]
    assert rates[0] == pytest.approx(0.05)
    assert rates[-1] < rates[0]


COSINE = {"uses": "cosine_decay", "initial_learning_rate": 0.0, "warmup_target": 0.05,
          "warmup_epochs": 1}  # fmt: skip
RESUMED = {
    "plateau": spec(reduce_lr_on_plateau=zoo.ReduceLROnPlateau(**RULES["cooldown"])),
    "schedule": spec(COSINE),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_training_ends_where_it_would_have(
    name: str, killed: Any, rows: zoo.Table, tmp_path: Path
) -> None:
    def train(folder: str, **options: Any) -> zoo.Run:
        return zoo.train(RESUMED[name], rows, seed=1, output=tmp_path / folder, **options)

    killed(3, lambda: train("run"))
    resumed = train("run", resume=True)
    assert "resumed" not in resumed.environment
    assert read_spec(resumed.path / "spec.toml") == resumed.spec == RESUMED[name]
    assert_equal(resumed, train("whole"))


def test_a_schedule_over_streamed_rows(rows: zoo.Table, tmp_path: Path) -> None:
    """Their number is known before the training; so is that of the steps."""
    counted = {"uses": "cosine_decay", "initial_learning_rate": 0.05}
    runs = [
        zoo.train(
            spec(rate), lambda: iter([rows[:30], rows[30:]]), seed=1, output=tmp_path / name,
            settings=["validation=0.25"],
        )
        for name, rate in (("left-out", counted), ("given", {**counted, "decay_steps": 24}))
    ]  # fmt: skip
    assert_equal(*runs)


@pytest.mark.parametrize(
    ("rate", "rule", "error", "text"),
    [
        (0.01, {"monitor": "val_los"}, TrainingError, "reduce_lr_on_plateau.monitor: 'val_los' is"),
        (0.01, {"monitor": "val_x", "mode": "max"}, TrainingError, "'val_x' is not measured; ch"),
        (COSINE, {}, SpecError, "training.optimizer is the schedule 'cosine_decay'; drop one"),
    ],
)
def test_what_cannot_be_followed_is_said(
    rate: Any, rule: dict[str, Any], error: type[Exception], text: str, rows: zoo.Table,
    tmp_path: Path,
) -> None:  # fmt: skip
    recipe = spec(rate, reduce_lr_on_plateau=zoo.ReduceLROnPlateau(**rule))
    with pytest.raises(error, match=text):
        zoo.train(recipe, rows, seed=1, output=tmp_path / "run")


def test_a_figure_of_unknown_direction_needs_a_mode(rows: zoo.Table, tmp_path: Path) -> None:
    rule = {"monitor": "true_negatives", "patience": 1}
    small = spec(reduce_lr_on_plateau=zoo.ReduceLROnPlateau(**rule))
    with pytest.raises(UsageError, match="higher or lower 'true_negatives' is better"):
        zoo.train(small, rows, seed=1, output=tmp_path / "u", settings=["metrics=true_negatives"])


def test_set_reaches_the_rule(rows: zoo.Table, tmp_path: Path) -> None:
    """`patience` alone stays that of early stopping, unless the recipe has both rules."""
    settings = ["reduce_lr_on_plateau.patience=1", "factor=0.5", "early_stopping={patience=3}"]
    run = zoo.train(spec(), rows, seed=1, output=tmp_path / "run", settings=settings)
    assert run.spec.training is not None
    rule = run.spec.training.reduce_lr_on_plateau
    assert rule == zoo.ReduceLROnPlateau(patience=1, factor=0.5)
    with pytest.raises(UsageError, match=r"early_stopping.patience or .*plateau.patience"):
        zoo.train(spec(), rows, output=tmp_path / "no", settings=[*settings, "patience=2"])
    run = zoo.train(
        spec(), rows, epochs=1, seed=1, output=tmp_path / "alone", settings=["patience=3"]
    )
    assert run.spec.training is not None
    assert run.spec.training.early_stopping == zoo.EarlyStopping(patience=3)


def test_an_update_is_slower_than_its_schedule(rows: zoo.Table, tmp_path: Path) -> None:
    first = zoo.train(spec(COSINE), rows, seed=1, output=tmp_path / "first")
    update = zoo.retrain(first.path, rows, epochs=2, seed=1, output=tmp_path / "update")
    assert update.spec.training is not None
    assert update.spec.training.optimizer.config["learning_rate"] == {
        **COSINE, "warmup_target": 0.005,
    }  # fmt: skip
