"""Which rows a figure is measured on: those held out of the training, if there are any."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import InputError
from zoo.inference.evaluate import Figures


def spec(**changes: Any) -> zoo.ModelSpec:
    training: dict[str, Any] = {"loss": "mse", "epochs": 2, "target": "y", **changes}
    return zoo.ModelSpec(
        name="small",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(**training),
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    draw = random.Random(0)
    rows = [(draw.random(), draw.random()) for _ in range(50)]
    return write(tmp_path / "rows.csv", rows)


def write(path: Path, rows: list[tuple[float, float]]) -> Path:
    path.write_text("\n".join(["x,y", *(f"{x},{y}" for x, y in rows)]) + "\n")
    return path


def told(figures: dict[str, float]) -> tuple[str, int]:
    assert isinstance(figures, Figures)
    return figures.rows, figures.count


@pytest.mark.parametrize(
    "validation", [0.2, zoo.Split(held=12, order="first"), zoo.Split(held=0.3, seed=5)]
)
def test_a_run_is_measured_on_the_rows_held_out_of_it(
    table: Path, tmp_path: Path, validation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from another folder, by another process that knows the run folder alone."""
    monkeypatch.chdir(tmp_path)
    run = zoo.train(spec(validation=validation), "rows.csv", seed=4, output=tmp_path / "run")
    monkeypatch.chdir("/")
    figures = zoo.load(run.path).evaluate()
    assert figures == pytest.approx(run.metrics["validation"])
    held = {0.2: 10}.get(validation) or (12 if validation.held == 12 else 15)
    assert told(figures) == ("held out", held)
    assert str(figures.words) == f"{held} rows held out of its training"


def test_without_rows_held_out_it_says_that_it_was_trained_on_them(
    table: Path, tmp_path: Path
) -> None:
    run = zoo.train(spec(), table, seed=4, output=tmp_path / "run")
    figures = zoo.load(run.path).evaluate()
    assert figures == pytest.approx(run.metrics["train"])
    assert told(figures) == ("trained on", 50)
    assert figures.words == "50 rows it was trained on"
    assert json.dumps(figures) == json.dumps(dict(figures))


def test_after_folds_the_whole_was_trained_on_all_rows(table: Path, tmp_path: Path) -> None:
    """The recipe's held-out rows count nothing where folds were asked for: nothing was held out."""
    run = zoo.train(spec(validation=0.2), table, seed=4, folds=5, output=tmp_path / "run")
    assert told(zoo.load(run.path).evaluate()) == ("trained on", 50)
    fold = zoo.load(run.path / "fold-2").evaluate()
    assert told(fold) == ("held out", 10)
    assert fold["loss"] == pytest.approx(run.metrics["folds"]["loss_each"][1])


def test_rows_that_are_named_are_said_to_be_known_where_they_are(
    table: Path, tmp_path: Path
) -> None:
    run = zoo.train(spec(), table, seed=4, output=tmp_path / "run")
    held = zoo.train(spec(validation=0.2), table, seed=4, output=tmp_path / "held")
    other = write(tmp_path / "other.csv", [(0.1, 0.2), (0.3, 0.4)])
    assert told(run.model.evaluate(table)) == ("trained on", 50)
    assert told(held.model.evaluate(table)) == ("mixed", 50)
    given = run.model.evaluate(other)
    assert told(given) == ("given", 2)
    assert given.words == f"2 rows of {other}"  # type: ignore[attr-defined]
    frame = zoo.Table({"x": [0.1], "y": [0.5]})
    assert told(run.model.evaluate(frame)) == ("given", 1)


def test_the_test_part_of_a_dataset_comes_first(tmp_path: Path) -> None:
    settings = ["epochs=1", "validation=0.2"]
    run = zoo.train("mlp-boston", settings=settings, seed=1, output=tmp_path / "run")
    figures = zoo.load(run.path).evaluate()
    assert figures == pytest.approx(run.metrics["test"])
    assert told(figures) == ("held out", 102)


def test_a_retrained_model_is_measured_on_what_its_update_held_out(tmp_path: Path) -> None:
    first = zoo.train("mlp-synthetic", epochs=2, seed=1, output=tmp_path / "first")
    arguments: dict[str, Any] = {"old": "synthetic", "epochs": 1, "seed": 1}
    update = zoo.retrain(first.path, "synthetic-new", output=tmp_path / "update", **arguments)
    figures = zoo.load(update.path).evaluate()
    assert figures == pytest.approx(update.metrics["test"])
    assert told(figures) == ("held out", 200)
    assert told(update.model.evaluate("synthetic-new")) == ("mixed", 500)
    grown = zoo.retrain(
        first.path, "synthetic-new", ensemble=True, output=tmp_path / "grown", **arguments
    )
    figures = zoo.load(grown.path).evaluate()
    assert figures == pytest.approx(grown.metrics["test"])
    assert told(figures) == ("held out", 200)


