"""Tables other than CSV: parquet files on the command line, frames in Python."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.errors import InputError, TrainingError
from zoo_tabular import __file__ as tabular

PIMA = Path(tabular).parent / "data" / "pima_diabetes.csv"

Columns = dict[str, list[float | None]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training on the whole dataset."""
    return zoo.train("mlp-pima", epochs=3, output=tmp_path_factory.mktemp("run")).path


@pytest.fixture
def columns() -> Columns:
    """The first rows of the dataset, as numbers."""
    with PIMA.open() as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(20), strict=False)]
    columns: Columns = {name: [float(row[name]) for row in rows] for name in rows[0]}
    return {**columns, "outcome": [int(row["outcome"]) for row in rows]}


def write(columns: Columns, folder: Path) -> None:
    """Write rows.parquet and rows.csv."""
    polars = pytest.importorskip("polars")
    polars.DataFrame(columns).write_parquet(folder / "rows.parquet")
    polars.DataFrame(columns).write_csv(folder / "rows.csv")


def test_parquet_is_what_csv_is(cli, run, columns, tmp_path):
    columns["bmi"][7] = None
    write(columns, tmp_path)
    outputs = {}
    for name in ("rows.csv", "rows.parquet"):
        done = cli("predict", run, name, "--format", "jsonl")
        assert done.status == 1
        assert f"{name}: row 7: column 'bmi' is empty, expected a number" in done.err
        outputs[name] = done.out
        for arguments in (("evaluate", run), ("train", "mlp-pima", "-o", "new")):
            done = cli(*arguments, "--data", name)
            assert done.status == 1
            assert f"{name}: row 7: column 'bmi' is empty, expected a number" in done.err
    assert outputs["rows.csv"] == outputs["rows.parquet"]
    results = zoo.load(run).predict(str(tmp_path / "rows.parquet"))
    records = [json.loads(line) for line in outputs["rows.csv"].splitlines()]
    assert [result.to_dict() for result in results] == records


def test_measuring_and_training_on_parquet(cli, run, columns, tmp_path):
    write(columns, tmp_path)
    assert cli("predict", run, "rows.csv", "rows.parquet").out.count("\n") == 40
    done = cli("evaluate", run, "--data", "rows.parquet", "--json")
    assert done.out == cli("evaluate", run, "--data", "rows.csv", "--json").out
    done = cli("train", "mlp-pima", "--data", "rows.parquet", "--epochs", "1", "-o", "new")
    assert done.status == 0, done.err


def test_parquet_that_does_not_fit(cli, run, columns, tmp_path):
    columns["glucos"] = columns.pop("glucose")
    write(columns, tmp_path)
    done = cli("predict", run, "rows.parquet")
    assert (done.status, done.out) == (1, "")
    assert "column 'glucose' is missing" in done.err
    assert "Did you mean 'glucos'?" in done.err
    (tmp_path / "rows.parquet").write_bytes(b"a,b\n1,2\n")
    assert "rows.parquet: is not a parquet file" in cli("predict", run, "rows.parquet").err


def test_without_polars_the_line_that_installs_it(cli, run, tmp_path, monkeypatch):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "polars", None)
    for arguments in (
        ("predict", run, "rows.parquet"),
        ("evaluate", run, "--data", "rows.parquet"),
        ("train", "mlp-pima", "--data", "rows.parquet"),
    ):
        done = cli(*arguments)
        assert done.status == 1
        assert "parquet needs polars; run: pip install 'keras-zoo[tables]'" in done.err


@pytest.mark.parametrize("library", ["polars", "pandas"])
@pytest.mark.parametrize(
    ("column", "cell", "text"),
    [
        ("bmi", float("nan"), "the table: row 7: column 'bmi' is empty, expected a number"),
        ("bmi", None, "the table: row 7: column 'bmi' is empty, expected a number"),
        ("age", float("inf"), "the table: row 7: column 'age' holds inf, expected a finite number"),
        ("outcome", 2, "the table: row 7: unknown class '2', expected one of 0, 1"),
        ("outcome", None, "the table: row 7: unknown class '"),
    ],
)
def test_a_frame_is_what_csv_is(run, columns, tmp_path, library, column, cell, text):
    frames: Any = pytest.importorskip(library)
    model = zoo.load(run)
    good = model.evaluate(frames.DataFrame(columns))
    write(columns, tmp_path)
    assert good == model.evaluate(tmp_path / "rows.csv")
    columns[column][7] = cell
    frame = frames.DataFrame(columns)
    for settings in ((), ("validation=0.25",)):
        with pytest.raises(TrainingError) as caught:
            zoo.train("mlp-pima", frame, settings=settings, output=tmp_path / "new")
        assert text in str(caught.value)
    with pytest.raises(TrainingError) as caught:
        model.evaluate(frame)
    assert text in str(caught.value)
    results = model.predict(frame.lazy() if library == "polars" else frame)
    assert [bool(result.error) for result in results] == [
        row == 7 and column != "outcome" for row in range(20)
    ]


def test_a_frame_without_rows_or_with_a_name_twice(run, columns, tmp_path):
    polars = pytest.importorskip("polars")
    empty = polars.DataFrame(columns).clear()
    assert zoo.load(run).predict(empty) == []
    with pytest.raises(InputError, match="the table: has no rows"):
        zoo.train("mlp-pima", empty, output=tmp_path / "new")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1, 2]], columns=["bmi", "bmi"])
    with pytest.raises(InputError, match="the frame names 'bmi' more than once"):
        zoo.load(run).predict(frame)
