"""The model of the control charts, its data, and arrays of other kinds through the same parts."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_parts import register

import zoo
from zoo.backend.network import build
from zoo.data import datasets, presence
from zoo.data.describe import describe
from zoo.data.labelled import hash_arrays
from zoo.errors import SpecError
from zoo.registry.entries import Entry
from zoo.registry.loading import Plugin
from zoo.registry.registry import registry
from zoo.training.reproduce import reproduce
from zoo_weights import hash_file


def test_the_control_charts_are_what_their_script_makes(tmp_path: Path) -> None:
    shipped = presence.content_path(registry().datasets.find("control-charts"))
    runpy.run_path(str(shipped.parent / "make_control_charts.py"))["main"](tmp_path)
    with np.load(shipped) as old, np.load(tmp_path / shipped.name) as new:
        np.testing.assert_allclose(new["x"], old["x"], atol=1e-3)
        np.testing.assert_array_equal(new["y"], old["y"])


def test_the_shipped_charts_are_what_their_record_says() -> None:
    entry = registry().datasets.find("control-charts")
    assert datasets.verify(entry).path is not None
    parts = datasets.load_dataset(entry)
    assert {part: rows.inputs.shape for part, rows in parts.items()} == {
        "train": (450, 60), "test": (150, 60)
    }  # fmt: skip
    for rows in parts.values():
        names, counts = np.unique(rows.labels, return_counts=True)
        assert set(names) == set(entry.value.labels)
        assert len(set(counts)) == 1


def test_parameters() -> None:
    model = zoo.get_model("cnn-control-charts", weights=None)
    network = build(model.architecture(), initialise=False)
    assert network.count_params() == model.spec.parameters


@pytest.mark.backends
def test_a_chart_has_a_name(tmp_path: Path) -> None:
    run = zoo.train("cnn-control-charts", epochs=12, seed=1, output=tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > 0.9
    rows = datasets.load_dataset(registry().datasets.find("control-charts"))["test"]
    model = zoo.load(run.path)
    results = model.predict(np.concatenate([rows.inputs, np.full((1, 60), np.nan)]))
    assert results[-1].error.kind == "bad-dtype"
    right = [one.prediction == label for one, label in zip(results, rows.labels, strict=False)]
    assert np.mean(right) > 0.9


@pytest.mark.slow
def test_the_figure_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (figure,) = reproduce("cnn-control-charts").figures
    assert figure.passed, figure.values


@pytest.mark.parametrize(
    ("shape", "options", "text"),
    [
        ([8, 8, 3], {}, r"take \(steps,\) or \(steps, channels\), received \(8, 8, 3\)"),
        ([5], {"pool": 3}, "5 steps are too few for 2 times pool 3"),
    ],
)
def test_what_is_no_series(shape: list[int], options: dict[str, Any], text: str) -> None:
    spec = zoo.ModelSpec(
        name="small",
        task="array-classification",
        architecture=zoo.Component("array/convolutions", filters=[2, 2], **options),
        input=zoo.Component("array/values", shape=shape),
        output=zoo.Component("array/classes", labels=["a", "b"]),
    )
    with pytest.raises(SpecError, match=text):
        _ = zoo.Model(spec, weights=None).keras


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Entry[zoo.Dataset]]:
    """Return a function that registers arrays as the dataset ``own``."""

    def make(arrays: dict[str, Any], **fields: Any) -> Entry[zoo.Dataset]:
        np.savez(tmp_path / "own.npz", **arrays)
        dataset = zoo.Dataset(
            name="own", kind="arrays", content=hash_arrays(arrays),
            file=zoo.FileRecord(
                file="own.npz", sha256=hash_file(tmp_path / "own.npz", "sha256")["sha256"]
            ),
            **fields,
        )  # fmt: skip
        entry = Entry("own", Plugin("own", __name__), dataset, tmp_path)
        monkeypatch.setitem(registry().datasets._by_full_name, entry.full_name, entry)
        monkeypatch.setitem(registry().datasets._by_name, "own", [entry])
        return entry

    return make


@pytest.mark.parametrize(
    ("y", "labels", "expected", "counts"),
    [
        (np.array(["b", "a", "b"]), ("never",), ["b", "a", "b"], {"a": 1, "b": 2}),
        (np.array([1, 0, 1]), ("no", "yes"), ["yes", "no", "yes"], {"no": 1, "yes": 2}),
        (np.array([1, 0, 1]), (), [1, 0, 1], {"0": 1, "1": 2}),
        (np.array([0.5, 1, 2]), (), [0.5, 1, 2], None),
        (np.eye(3), (), np.eye(3).tolist(), None),
    ],
)
def test_datasets_of_arrays_have_labels_of_any_kind(
    own: Any, y: Any, labels: tuple[str, ...], expected: Any, counts: Any
) -> None:
    """Texts and vectors are the labels as they are; names are for whole numbers."""
    x = np.zeros((3, 2))
    entry = own({"x_train": x, "y_train": y, "x_test": x, "y_test": y}, labels=labels)
    assert datasets.verify(entry).path is not None
    for rows in datasets.load_dataset(entry).values():
        assert rows.labels.tolist() == expected
    report = describe(entry)
    assert report["shape"] == [2]
    assert report.get("labels", {}).get("train") == counts


STEPS = np.random.default_rng(0).uniform(-1, 1, (120, 6)).astype("float32")


def spec_of(decoder: str, loss: str, architecture: zoo.Component, **fields: Any) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="small",
        task="array-classification",
        architecture=architecture,
        input=zoo.Component("array/values"),
        output=zoo.Component(decoder),
        training=zoo.Training(
            dataset="own", loss=loss, optimizer=zoo.Component("adam", learning_rate=0.05),
            metrics=["binary_accuracy" if "labels" in decoder else "accuracy"], epochs=15, **fields,
        ),
    )  # fmt: skip


@pytest.mark.backends
def test_a_class_for_each_step(own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the pixels of a mask: targets have the shape of the outputs without their classes."""

    def tagger(input_shape: Any, units: int, output_activation: str) -> Any:
        import keras

        inputs = keras.Input(input_shape)
        steps = keras.layers.Reshape((*input_shape, 1))(inputs)
        outputs = keras.layers.Conv1D(units, 1, activation=output_activation)(steps)
        return keras.Model(inputs, outputs)

    register(monkeypatch, "architectures", tagger=tagger)
    own({"x": STEPS, "y": (STEPS > 0).astype("uint8")})
    net = zoo.Component("own/tagger")
    spec = spec_of("array/positions", "sparse_categorical_crossentropy", net)
    run = zoo.train(spec, seed=1, output=tmp_path / "run")
    assert run.metrics["train"]["accuracy"] > 0.95
    (result,) = zoo.load(run.path).predict(np.array([[-0.9, 0.9, 0.9, -0.9, 0.9, -0.9]]))
    assert result.value == [0, 1, 1, 0, 1, 0]
    flat = zoo.Component("tabular/mlp", hidden=[])
    spec = spec_of("array/positions", "sparse_categorical_crossentropy", flat)
    with pytest.raises(SpecError, match=r"targets of shape \(rows, 6\) with outputs of shape"):
        zoo.train(spec, output=tmp_path / "flat")


@pytest.mark.backends
def test_several_labels_for_a_row(own: Any, tmp_path: Path) -> None:
    own({"x": STEPS[:, :2], "y": (STEPS[:, :2] > 0).astype("uint8")})
    net = zoo.Component("tabular/mlp", hidden=[])
    spec = spec_of("array/labels", "binary_crossentropy", net)
    run = zoo.train(spec, seed=1, output=tmp_path / "run")
    assert run.metrics["train"]["binary_accuracy"] > 0.9
    results = zoo.load(run.path).predict(np.array([[0.9, 0.9], [-0.9, 0.9], [-0.9, -0.9]]))
    assert [
        [name for name, share in result.probabilities.items() if share > 0.5] for result in results
    ] == [["0", "1"], ["1"], []]
    assert [result.prediction for result in results] == ["0; 1", "1", ""]
    assert [result.score for result in results] == [None] * 3
    weighted = spec_of("array/labels", "binary_crossentropy", net, class_weights={"0": 2.0})
    with pytest.raises(SpecError, match="are for models of one class per row"):
        zoo.train(weighted, output=tmp_path / "weighted")
