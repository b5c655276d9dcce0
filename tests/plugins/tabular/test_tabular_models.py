"""The table models: as declared, and as published."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from zoo.data import datasets
from zoo.registry.registry import registry
from zoo.training.reproduce import reproduce

SHIPPED = ("boston", "ionosphere", "pima", "synthetic", "synthetic-new", "wine")
MODELS = zoo.list_models(plugin="tabular")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_tables_are_what_their_records_say(name: str) -> None:
    entry = registry().datasets.find(name)
    assert datasets.verify(entry).path is not None
    rows = datasets.load(entry)["train"]
    assert len(rows) > 300
    assert (len(datasets.load(entry).get("test", ())) == 102) == (name == "boston")


@pytest.mark.parametrize("name", MODELS)
def test_parameters(name: str) -> None:
    from zoo.runtime.network import build

    model = zoo.get_model(name, weights=None)
    network = build(model.architecture(), initialise=False)
    assert network.count_params() == model.spec.parameters


@pytest.fixture
def cereals(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    entry = registry().datasets.find("cereals")
    assert not datasets.present(entry)
    assert datasets.add(entry, shared_data / "tables" / "cereals.csv").path is not None


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
    rows = datasets.load(registry().datasets.find("wine"))["train"]
    values = [result.value for result in run.model.predict(rows.inputs[:200])]
    assert all(isinstance(value, float) and 3 < value < 9 for value in values)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp-boston", "mlp-wine", "mlp-wine-dropout", "mlp-ionosphere"])
def test_published_figures(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = reproduce(name)
    assert result.passed, result.to_dict()["figures"]


def test_variants_are_settings(tmp_path: Path) -> None:
    """The early-stopped wine and the three-column cereals are no other programs."""
    run = zoo.train(
        "mlp-wine", epochs=30, seed=1, output=tmp_path / "wine",
        settings=["early_stopping={patience=2, min_delta=0.001}", "hidden=16"],
    )  # fmt: skip
    assert len(run.history["loss"]) <= 30
    spec = run.model.spec
    assert spec.training is not None
    assert spec.training.early_stopping == zoo.EarlyStopping(patience=2, min_delta=0.001)
