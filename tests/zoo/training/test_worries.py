"""A training in which the network did not learn says so, however it was started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.spec.files import spec_to_toml

ROWS = {"x": [0.0] * 60, "y": ["a", "b"] * 30}
"""Nothing can be learnt of them: every row looks the same."""


def dead(**changes: Any) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="dead", task="tabular-classification",
        architecture=zoo.Component("tabular/mlp", hidden=[], output_activation="sigmoid"),
        input=zoo.Component("tabular/columns"), output=zoo.Component("tabular/binary"),
        training=zoo.Training(
            loss=zoo.Component("binary_crossentropy"), epochs=1, target="y", **changes
        ),
    )  # fmt: skip


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    lines = ["x,y", *(f"{x},{y}" for x, y in zip(*ROWS.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_run_that_is_read_again_still_says_so(rows: Path, tmp_path: Path) -> None:
    run = zoo.train(dead(), rows, seed=1, output=tmp_path / "run")
    assert run.dead
    assert any("for every row" in note for note in run.notes)
    again = zoo.train(dead(), rows, seed=1, output=tmp_path / "run", resume=True)
    assert again.dead
    assert again.notes == run.notes
    assert not zoo.train("mlp-pima", epochs=5, seed=3, output=tmp_path / "alive").dead


def test_a_fold_without_learning_is_told_by_the_whole(cli, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "dead.toml").write_text(spec_to_toml(dead()))
    done = cli("train", "dead.toml", "--data", "rows.csv", "--folds", "2", "--seed", "1", "-o", "r")
    assert "zoo: fold 1: the model predicts" in done.err
    assert "zoo: fold 2: the model predicts" in done.err
    assert json.loads((tmp_path / "r/environment.json").read_text())["worries"]
    resumed = cli(
        "train", "dead.toml", "--data", "rows.csv", "--folds", "2", "--seed", "1", "-o", "r",
        "--resume",
    )  # fmt: skip
    assert resumed.err == done.err


def test_updates_and_new_members(cli, rows: Path, tmp_path: Path) -> None:
    zoo.train(dead(), rows, seed=1, output=tmp_path / "run")
    update = cli("retrain", "run", "--data", "rows.csv", "-o", "update")
    assert "the model predicts" in update.err
    arguments = ("retrain", "run", "--data", "rows.csv", "--ensemble", "--seed", "2", "-o", "both")
    assert "zoo: the new member: the model predicts" in cli(*arguments).err
    (tmp_path / "both/model.zoo").unlink()  # as if killed while the whole was written
    assert "zoo: the new member: the model predicts" in cli(*arguments, "--resume").err


def test_reproducing_says_which_starts_are_dead(cli) -> None:
    """A median over starts that never learnt is no figure of the recipe."""
    settings = ("--set", "learning_rate=1e9", "--set", "epochs=1", "--seeds", "2")
    done = cli("reproduce", "mlp-wine", "--set", "optimizer=sgd", *settings)
    assert done.status == 1
    assert "zoo: mlp-wine, seed 1: the loss is not finite" in done.err
    assert "dead starts: 2 of 2, seeds 1, 2" in done.out
