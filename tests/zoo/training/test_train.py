"""Training: what starts it, what stops it, what it guarantees."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

import zoo
from zoo.errors import SpecError, TrainingError, UsageError, ZooError
from zoo_weights import WeightsError


def small(**changes: object) -> zoo.ModelSpec:
    """A regression of one's own, written in Python with registered parts."""
    training = {"loss": zoo.Component("mse"), "epochs": 3, "batch_size": 8, "target": "y"}
    return zoo.ModelSpec(
        name="line",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(**{**training, **changes}),  # type: ignore[arg-type]
    )


@pytest.fixture
def line() -> zoo.Table:
    x = np.linspace(-1, 1, 64)
    return zoo.Table({"x": x.tolist(), "y": (3 * x + 1).tolist()})


def test_a_line_is_learnt(line: zoo.Table, tmp_path: Path) -> None:
    spec = small(optimizer=zoo.Component("adam", learning_rate=0.1), epochs=60)
    run = zoo.train(spec, line, seed=0, output=tmp_path / "run")
    assert run.metrics["train"]["loss"] < 1e-3
    assert run.model.predict([{"x": 0.5}])[0].value == pytest.approx(2.5, abs=0.1)
    assert run.model.spec.training is not None
    assert run.model.spec.training.optimizer.config["learning_rate"] == 0.1


def test_a_run_starts_from_another(line: zoo.Table, tmp_path: Path) -> None:
    first = zoo.train(small(epochs=40), line, seed=0, output=tmp_path / "a")
    second = zoo.train(
        small(epochs=1), line, seed=1, weights=first.path / "model.zoo", output=tmp_path / "b"
    )
    assert second.history["loss"][0] == pytest.approx(first.metrics["train"]["loss"], rel=0.1)


def test_the_callers_random_numbers_go_on_as_if_nothing_had_happened(
    line: zoo.Table, tmp_path: Path
) -> None:
    import random

    np.random.seed(5)
    random.seed(5)
    expected = np.random.RandomState(5).rand(3).tolist(), random.Random(5).random()
    zoo.train(small(epochs=1), line, seed=0, output=tmp_path / "run")
    assert (np.random.rand(3).tolist(), random.random()) == expected


def test_a_loss_that_explodes_is_told(line: zoo.Table, tmp_path: Path) -> None:
    spec = small(optimizer=zoo.Component("sgd", learning_rate=1e6), epochs=30)
    run = zoo.train(spec, line, seed=0, output=tmp_path / "run")
    assert any("not finite" in note for note in run.notes)


