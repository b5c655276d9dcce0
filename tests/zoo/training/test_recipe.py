"""Recipes beyond epochs: early stopping, class weights, folds, held-out rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import SpecError, TrainingError, UsageError


def spec(output: str = "tabular/value", loss: str = "mse", **changes: Any) -> zoo.ModelSpec:
    training = {"loss": loss, "epochs": 3, "batch_size": 16, "target": "y", **changes}
    activation = "linear" if output == "tabular/value" else "sigmoid"
    return zoo.ModelSpec(
        name="small",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4], output_activation=activation),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component(output),
        training=zoo.Training(**training),
    )


@pytest.fixture
def line() -> zoo.Table:
    x = np.random.default_rng(0).uniform(-1, 1, 100)
    return zoo.Table({"x": x.tolist(), "y": (2 * x).tolist()})


@pytest.fixture
def classes() -> zoo.Table:
    x = np.random.default_rng(0).normal(size=200)
    rare = x + np.random.default_rng(1).normal(size=200) > 0.8
    return zoo.Table({"x": x.tolist(), "y": ["rare" if r else "common" for r in rare]})


def test_early_stopping_that_watches_the_recall(classes: zoo.Table, tmp_path: Path) -> None:
    """More of it is better: the returned weights are those of the epoch that found the most."""
    recipe = spec(
        "tabular/binary", "binary_crossentropy", epochs=12, validation=0.4,
        metrics=(zoo.Component("Recall"), zoo.Component("Recall", thresholds=0.2)),
        optimizer=zoo.Component("sgd", learning_rate=1.0),
        early_stopping=zoo.EarlyStopping(patience=12, monitor="val_recall"),
    )  # fmt: skip
    for folder in ("first", "second"):  # the names of a process's second training are the same
        run = zoo.train(recipe, classes, seed=1, output=tmp_path / folder)
        recalls = run.history["val_recall"]
        assert max(recalls) > min(recalls)
        assert run.metrics["validation"]["recall"] == pytest.approx(max(recalls))
        assert "val_recall_1" in run.history


@pytest.mark.parametrize("mode", ["min", "max"])
def test_what_keras_does_not_say_of_a_metric_the_recipe_says(
    classes: zoo.Table, mode: Any, tmp_path: Path
) -> None:
    def recipe(mode: Any) -> zoo.ModelSpec:
        return spec(
            "tabular/binary", "binary_crossentropy", metrics=(zoo.Component("TrueNegatives"),),
            early_stopping=zoo.EarlyStopping(patience=1, monitor="true_negatives", mode=mode),
        )  # fmt: skip

    with pytest.raises(UsageError, match="higher or lower 'true_negatives'"):
        zoo.train(recipe(None), classes, seed=1, output=tmp_path / "unsaid")
    zoo.train(recipe(mode), classes, seed=1, output=tmp_path / "said")


@pytest.mark.backends
def test_early_stopping_gives_the_best_weights(line: zoo.Table, tmp_path: Path) -> None:
    run = zoo.train(
        spec(
            epochs=200,
            validation=0.3,
            optimizer=zoo.Component("adam", learning_rate=0.1),
            early_stopping=zoo.EarlyStopping(patience=3, min_delta=1e-3),
        ),
        line,
        seed=0,
        output=tmp_path / "run",
    )
    losses = run.history["val_loss"]
    assert len(losses) < 200
    assert run.metrics["validation"]["loss"] == pytest.approx(min(losses), abs=2e-3)
    # None of the last three was an improvement of more than a thousandth.
    assert min(losses[-3:]) > min(losses[:-3]) - 1e-3


def test_what_is_watched_has_to_be_measured(line: zoo.Table, tmp_path: Path) -> None:
    stopping = zoo.EarlyStopping(patience=1, monitor="val_los")
    with pytest.raises(TrainingError, match="'val_los' is not measured; choose from loss"):
        zoo.train(spec(early_stopping=stopping), line, output=tmp_path / "run")


def test_a_class_that_counts_more_is_predicted_more(classes: zoo.Table, tmp_path: Path) -> None:
    found = []
    for weight in (1.0, 20.0):
        recipe = spec(
            "tabular/binary",
            "binary_crossentropy",
            epochs=60,
            optimizer=zoo.Component("adam", learning_rate=0.03),
            class_weights={"rare": weight},
        )
        run = zoo.train(recipe, classes, seed=0, output=tmp_path / str(weight))
        rows = zoo.Table({"x": classes.columns["x"]})
        found.append(sum(r.prediction == "rare" for r in run.model.predict(rows)))
    assert found[1] > 2 * found[0]
    recipe = spec("tabular/binary", "binary_crossentropy", class_weights={"rar": 2.0})
    with pytest.raises(SpecError, match=r"there is no class 'rar'. Did you mean 'rare'\?"):
        zoo.train(recipe, classes, output=tmp_path / "wrong")


@pytest.mark.backends
def test_folds_are_trained_apart_and_then_the_whole(line: zoo.Table, tmp_path: Path) -> None:
    run = zoo.train(spec(), line, seed=0, folds=4, output=tmp_path / "run")
    figures = run.metrics["folds"]
    each = [
        json.loads((tmp_path / f"run/fold-{n}/metrics.json").read_text())["validation"]["loss"]
        for n in range(1, 5)
    ]
    assert figures["loss_each"] == each
    assert figures["loss"] == pytest.approx(np.mean(each))
    assert figures["loss_deviation"] == pytest.approx(np.std(each, ddof=1))
    assert len(set(each)) == 4
    assert "validation" not in run.metrics
    assert run.model.predict([{"x": 0.5}])[0].error is None


@pytest.mark.backends
def test_an_epoch_is_plain_keras(line: zoo.Table, tmp_path: Path) -> None:
    """The compiled epoch is faster, not different: the same batches give the same losses."""
    import keras

    from zoo.backend.seeding import temporary_seed

    recipe = spec(shuffle=False, epochs=5, batch_size=32)  # a remainder of 4 rows
    run = zoo.train(recipe, line, seed=7, output=tmp_path / "run")
    x = np.array(line.columns["x"], "float32")[:, None]
    y = np.array(line.columns["y"], "float32")[:, None]
    with temporary_seed(7):
        network = zoo.get_model(recipe, weights=None)
        network.preprocessor.fit(zoo.Table({"x": [1.0]}))
        network = network.keras
        network.compile(optimizer=keras.optimizers.Adam(), loss="mse")
        plain = network.fit(x, y, epochs=5, batch_size=32, shuffle=False, verbose=0)
    np.testing.assert_allclose(run.history["loss"], plain.history["loss"], rtol=1e-5)


def test_figures_of_a_reproduction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.training.reproduce import reproduce

    monkeypatch.chdir(tmp_path)
    told: list[int] = []
    result = reproduce(
        "mlp-pima", seeds=3, settings=["epochs=2"], finished=lambda run: told.append(run.seed)
    )
    assert told == list(result.seeds)
    assert len(result.runs) == 3
    (measured,) = result.figures
    reached = [
        json.loads((path / "metrics.json").read_text())["train"]["accuracy"] for path in result.runs
    ]
    assert list(measured.values) == reached
    assert measured.median == sorted(reached)[1]
    assert result.passed == (measured.median >= 0.745)


def test_a_variant_has_figures_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published figure of the default recipe says nothing about another one."""
    from zoo.training.reproduce import reproduce

    monkeypatch.chdir(tmp_path)
    own = zoo.Figure(metric="loss", on="train", published=7.5, at_most=1e9)
    result = reproduce("mlp-pima", seeds=1, settings=["epochs=1"], figures=[own])
    assert result.passed
    record = result.to_dict()
    assert (record["settings"], record["figures"][0]["published"]) == (["epochs=1"], 7.5)


@pytest.mark.parametrize(
    ("bounds", "passed"),
    [({"at_least": 0.5}, True), ({"at_least": 0.61}, False), ({"at_most": 0.5}, False),
     ({"at_least": 0.5, "at_most": 0.6}, True)],
)  # fmt: skip
def test_the_median_is_judged(bounds: dict[str, float], passed: bool) -> None:
    from zoo.training.reproduce import Measurement

    figure = zoo.Figure(metric="accuracy", **bounds)  # type: ignore[arg-type]
    assert Measurement(figure, (0.1, 0.6, 0.9)).passed is passed
