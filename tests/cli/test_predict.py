"""`zoo predict` beyond plain tables: images, several numbers, and outputs that are invalid."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_parts import Pair, register
from PIL import Image

import zoo
from zoo.backend.network import weight_arrays
from zoo_weights import read_headers, write_bundle


def strict(text: str) -> Any:
    """Read JSON as its standard has it: NaN and Infinity are errors."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"JSON holds {name}"))


def spoilt(bundle: Path, path: Path, number: float = np.nan) -> Path:
    """Write a bundle whose last weights are of one number."""
    model = zoo.load(bundle)
    for variable in model.keras.layers[-1].weights:
        variable.assign(np.full(variable.shape, number))
    headers = read_headers(bundle / "model.zoo")
    return write_bundle(path, headers, weight_arrays(model.keras)) or path


def image_spec(output: str = "tabular/value", **fields: Any) -> zoo.ModelSpec:
    loss = "mse" if output == "tabular/value" else "sparse_categorical_crossentropy"
    return zoo.ModelSpec(
        name="brightness",
        task="image-regression",
        architecture=zoo.Component("vision/cnn", filters=[2]),
        input=zoo.Component("vision/image", size=8, mode="unit", crop=1.0),
        output=zoo.Component(output),
        training=zoo.Training(loss=loss, epochs=1, batch_size=4, **fields),
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for shade in (20, 220):
        (folder / str(shade)).mkdir()
        for number in range(4):
            Image.new("RGB", (12, 10), (shade + number,) * 3).save(
                folder / str(shade) / f"{number}.png"
            )
    return folder


@pytest.fixture(scope="module")
def bright(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How bright a picture is: a network of pictures that gives a number."""
    return zoo.train(image_spec(), photos, seed=1, output=tmp_path_factory.mktemp("b") / "run").path


@pytest.fixture(scope="module")
def pima(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoo.train("mlp-pima", epochs=1, seed=3, output=tmp_path_factory.mktemp("p") / "run").path


@pytest.fixture(scope="module")
def boston(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("m") / "run"
    return zoo.train("mlp-boston", epochs=1, folds=None, seed=3, output=folder).path


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    columns = zoo.get_spec("mlp-pima").input.config["columns"]
    rows = [columns, ["6", "148", "72", "35", "0", "33.6", "0.627", "50"], ["x"] * 8]
    (tmp_path / "rows.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return tmp_path / "rows.csv"


# Pictures


def test_a_number_for_each_picture(cli, photos: Path, bright: Path, server) -> None:
    one = photos / "20" / "0.png"
    (record,) = map(strict, cli("predict", bright, one, "--format", "jsonl").out.splitlines())
    assert list(record) == ["input", "value"]
    assert record["input"] == str(one)
    assert cli("predict", bright, one).out == f"{one}: {record['value']:.6g}\n"
    assert cli("predict", bright, f"{photos}/2?/0.png").out.splitlines() == [
        f"{one}: {record['value']:.6g}"
    ]
    address = server.page("/dark.png", one.read_bytes())
    fetched = cli("predict", bright, address, "-", "--format", "json", stdin=one.read_bytes())
    assert [(r["input"], r["value"]) for r in strict(fetched.out)] == [
        (address, record["value"]), ("-", record["value"]),
    ]  # fmt: skip
    assert zoo.load(bright).predict([one])[0].value == record["value"]


def test_a_folder_with_a_bad_picture(cli, photos: Path, bright: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    (folder / "20" / "0.png").write_bytes(b"no picture")
    done = cli("predict", bright, folder, "--format", "jsonl")
    records = [strict(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert f"{folder}/20/0.png: " in done.err
    assert [Path(r["input"]).name for r in records] == [f"{n}.png" for n in (0, 1, 2, 3)] * 2
    assert set(records[0]) == {"input", "error"}
    assert all(isinstance(r["value"], float) for r in records[1:])
    rows = list(csv.DictReader(io.StringIO(cli("predict", bright, folder, "--format", "csv").out)))
    assert list(rows[0]) == ["input", "value", "error"]
    assert (rows[0]["value"], rows[1]["error"]) == ("", "")
    assert cli("predict", bright, folder).out.startswith(f"{folder}/20/0.png: error\n")
    (tmp_path / "empty").mkdir()
    assert "no images found" in cli("predict", bright, "empty").err


def test_classify_says_what_to_use_and_that_works(cli, photos: Path, bright: Path) -> None:
    done = cli("classify", photos, "-m", bright)
    assert (done.status, "use zoo predict" in done.err) == (2, True)


def test_an_image_classifier_is_asked_as_by_classify(cli, photos: Path, tmp_path: Path) -> None:
    run = zoo.train(image_spec("vision/classes"), photos, seed=1, output=tmp_path / "run").path
    asked = cli("predict", run, photos, "--format", "jsonl")
    assert asked.out == cli("classify", photos, "-m", run, "--format", "jsonl").out
    assert asked.out.count("\n") == 8


# Several numbers


def test_several_numbers_are_a_list(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, "decoders", pair=Pair)
    rows = [{"x": float(x), "y": f"{x};{-x}"} for x in range(8)]
    spec = zoo.ModelSpec(
        name="pairs",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("own/pair"),
        training=zoo.Training(loss="mse", epochs=1, target="y"),
    )
    run = zoo.train(spec, rows, seed=1, output=tmp_path / "run").path
    content = b"x\nnone\n1\n"
    first, second = strict(cli("predict", run, "-", "--format", "json", stdin=content).out)
    assert (list(first), list(second)) == (["row", "error"], ["row", "value"])
    one, two = second["value"]
    assert cli("predict", run, "-", stdin=content).out == f"0: error\n1: {one:.6g} {two:.6g}\n"
    table = csv.DictReader(
        io.StringIO(cli("predict", run, "-", "--format", "csv", stdin=content).out)
    )
    assert [json.loads(row["value"] or "null") for row in table] == [None, [one, two]]


# Answers that are none


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_is_an_error(
    cli, pima: Path, patients: Path, tmp_path: Path, form: str, number: float
) -> None:
    bundle = spoilt(pima, tmp_path / "bad.zoo", np.nan)
    done = cli("predict", bundle, patients, "--format", form)
    assert done.status == 1
    assert "rows.csv: row 0: the network gives nan, not finite" in done.err
    assert "%" not in done.out
    if form == "json":
        good, bad = strict(done.out)
        assert (good["error"]["kind"], bad["error"]["kind"]) == ("not-finite", "bad-row")
        assert "score" not in good
    elif form == "text":
        assert done.out == "0: error\n1: error\n"


def test_numbers_and_pictures_that_are_not_finite(
    cli, bright: Path, boston: Path, photos: Path, tmp_path: Path
) -> None:
    bundle = spoilt(bright, tmp_path / "bright.zoo", -np.inf)
    done = cli("predict", bundle, photos, "--format", "json")
    assert done.status == 1
    assert {record["error"]["kind"] for record in strict(done.out)} == {"not-finite"}
    columns = zoo.get_spec("mlp-boston").input.config["columns"]
    content = ",".join(columns) + "\n" + ",".join("1" for _ in columns) + "\n"
    bundle = spoilt(boston, tmp_path / "boston.zoo")
    done = cli("predict", bundle, "-", stdin=content.encode())
    assert (done.status, done.out) == (1, "0: error\n")


def test_classes_of_pictures_that_are_not_finite(cli, photos: Path, tmp_path: Path) -> None:
    run = zoo.train(image_spec("vision/classes"), photos, seed=1, output=tmp_path / "run").path
    bundle = spoilt(run, tmp_path / "bad.zoo")
    for command in (("classify", photos, "-m", bundle), ("predict", bundle, photos)):
        done = cli(*command, "--format", "json", "-v")
        assert done.status == 1
        assert done.err.count("not finite") == 8
        for record in strict(done.out):
            assert record["predictions"] == []
            assert record["error"]["kind"] == "not-finite"


def test_a_value_that_overflows_in_its_own_unit(tmp_path: Path) -> None:
    rows = [{"x": float(x), "y": x * 1e37} for x in range(8)]
    spec = zoo.ModelSpec(
        name="large",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value", scale="min-max"),
        training=zoo.Training(loss="mse", epochs=1, target="y"),
    )
    model = zoo.train(spec, rows, seed=1, output=tmp_path / "run").model
    (result,) = model.predict([{"x": 1e6}])
    assert result.error.kind == "not-finite"


def test_figures_that_are_not_finite_are_null(
    cli, pima: Path, boston: Path, tmp_path: Path
) -> None:
    bundle = spoilt(boston, tmp_path / "boston.zoo")
    found = strict(cli("evaluate", bundle, "--json").out)
    assert found["loss"] is None
    assert cli("evaluate", bundle).out.startswith("loss nan\n")
    report = strict(cli("evaluate", bundle, "--json", "--report").out)["report"]
    assert report["mae"] is None
    done = cli("evaluate", spoilt(pima, tmp_path / "pima.zoo"), "--report")
    assert done.status == 1
    assert "the network gives nan, not finite" in done.err


def test_a_run_that_diverged(cli, tmp_path: Path) -> None:
    """Its figures are NaN: null in JSON, nan in text, and nothing stops at them."""
    run = tmp_path / "runs" / "bad"
    settings = ["optimizer=sgd", "learning_rate=1e30", "epochs=2"]
    zoo.train("mlp-boston", settings=settings, folds=None, seed=1, output=run)
    assert strict((run / "metrics.json").read_text())["train"]["loss"] is None
    strict((run / "environment.json").read_text())
    assert strict(cli("runs", "show", run, "--json").out)["metrics"]["train"]["loss"] is None
    assert strict(cli("runs", "list", "--json").out)[0]["metrics"]["train"]["loss"] is None
    assert "train: loss nan" in cli("runs", "show", run).out
    text = (run / "metrics.json").read_text()
    (run / "metrics.json").write_text(text.replace("null", "NaN"))  # as an earlier zoo wrote it
    assert "train: loss nan" in cli("runs", "show", run).out
    assert np.isnan(zoo.Run.read(run).metrics["train"]["loss"])


def test_a_tuning_with_a_configuration_that_diverges(cli, tmp_path: Path) -> None:
    arguments = (
        "tune", "mlp-boston", "--grid", "learning_rate=0.001,1e30", "--set", "optimizer=sgd",
        "--set", "epochs=1", "--folds", "2", "--seed", "1", "-o", "tune",
    )  # fmt: skip
    done = cli(*arguments)
    assert "nan" in done.out
    kept = strict((tmp_path / "tune" / "tune.json").read_text())
    assert [None, None] in [result["figures"]["loss"] for result in kept["results"]]
    assert cli(*arguments, "--resume").out.splitlines()[:3] == done.out.splitlines()[:3]