def test_of_an_ensemble_nobody_knows_what_all_its_members_have_not_seen(tmp_path: Path) -> None:
    settings = ["epochs=1", "validation=0.2"]
    runs = [
        zoo.train("mlp-pima", settings=settings, seed=seed, output=tmp_path / str(seed)).path
        for seed in (1, 2)
    ]
    whole = zoo.ensemble(runs, output=tmp_path / "both")
    assert told(whole.model.evaluate()) == ("mixed", 768)


def test_a_run_as_weights_of_its_model(tmp_path: Path) -> None:
    settings = ["epochs=1", "validation=0.25"]
    run = zoo.train("mlp-pima", settings=settings, seed=1, output=tmp_path / "run")
    for weights in (run.path, run.path / "model.zoo"):
        figures = zoo.get_model("mlp-pima", weights=weights).evaluate()
        assert told(figures) == ("held out", 192)


def test_rows_that_changed_cannot_be_told_apart_again(table: Path, tmp_path: Path) -> None:
    run = zoo.train(spec(validation=0.2), table, seed=4, output=tmp_path / "run")
    write(table, [(0.1, 0.2)] * 51)
    with pytest.raises(InputError, match=r"has 51 rows and had 50 when small was trained"):
        zoo.load(run.path).evaluate()
    assert told(run.model.evaluate(table)) == ("mixed", 51)
    table.unlink()
    with pytest.raises(InputError, match=r"trained on \(.*/rows\.csv\) are missing; pass"):
        zoo.load(run.path).evaluate()


def test_rows_that_were_handed_over_cannot_be_had_again(tmp_path: Path) -> None:
    rows = zoo.Table({"x": [0.1, 0.2, 0.3], "y": [1.0, 2.0, 3.0]})
    run = zoo.train(spec(), rows, seed=4, output=tmp_path / "run")
    with pytest.raises(InputError, match="passed in Python"):
        run.model.evaluate()


def test_streamed_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    monkeypatch.setattr("zoo.data.stream.MIN_BYTES", 1)
    run = zoo.train(spec(validation=0.3), table, seed=4, output=tmp_path / "run")
    figures = zoo.load(run.path).evaluate()
    assert figures == pytest.approx(run.metrics["validation"])
    assert figures.rows == "held out"  # type: ignore[attr-defined]


def test_a_bundle_of_an_earlier_zoo() -> None:
    """It does not say which data it was trained on, or which rows of them were held out."""
    frozen = Path(__file__).parents[2] / "frozen/2026-11/trained"
    figures = zoo.load(frozen / "wine").evaluate()
    assert told(figures) == ("mixed", 1599)
    assert figures.words.endswith("of wine; rows it was trained on may be among them")
    assert told(zoo.load(frozen / "update").evaluate())[0] == "held out"


def test_figures_of_the_best_epoch_stand_beside_the_last(table: Path, tmp_path: Path) -> None:
    rule = zoo.EarlyStopping(patience=3)
    optimizer = zoo.Component("adam", learning_rate=0.1)
    recipe = spec(validation=0.3, epochs=50, optimizer=optimizer, early_stopping=rule)
    run = zoo.train(recipe, table, seed=0, output=tmp_path / "run")
    best = json.loads((run.path / "metrics.json").read_text())["best_epoch"]
    with (run.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = min(rows, key=lambda row: float(row["val_loss"]))
    assert best == {"epoch": int(expected["epoch"]), "loss": float(expected["loss"]),
                    "val_loss": float(expected["val_loss"])}  # fmt: skip
    assert len(rows) > best["epoch"]
    assert run.metrics["validation"]["loss"] == pytest.approx(best["val_loss"], rel=1e-4)


def test_errors_of_a_scaled_target_are_in_its_unit(tmp_path: Path) -> None:
    """Read beside its unit, a number in the scale of the network is wrong by the scale's width."""
    from zoo.training.report import ValueReport, examine

    draw = np.random.default_rng(0)
    x = draw.uniform(0, 1, 80)
    rows = zoo.Table({"x": x.tolist(), "y": (20 + 50 * x + draw.normal(size=80)).tolist()})
    for scale in ("min-max", "standard", "none"):
        output = zoo.Component("tabular/value", unit="points", scale=scale)
        model = zoo.train(
            zoo.ModelSpec(**{**_fields(spec(metrics=("mae",))), "output": output}), rows, seed=0,
            output=tmp_path / scale,
        ).model  # fmt: skip
        values, report = examine(model, rows)
        assert isinstance(report, ValueReport)
        answers = np.array([result.value for result in model.predict(rows)])
        truth = np.array(rows.columns["y"])
        assert report.data()["mae"] == pytest.approx(abs(answers - truth).mean(), rel=1e-4)
        assert report.data()["rmse"] == pytest.approx(((answers - truth) ** 2).mean() ** 0.5, 1e-4)
        np.testing.assert_allclose(report.true, truth, rtol=1e-5)
        stretch = model.decoder.state()["stretch"]
        assert values["mean_absolute_error"] * stretch == pytest.approx(report.data()["mae"], 1e-3)


def _fields(record: zoo.ModelSpec) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}
