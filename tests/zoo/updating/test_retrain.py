"""Updating a trained model: what is preserved, what it is trained on, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiers import slow

import zoo
from zoo.data import presence
from zoo.errors import InputError, SpecError, TrainingError, UsageError
from zoo.registry.registry import registry
from zoo.updating.retrain import compare_figures


@pytest.fixture(scope="module")
def patients() -> list[dict[str, str]]:
    """Two hundred rows of the Pima table."""
    lines = presence.content_path(registry().datasets.find("pima")).read_text().splitlines()
    return list(csv.DictReader(lines[:201]))


@pytest.fixture(scope="module")
def pima(patients: Any, tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    """A model of them."""
    folder = tmp_path_factory.mktemp("pima") / "run"
    return zoo.train("mlp-pima", patients, epochs=1, seed=3, output=folder)


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def weights(run: zoo.Run) -> list[Any]:
    return list(run.model.keras.get_weights())


def test_before_is_the_old_model_on_rows_that_it_never_saw(first: zoo.Run, tmp_path: Path) -> None:
    """Otherwise an update looks like a loss, and nobody would update."""
    run = zoo.retrain(
        first.path, "synthetic-new", old="synthetic", epochs=5, output=tmp_path / "run"
    )
    assert run.metrics["before_old"] == pytest.approx(first.metrics["validation"])
    rows = run.environment["lineage"]["rows"]
    assert rows == {"train": 400, "test": 200, "test_old": 100, "test_new": 100}
    assert run.notes == []
    means = {
        name: np.mean([run.metrics[f"{when}_{side}"]["accuracy"] for side in ("old", "new")])
        for name, when in (("before", "before"), ("test", "test"))
    }
    for name, mean in means.items():
        assert run.metrics[name]["accuracy"] == pytest.approx(mean)
    assert run.metrics["test"] != run.metrics["before"]
    assert json.loads((run.path / "metrics.json").read_text()) == run.metrics
    table = compare_figures(run)
    assert table[0] == ["held-out rows", "", "", "before", "after"]
    assert [line[:3] for line in table[1::2]] == [
        ["all", "200", "accuracy"], ["old", "100", "accuracy"], ["new", "100", "accuracy"],
    ]  # fmt: skip


def test_an_update_starts_from_the_weights_in_small_steps(first: zoo.Run, tmp_path: Path) -> None:
    still = zoo.retrain(
        first.path, "synthetic-new", epochs=1, settings=["learning_rate=0.0"],
        output=tmp_path / "still",
    )  # fmt: skip
    for left, right in zip(weights(still), weights(first), strict=True):
        np.testing.assert_array_equal(left, right)
    assert still.metrics["test"] == still.metrics["before"]
    run = zoo.retrain(first.path, "synthetic-new", epochs=1, output=tmp_path / "run")
    training = run.spec.training
    assert training is not None
    assert training.optimizer.config["learning_rate"] == 0.001
    assert training.optimizer.config["momentum"] == 0.9
    assert training.weights == str(first.path)
    assert training.validation is None
    again = zoo.retrain(run.path, "synthetic-new", epochs=1, output=tmp_path / "again")
    assert again.spec.training is not None
    assert again.spec.training.optimizer == training.optimizer  # not smaller every time
    parent = again.environment["lineage"]["parent"]
    assert parent == {
        "model": "mlp-synthetic", "id": run.environment["id"], "path": str(run.path), "seed": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        (["optimizer=adam"], 0.0001),
        (["learning_rate=0.5"], 0.5),
        (["optimizer={uses='sgd', learning_rate=0.2}"], 0.2),
    ],
)
def test_the_learning_rate_of_an_update(
    first: zoo.Run, tmp_path: Path, settings: list[str], rate: float
) -> None:
    run = zoo.retrain(
        first.path, "synthetic-new", epochs=1, settings=settings, output=tmp_path / "run"
    )
    assert run.spec.training is not None
    assert run.spec.training.optimizer.config["learning_rate"] == rate


def test_rows_of_both_sides_are_trained_on(first: zoo.Run, tmp_path: Path) -> None:
    run = zoo.retrain(
        first.path, "synthetic-new", old="synthetic", strategy="both", epochs=2,
        output=tmp_path / "run",
    )  # fmt: skip
    assert run.environment["lineage"]["rows"]["train"] == 800
    assert run.environment["lineage"]["data"] == "synthetic-new"
    assert run.environment["lineage"]["old"] == "synthetic"


@pytest.mark.parametrize("ensemble", [False, True])
def test_held_out_rows_are_never_trained_on(
    first: zoo.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ensemble: bool
) -> None:
    """A figure on rows that were learnt by heart is no figure."""
    seen: dict[str, Any] = {}

    class Seen(Exception):
        pass

    def look(run: Any, model: Any, data: Any, **_: Any) -> None:
        seen.update(data.arrays)
        raise Seen

    monkeypatch.setattr("zoo.updating.retrain.fit", look)
    with pytest.raises(Seen):
        zoo.retrain(
            first.path, "synthetic-new", old="synthetic", strategy="both", ensemble=ensemble,
            output=tmp_path / "run",
        )  # fmt: skip
    rows = {part: {tuple(row) for row in inputs.tolist()} for part, (inputs, _) in seen.items()}
    assert len(rows["train"]) == 800
    assert not rows["train"] & rows["test"]
    assert rows["test"] == rows["test_old"] | rows["test_new"]
    for inputs, classes in seen.values():  # each class in its share
        assert len(inputs) == len(classes)
        assert classes.mean() == pytest.approx(seen["train"][1].mean(), abs=0.05)


def test_a_test_file_leaves_all_rows_to_train_on(first: zoo.Run, tmp_path: Path) -> None:
    run = zoo.retrain(
        first.path, "synthetic", test="synthetic-new", epochs=1, output=tmp_path / "run"
    )
    assert run.environment["lineage"]["rows"] == {"train": 500, "test": 500}
    assert run.metrics["before"] == pytest.approx(first.model.evaluate("synthetic-new"))
    assert run.metrics["test"] == pytest.approx(run.model.evaluate("synthetic-new"))


def test_rows_that_the_old_model_may_know_are_named(tmp_path: Path) -> None:
    """Its figures on rows it was trained on would make every update look bad."""
    whole = zoo.train("mlp-synthetic", epochs=1, seed=1, output=tmp_path / "whole")
    run = zoo.retrain(
        whole.path, "synthetic-new", old="synthetic", epochs=1, output=tmp_path / "run"
    )
    assert [note for note in run.notes if "too good" in note] == [
        "the old model may have been trained on the rows held out of synthetic; its figures on "
        "them may be too good"
    ]


def test_frozen_layers_stay(first: zoo.Run, tmp_path: Path) -> None:
    run = zoo.retrain(
        first.path, "synthetic-new", freeze=["hidden_*"], epochs=3, output=tmp_path / "run"
    )
    same = [
        bool(np.array_equal(left, right))
        for left, right in zip(weights(run), weights(first), strict=True)
    ]
    assert same == [True, True, True, True, False, False]
    with pytest.raises(SpecError, match=r"no layer matches 'dense\*'; layers are"):
        zoo.retrain(first.path, "synthetic-new", freeze="dense*", output=tmp_path / "bad")
    with pytest.raises(TrainingError, match="leaves nothing to train"):
        zoo.retrain(first.path, "synthetic-new", freeze=10, output=tmp_path / "none")


def test_preprocessing_stays_and_new_ranges_are_told(tmp_path: Path) -> None:
    """Fitted anew, the same row would mean other numbers to weights that are kept."""
    rows = [{"a": i / 10, "b": 5.0 - i, "y": float(i)} for i in range(40)]
    spec = zoo.ModelSpec(
        name="small", task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns", scale="min-max"),
        output=zoo.Component("tabular/value", scale="min-max"),
        training=zoo.Training(loss="mse", metrics=("mae",), epochs=3, target="y"),
    )  # fmt: skip
    old = zoo.train(spec, rows, seed=1, output=tmp_path / "old")
    new = [{**row, "a": row["a"] + 2.0} for row in rows]
    run = zoo.retrain(old.path, new, old=rows, strategy="both", output=tmp_path / "new")
    assert run.model.preprocessor.state() == old.model.preprocessor.state()
    assert run.model.decoder.state() == old.model.decoder.state()
    outside = [note for note in run.notes if "leaves the range" in note]
    assert outside == [
        "the table: column 'a' leaves the range 0 to 3.9 that its scale was fitted to in 20 of 40 "
        "rows (now 2 to 5.9)"
    ]
    assert run.environment["lineage"]["rows"] == {
        "train": 64, "test": 16, "test_old": 8, "test_new": 8,
    }  # fmt: skip


def test_a_run_knows_what_it_learnt(patients: Any, tmp_path: Path) -> None:
    """The target of a training need not be named again for its model."""
    rows = [{"ill" if name == "outcome" else name: row[name] for name in row} for row in patients]
    file = write(tmp_path / "rows.csv", rows)
    first = zoo.train("mlp-pima", file, target="ill", epochs=2, output=tmp_path / "first")
    assert first.spec.training is not None
    assert first.spec.training.target == "ill"
    run = zoo.retrain(first.path, str(file), epochs=2, output=tmp_path / "run")
    assert run.environment["lineage"]["data"] == str(file)
    assert run.model.evaluate(file)["loss"] > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: [{k: v for k, v in row.items() if k not in ("bmi", "age")} for row in rows],
         "does not fit mlp-pima: columns bmi, age are missing; it has pregnancies, glucose"),
        (lambda rows: [{**row, "outcome": "maybe" if i % 9 else "2"} for i, row in enumerate(rows)],
         "has the classes '2', 'maybe', the model knows 'no diabetes', 'diabetes'; new classes "
         "need a new model"),
        (lambda rows: [{k: v for k, v in row.items() if k != "outcome"} for row in rows],
         "column 'outcome' is missing; the table has"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ensemble", [False, True])
def test_rows_that_do_not_fit(
    pima: zoo.Run, patients: Any, tmp_path: Path, change: Any, text: str, ensemble: bool
) -> None:
    file = write(tmp_path / "new.csv", change(patients))
    with pytest.raises(InputError) as caught:
        zoo.retrain(pima.path, file, ensemble=ensemble, output=tmp_path / "run")
    assert text in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"strategy": "both"}, "name the old ones with --old"),
        ({"strategy": "all"}, "strategy must be new or both, received 'all'"),
        ({"ensemble": True, "freeze": 1}, "--freeze is for trained layers"),
        ({"member_weights": [1, 2]}, "--member-weights is for ensembles"),
        ({"ensemble": True, "member_weights": [1]}, "member_weights must be 2 numbers"),
        ({"ensemble": True, "member_weights": [-1, 2]}, "received -1, 2"),
        ({"settings": ["hidden=3"]}, "an update keeps architecture as it was trained"),
        ({"settings": ["scale=standard"]}, "an update keeps input as it was trained"),
        ({"ensemble": True, "settings": ["labels=a,b"]}, "a new member has the same output"),
        ({"settings": ["epoch=3"]}, "Did you mean"),
    ],
)
def test_what_does_not_go_together(
    first: zoo.Run, tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    """Said before anything is trained."""
    with pytest.raises(UsageError, match=text):
        zoo.retrain(first.path, "synthetic-new", output=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_state_that_is_carried_needs_rows_of_its_own_to_test_on(tmp_path: Path) -> None:
    first = zoo.train("lstm-alphabet-stateful", epochs=1, seed=1, output=tmp_path / "first")
    with pytest.raises(UsageError, match="the rows follow each other"):
        zoo.retrain(first.path, "alphabet", output=tmp_path / "run")
    run = zoo.retrain(first.path, "alphabet", test="alphabet", epochs=1, output=tmp_path / "run")
    assert set(run.metrics) == {"before", "train", "test"}
    with pytest.raises(UsageError, match="carries its state from step to step"):
        zoo.ensemble([first.model, run.model], output=tmp_path / "both")
    with pytest.raises(UsageError, match="carries its state from step to step"):
        zoo.retrain(first.path, "alphabet", test="alphabet", ensemble=True)


SMALL = zoo.ModelSpec(
    name="small",
    task="image-classification",
    architecture=zoo.Component("vision/cnn", filters=[4]),
    input=zoo.Component("vision/image", mode="unit"),
    output=zoo.Component("vision/classes"),
    training=zoo.Training(loss="categorical_crossentropy", validation=0.2),
)


@pytest.mark.parametrize(
    ("model", "side"), [(SMALL, 8), slow("efficientnet-lite0-features", 64)], ids=["small", "lite0"]
)
def test_pictures(model: str | zoo.ModelSpec, side: int, shapes: Path, tmp_path: Path) -> None:
    first = zoo.train(
        model, shapes, epochs=1, seed=1, settings=[f"size={side}"], output=tmp_path / "first"
    )
    run = zoo.retrain(first.path, shapes, epochs=1, output=tmp_path / "run")
    assert run.environment["lineage"]["rows"] == {"train": 26, "test": 6}
    ensemble = zoo.retrain(
        first.path, shapes, ensemble=True, epochs=1, output=tmp_path / "ensemble"
    )
    result = ensemble.model.classify(shapes / "discs" / "3.png")[0]
    assert {prediction.label for prediction in result.predictions} == {"discs", "stripes"}
