"""The table models: as declared, and as published."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from made_up import DatasetFiles

import zoo
from zoo.data import datasets, presence
from zoo.data.split import divide
from zoo.data.table import read_csv
from zoo.registry.registry import registry
from zoo.training.reproduce import reproduce

SHIPPED = ("boston", "ionosphere", "pima", "synthetic", "synthetic-new", "wine")
MODELS = zoo.list_models(plugin="tabular")
OFTEN_TRAINED = ("mlp-synthetic", "mlp-wine", "mlp-wine-dropout")
"""Models that other quick tests train as well, or that differ from those in size only."""


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_tables_are_what_their_records_say(name: str) -> None:
    entry = registry().datasets.find(name)
    assert datasets.verify(entry).path is not None
    rows = datasets.load_dataset(entry)["train"]
    assert len(rows) > 300
    assert (len(datasets.load_dataset(entry).get("test", ())) == 102) == (name == "boston")


def test_boston_keeps_keras_test_rows() -> None:
    entry = registry().datasets.find("boston")
    parts = datasets.load_dataset(entry)
    table = read_csv(presence.content_path(entry))
    indices = np.arange(len(table))
    np.random.RandomState(113).shuffle(indices)  # as ``load_data`` does, before it cuts at 80 %
    prices = [table.columns["MEDV"][row] for row in indices]
    assert parts["train"].labels == prices[: int(506 * 0.8)]
    assert parts["test"].labels == prices[int(506 * 0.8) :]


@pytest.mark.parametrize(("name", "rows"), [("mlp-wine", 1599), ("mlp-ionosphere", 351)])
def test_the_published_split(name: str, rows: int) -> None:
    """pandas draws ``sample(frac=0.7, random_state=0)`` so."""
    training = zoo.get_spec(name).training
    assert training is not None
    assert training.validation is not None
    drawn = np.random.RandomState(0).choice(rows, round(0.7 * rows), replace=False)
    kept, held = divide(rows, training.validation, seed=5)
    assert kept.tolist() == drawn.tolist()
    assert not set(held) & set(drawn)


def test_the_synthetic_rows_are_what_their_script_makes(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    folder = presence.content_path(registry().datasets.find("synthetic")).parent
    runpy.run_path(str(folder / "make_synthetic.py"))["main"](tmp_path)
    for half in ("old", "new"):
        made, shipped = (
            np.loadtxt(path / f"synthetic_{half}.csv", delimiter=",", skiprows=1)
            for path in (tmp_path, folder)
        )
        np.testing.assert_allclose(made, shipped, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_parameters(name: str) -> None:
    from zoo.backend.network import build

    model = zoo.get_model(name, weights=None)
    network = build(model.architecture(), initialise=False)
    assert network.count_params() == model.spec.parameters


@pytest.fixture
def cereals(dataset_files: DatasetFiles) -> None:
    (file,) = dataset_files("cereals")
    entry = registry().datasets.find("cereals")
    assert not presence.is_present(entry)
    assert datasets.add(entry, file).path is not None


@pytest.mark.usefixtures("cereals")
def test_the_line_through_the_cereals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = reproduce("linear-cereals", seeds=1)
    assert result.passed
    model = zoo.load(result.runs[0])
    assert model.predict([{"sugars": 5}])[0].value == pytest.approx(89.2 + 2.54 * 5, abs=1.5)
    bad = model.predict([{"sugars": -1}])[0]
    assert bad.error is not None
    assert "is empty" in bad.error.message


def test_predictions_are_in_real_units(tmp_path: Path) -> None:
    run = zoo.train("mlp-wine", epochs=3, seed=1, output=tmp_path / "run")
    rows = datasets.load_dataset(registry().datasets.find("wine"))["train"]
    values = [result.value for result in run.model.predict(rows.inputs[:200])]
    assert all(isinstance(value, float) and 3 < value < 9 for value in values)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in OFTEN_TRAINED else ())
        for name in MODELS
        if name != "linear-cereals"
    ],
)
def test_a_few_epochs(name: str, tmp_path: Path) -> None:
    settings = ["folds=2"] if name == "mlp-boston" else []
    run = zoo.train(name, epochs=2, seed=1, settings=settings, output=tmp_path / "run")
    training = run.spec.training
    assert training is not None
    assert training.dataset is not None
    entry = registry().datasets.find(training.dataset)
    losses = run.history["loss"]
    assert losses[1] < losses[0] or name == "mlp-pima"  # raw values: the first epochs are wild
    rows = datasets.load_dataset(entry)["train"].inputs[:40]
    before = run.model.predict(rows)
    after = zoo.load(run.path).predict(rows)
    assert [result.error for result in after] == [None] * 40
    assert [(result.prediction, result.value) for result in after] == [
        (result.prediction, result.value) for result in before
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp-boston", "mlp-wine", "mlp-wine-dropout", "mlp-ionosphere"])
def test_published_figures(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = reproduce(name)
    assert result.passed, result.to_dict()["figures"]


def test_the_early_stopped_wine_is_a_setting(tmp_path: Path) -> None:
    rule = ("early_stopping.patience=2", "early_stopping.min_delta=0.5")
    run = zoo.train(
        "mlp-wine", epochs=30, seed=1, settings=[*rule, "hidden=16"], output=tmp_path / "run"
    )
    assert len(run.history["loss"]) == 3
    spec = run.model.spec
    assert spec.training is not None
    assert spec.training.early_stopping == zoo.EarlyStopping(patience=2, min_delta=0.5)


@pytest.mark.usefixtures("cereals")
def test_cereals_by_three_columns_are_a_setting(tmp_path: Path) -> None:
    columns = ["sugars", "fiber", "protein"]
    settings = [f"columns={','.join(columns)}"]
    run = zoo.train("linear-cereals", seed=1, settings=settings, output=tmp_path / "run")
    assert run.model.keras.count_params() == 4
    rows = datasets.load_dataset(registry().datasets.find("cereals"))["train"]
    known = [row for row, cell in enumerate(rows.inputs.columns["sugars"]) if float(cell) >= 0]
    table = [[float(rows.inputs.columns[name][row]) for name in columns] for row in known]
    calories = [float(rows.labels[row]) for row in known]
    plane = np.linalg.lstsq(np.c_[table, np.ones(len(known))], calories)[0]
    kernel, bias = (np.ravel(weight) for weight in run.model.keras.get_weights())
    assert [*kernel, *bias] == pytest.approx(list(plane), abs=0.01)


@pytest.mark.slow
def test_the_early_stopped_wine_is_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ["epochs=500", "early_stopping={patience=20, min_delta=0.001}"]
    (figure,) = reproduce("mlp-wine", settings=settings).figures
    assert figure.median <= 0.096


def test_penalties_are_kerass() -> None:
    """Of the weights, the biases and the outputs of the hidden layers, and of no other."""
    import keras
    import numpy as np

    from zoo_tabular.mlp import mlp

    factors = {"l1": 0.1, "l2": 0.2, "bias_l1": 0.3, "bias_l2": 0.4, "activity_l1": 0.5,
               "activity_l2": 0.6}  # fmt: skip
    norms = ("l1", "l2")
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")

    def penalty(**options: float) -> float:
        keras.utils.set_random_seed(1)
        network = mlp((4,), 2, [3, 2], **options)
        draw = np.random.default_rng(1)
        network.set_weights([draw.normal(size=w.shape) for w in network.get_weights()])
        network(rows)
        hidden = [layer for layer in network.layers if layer.name.startswith("hidden")]
        part = {
            name: keras.regularizers.L1L2(*(options.get(f"{name}{norm}", 0.0) for norm in norms))
            for name in ("", "bias_", "activity_")
        }
        expected, x = 0.0, rows
        for layer in hidden:
            x = layer(x)
            expected += part[""](layer.kernel) + part["bias_"](layer.bias)
            expected += part["activity_"](x) / len(rows)  # as Keras does
        network(rows)
        found = float(sum(map(float, network.losses)))
        assert found == pytest.approx(float(expected), rel=1e-5)
        return found

    each = [penalty(**{name: factor}) for name, factor in factors.items()]
    assert min(each) > 0.0
    assert penalty(**factors) == pytest.approx(sum(each), rel=1e-5)
    assert penalty() == 0.0
