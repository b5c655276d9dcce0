"""A spec for a table: the task, the recipe, and what is wrong with the data."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import zoo
from zoo.errors import InputError, UsageError
from zoo.inference.model import Model
from zoo.inference.rows import load_data
from zoo.proposals import sample
from zoo.spec.files import read_spec, spec_from_data

CHANCE = random.Random(2)
ROWS = 120


def frame(target: list[Any], name: str = "y") -> pd.DataFrame:
    """Return a table of numbers, a category and a target."""
    columns = {
        "a": [CHANCE.gauss(0, 1) for _ in target],
        "b": [CHANCE.choice(["x", "y", "z"]) for _ in target],
        name: target,
    }
    return pd.DataFrame(columns)


def spread(*values: Any) -> list[Any]:
    """Return values in turn."""
    return [values[place % len(values)] for place in range(ROWS)]


@pytest.mark.parametrize(
    ("target", "task", "decoder", "loss"),
    [
        (spread("yes", "no"), "tabular-classification", "tabular/binary", "binary_crossentropy"),
        (spread(0, 1), "tabular-classification", "tabular/binary", "binary_crossentropy"),
        (spread("a", "b", "c"), "tabular-classification", "tabular/classes",
         "sparse_categorical_crossentropy"),
        (spread(3, 4, 5), "tabular-classification", "tabular/classes",
         "sparse_categorical_crossentropy"),
        (spread(*range(30)), "tabular-regression", "tabular/value", "mse"),
        (spread(0.5, 1.5, 2.5), "tabular-regression", "tabular/value", "mse"),
    ],
)  # fmt: skip
def test_the_goal(target: list[Any], task: str, decoder: str, loss: str) -> None:
    spec = zoo.propose(frame(target), "y").spec
    assert (spec.task, spec.output.uses, spec.training.loss.uses) == (task, decoder, loss)
    assert spec.training.target == "y"


def test_the_target_is_named_or_last(tmp_path: Path) -> None:
    table = frame(spread("u", "v"), "label").assign(c=range(ROWS))
    assert zoo.propose(table).spec.training.target == "label"
    table = frame(spread("u", "v"), "result")
    assert zoo.propose(table).spec.training.target == "result"
    with pytest.raises(UsageError, match=r"no column 'resutl' to learn\. Did you mean 'result'"):
        zoo.propose(table, "resutl")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ([None] * ROWS, "the target 'y' is empty in every row"),
        (["x"] * ROWS, "the target 'y' is 'x' in every row"),
        (
            [f"text {place}" for place in range(ROWS)],
            "120 different texts in 120 rows; expected num",
        ),
    ],
)
def test_nothing_to_learn(target: list[Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        zoo.propose(frame(target), "y")


def test_no_column_to_learn_from() -> None:
    table = pd.DataFrame({"a": ["x"] * ROWS, "y": spread(0, 1)})
    with pytest.raises(InputError, match="no column is left to learn from: a is left out: every"):
        zoo.propose(table, "y")
    with pytest.raises(InputError, match="has one column, expected a target"):
        zoo.propose(table[["y"]])


def test_rows_without_a_target_are_left_out() -> None:
    proposal = zoo.propose(frame([None, *spread("u", "v")]), "y")
    assert proposal.spec.training.skip_bad_rows
    assert proposal.notes == ["1 row has no target and is left out of the training"]


def test_a_rare_class_weighs_more() -> None:
    proposal = zoo.propose(frame([*["u"] * 190, *["v"] * 10]), "y")
    weights = proposal.spec.training.class_weights
    assert weights["v"] > 1 > weights["u"]
    assert any("class_weights" in note for note in proposal.notes)
    proposal = zoo.propose(frame([*["u"] * 190, *["v"] * 3, *["w"] * 90]), "y")
    assert proposal.notes == ["classes of fewer than five rows can hardly be learnt: v"]


def test_the_file_that_is_written_is_the_spec(tmp_path: Path) -> None:
    proposal = zoo.propose(frame(spread("u", "v")).rename(columns={"a": 'a "b" #=é'}), "y")
    path = tmp_path / "spec.toml"
    path.write_text(proposal.to_toml(), encoding="utf-8")
    assert read_spec(path) == proposal.spec
    assert "b = { type = \"category\", unseen = \"other\", missing = \"own\" }  # 3 names: " in (
        proposal.to_toml()
    )  # fmt: skip


def test_the_latest_rows_are_held_out() -> None:
    table = frame(spread("u", "v"))
    table["when"] = [f"{1 + place % 28:02d}.{1 + place // 28:02d}.2024" for place in range(ROWS)]
    table["date_of_birth"] = "1980-01-01"
    for rows in (table, table.iloc[::-1], table.sample(frac=1, random_state=1)):
        proposal = zoo.propose(rows, "y")
        assert proposal.spec.training.validation == zoo.Split(
            held=0.1, order="last", by="when", format="%d.%m.%Y"
        )
    rows = load_data(
        Model(proposal.spec, weights=None).preprocessor, proposal.spec.training, rows, None
    )["train"]
    train, held = rows.divide(proposal.spec.training.validation, 0)
    assert max(map(_day, train.inputs.column("when"))) <= min(map(_day, held.inputs.column("when")))
    assert len(held) == 12
    for column in ("date_of_birth", "a"):
        other = zoo.propose(table.drop(columns="when").assign(a=table[column]), "y")
        assert other.spec.training.validation.order == "stratified"


def _day(text: str) -> list[str]:
    return text.split(".")[::-1]


def test_no_cell_gets_out_of_its_comment() -> None:
    table = frame(spread("u", "v\nname = 'x'"))
    table["b"] = spread("one\nlicence = 'x'", "two\r\x1b[31m")
    proposal = zoo.propose(table.rename(columns={"a": "c\nsummary = 'x'"}), "y")
    text = proposal.to_toml()
    assert spec_from_data(tomllib.loads(text)) == proposal.spec
    assert all(line.isprintable() for line in text.splitlines())


def test_a_long_file_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.concat([frame(spread("u", "v")), frame(["rare"])])
    path = tmp_path / "My table (2).csv"
    rows.to_csv(path, index=False, sep=";")
    expected = zoo.propose(path, "y")
    assert expected.spec.name == "mlp-my-table-2"
    monkeypatch.setattr(sample, "ROWS", 20)
    read = sample.read_sample(path, "y")
    assert 20 <= len(read.inputs) <= 40
    assert read.targets[0].counts == {"u": 60, "v": 60, "rare": 1}
    monkeypatch.setattr(sample, "POLARS_BYTES", 1)
    again = sample.read_sample(path, "y")
    assert again.rows == read.rows
    assert [(t.name, t.counts) for t in again.targets] == [("y", read.targets[0].counts)]
    assert again.inputs.columns.keys() == read.inputs.columns.keys()


def test_a_proposal_trains(tmp_path: Path) -> None:
    table = frame(spread("u", "v"))
    table["a"] = [1.0 if label == "u" else -1.0 for label in table["y"]]
    table["a"] += [CHANCE.gauss(0, 0.2) for _ in range(ROWS)]
    run = zoo.train(zoo.propose(table, "y").spec, table, seed=1, output=tmp_path / "run")
    rows = [{"a": 1, "b": "unseen"}, {"a": None, "b": None}, {"a": -1, "b": "x"}]
    results = run.model.predict(rows)
    assert [result.error for result in results] == [None] * 3
    assert (results[0].prediction, results[2].prediction) == ("u", "v")


DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (DRAW.normal(size=(40, 6)), DRAW.integers(0, 3, 40),
         ("tabular/mlp", "array/classes", "sparse_categorical_crossentropy")),
        (DRAW.normal(size=(40, 30, 2)), DRAW.normal(size=(40, 3)),
         ("array/convolutions", "array/numbers", "mse")),
        (DRAW.normal(size=(40, 12, 12, 1)), np.array([[1, 1, 0], [0, 0, 1]] * 20),
         ("vision/cnn", "array/labels", "binary_crossentropy")),
        (DRAW.normal(size=(40, 6)), np.eye(2)[[0, 1] * 20],
         ("tabular/mlp", "array/classes", "sparse_categorical_crossentropy")),
    ],
)  # fmt: skip
def test_arrays(x: Any, y: Any, expected: tuple[str, str, str], tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", x=x, y=y)
    for data in (tmp_path / "all.npz", (x, y)):
        spec = zoo.propose(data).spec
        assert (spec.architecture.uses, spec.output.uses, spec.training.loss.uses) == expected
    run = zoo.train(spec, (x, y), epochs=1, output=tmp_path / "run")
    assert len(run.model.predict(x[:3])) == 3


def test_series_of_their_own_lengths(tmp_path: Path) -> None:
    x = [DRAW.normal(size=(int(length), 2)) for length in DRAW.integers(20, 30, 40)]
    spec = zoo.propose((x, [0, 1] * 20)).spec
    assert spec.input.config["length"] == max(map(len, x))
    assert spec.architecture.uses == "array/convolutions"


def test_images(tmp_path: Path) -> None:
    lines = ["file,tags,size"]
    for number in range(20):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
        tags = ["red", "red; big", "", "big"][number % 4]
        lines.append(f"photos/{'ab'[number % 2]}/{number}.png,{tags},{number / 3}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    spec = zoo.propose(tmp_path / "photos").spec
    assert (spec.task, spec.output.uses) == ("image-classification", "vision/binary")
    assert spec.training.weights == "efficientnet-lite0-features.imagenet"
    tags = zoo.propose(tmp_path / "list.csv", "tags")
    assert tags.spec.output.config["labels"] == ["big", "red"]
    assert tags.spec.training.skip_bad_rows is False
    assert tags.notes == ["size is left out: the images are in file"]
    assert zoo.propose(tmp_path / "list.csv", "size").spec.output.uses == "vision/value"
    with pytest.raises(UsageError, match="has one output; several targets"):
        zoo.propose(tmp_path / "list.csv", ["tags", "size"])


def test_several_targets_need_plain_names() -> None:
    table = frame(spread("u", "v"), "the answer")
    with pytest.raises(UsageError, match="must be letters, digits and _"):
        zoo.propose(table, ["the answer", "a"])
    assert zoo.propose(table, ["a", "b"]).spec.training.outputs.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (DRAW.normal(size=(40, 2, 2)), r"arrays of shape \(2, 2\)"),
        ([[1.0], [1.0, 2.0]] * 20, "arrays of several lengths"),
    ],
)
def test_targets_that_need_a_network_of_their_own(y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        zoo.propose((DRAW.normal(size=(40, 6)), y))