def test_a_bad_cell_in_training_data_names_its_row(line: zoo.Table, tmp_path: Path) -> None:
    bad = zoo.Table({**line.columns, "x": ["?", *line.columns["x"][1:]]})
    with pytest.raises(TrainingError, match="row 0: column 'x' holds '\\?'"):
        zoo.train(small(), bad, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"freeze": ("*",)}, "leaves nothing to train"),
        ({"loss": zoo.Component("squared")}, "Keras has no loss 'squared'"),
        ({"metrics": (zoo.Component("f2"),)}, "Keras has no metric 'f2'"),
        ({"optimizer": zoo.Component("adam", beta=1)}, "'adam' has no option 'beta'"),
        ({"target": "z"}, "column 'z' is missing"),
    ],
)
def test_recipes_that_cannot_work(
    line: zoo.Table, tmp_path: Path, changes: dict[str, object], text: str
) -> None:
    with pytest.raises((SpecError, TrainingError, zoo.InputError), match=text):
        zoo.train(small(**changes), line, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_trained(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no training recipe"):
        zoo.train("vgg16", shapes, output=tmp_path / "run")
    with pytest.raises(UsageError, match="names no dataset; pass one with --data"):
        zoo.train("vgg16-features", output=tmp_path / "run", weights=None)
    (tmp_path / "one" / "class").mkdir(parents=True)
    with pytest.raises(zoo.InputError, match="holds no images"):
        zoo.train("vgg16-features", tmp_path / "one", weights=None, output=tmp_path / "run")


def test_layers_of_an_old_model_begin_a_new_network(tmp_path: Path) -> None:
    """They are found by the weights record of the new spec, and stay as they were."""
    old = zoo.train("mlp-pima", epochs=2, seed=1, output=tmp_path / "old")
    record = zoo.WeightsRecord(tag="old", file="old/model.zoo", format="bundle")
    spec = zoo.ModelSpec(
        name="grafted",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[12, 8, 4]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        weights=(replace(record, ignore=("dense_2",), lacks=("hidden_3", "output")),),
        training=zoo.Training(
            loss=zoo.Component("mse"), dataset="pima", weights="old", freeze=("hidden_[12]",)
        ),
    )
    run = zoo.train(spec, seed=1, output=tmp_path / "run", base=tmp_path)
    assert bits(run)[:4] == bits(old)[:4]
    fresh = zoo.train(spec, seed=1, output=tmp_path / "fresh", weights=None)
    assert bits(fresh)[:4] != bits(old)[:4]
    unsaid = replace(record, lacks=("hidden_3", "output"))
    with pytest.raises(WeightsError, match=r"nothing +weights/layers/dense_2/vars/0 "):
        zoo.train(replace(spec, weights=(unsaid,)), output=tmp_path / "wrong", base=tmp_path)


def bits(run: zoo.Run) -> list[bytes]:
    """Return a run's weights, byte for byte."""
    from zoo.backend.network import weight_arrays

    return [array.tobytes() for _, array in weight_arrays(run.model.keras)]


@pytest.mark.backends
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    line: zoo.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout, shuffling and Adam's moments all have to be where they were."""
    monkeypatch.setattr("zoo.training.checkpoint.MIN_SECONDS", 0.0)
    monkeypatch.setattr("zoo.training.checkpoint.SHARE", 1e9)
    settings = ["hidden=8", "dropout=0.3", "epochs=9"]
    whole = zoo.train(small(), line, seed=4, settings=settings, output=tmp_path / "whole")

    class Killed(BaseException):
        pass

    def kill(run: zoo.Run, epoch: int) -> None:
        if epoch == 4:
            raise Killed

    from zoo.registry.registry import registry

    with monkeypatch.context() as patch:
        patch.setattr(registry(), "notify", lambda event, **v: "epoch" in v and kill(**_only(v)))
        with pytest.raises(Killed):
            zoo.train(small(), line, seed=4, settings=settings, output=tmp_path / "killed")
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == ["checkpoint.h5"]
    run = zoo.train(small(), line, settings=settings, resume=True, output=tmp_path / "killed")
    assert run.history == whole.history
    assert bits(run) == bits(whole)
    assert not (tmp_path / "killed" / "checkpoint.h5").exists()
    again = zoo.train(small(), line, settings=settings, resume=True, output=tmp_path / "killed")
    assert again.history == whole.history  # a finished run is not trained again


def _only(values: dict[str, object]) -> dict[str, object]:
    return {name: values[name] for name in ("run", "epoch")}


def test_of_many_rows_some_from_all_parts_tell_that_a_network_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are sorted by class: the first ones alone would look like a class that is common."""
    monkeypatch.setattr("zoo.training.rows.SAMPLE_ROWS", 50)
    rows = zoo.Table({"x": [0.0] * 400, "y": ["a"] * 200 + ["b"] * 200})
    spec = zoo.ModelSpec(
        name="dead", task="tabular-classification",
        architecture=zoo.Component("tabular/mlp", hidden=[], output_activation="sigmoid"),
        input=zoo.Component("tabular/columns"), output=zoo.Component("tabular/binary"),
        training=zoo.Training(
            loss=zoo.Component("binary_crossentropy"), epochs=1, batch_size=100, target="y",
            shuffle=False,
        ),
    )  # fmt: skip
    run = zoo.train(spec, rows, seed=0, output=tmp_path / "run")
    assert any("for every row" in note for note in run.notes), run.notes


def test_a_damaged_photo_costs_itself_and_an_unknown_class_is_an_error(
    shapes: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(shapes, folder)
    (folder / "discs" / "damaged.png").write_bytes(b"\x89PNG, and no more")
    spec = zoo.ModelSpec(
        name="two-shapes", task="image-classification",
        architecture=zoo.Component("vision/cnn", filters=[2]),
        input=zoo.Component("vision/image", size=8),
        output=zoo.Component("vision/classes", labels=["discs", "stripes"]),
        training=zoo.Training(loss=zoo.Component("sparse_categorical_crossentropy"), epochs=1),
    )  # fmt: skip
    run = zoo.train(spec, folder, seed=1, output=tmp_path / "run")
    (note,) = [note for note in run.notes if "damaged.png" in note]
    assert note.endswith("left out 1 of 33 rows")
    figures = run.model.evaluate(folder)
    assert figures.count == 32
    assert figures.words.endswith("left out 1 of 33 rows")
    (folder / "stripes").rename(folder / "stars")
    for measure in (run.model.evaluate, lambda data: zoo.train(spec, data, output=tmp_path / "x")):
        with pytest.raises(ZooError, match="unknown class 'stars'"):
            measure(folder)
