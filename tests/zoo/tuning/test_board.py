"""Results are on disk as soon as they are measured, ranked, and reused when resuming."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import pytest

from zoo.errors import InputError, UsageError
from zoo.tuning.board import Board, Result, read_record


def result(name: str, *accuracies: float, epochs: int | None = None) -> Result:
    figures = {"loss": [0.5] * len(accuracies), "accuracy": list(accuracies)}
    return Result({"optimizer": name}, figures, epochs)


def test_each_result_is_written_at_once(tmp_path: Path) -> None:
    """A process killed after `add` has lost nothing."""
    board = Board(tmp_path / "new", {"folds": 2})
    for count, found in enumerate((result("sgd", 0.5, 0.7), result("adam", 0.8, 0.6)), 1):
        board.add(found)
        again = Board(tmp_path / "new", {"folds": 2})
        again.read()
        assert again.results == board.results
        assert len(again.results) == count
        assert again.metric == "accuracy"
    with (tmp_path / "new" / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["optimizer"] for row in rows] == ["adam", "sgd"]
    assert rows[0]["rank"] == "1"
    assert float(rows[0]["accuracy"]) == pytest.approx(0.7)
    assert float(rows[0]["accuracy_2"]) == 0.6
    assert float(rows[0]["accuracy_deviation"]) == pytest.approx(0.1414, abs=1e-4)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"tune.json", "leaderboard.csv"}


def test_ranks(tmp_path: Path) -> None:
    board = Board(tmp_path, {})
    board.add(result("good", 0.7))
    board.add(result("given up", 0.9, epochs=3))
    board.add(Result({"optimizer": "broken"}, problem="why"))
    board.add(result("nan", math.nan))
    board.add(result("best", 0.8))
    names = [found.settings["optimizer"] for found in board.ranked()]
    assert names == ["best", "good", "given up", "nan", "broken"]
    board.metric = "loss"
    board.add(Result({"optimizer": "low"}, {"loss": [0.1]}))
    assert board.ranked()[0].settings == {"optimizer": "low"}
    assert [found.state for found in board.results][:3] == ["finished", "pruned", "failed"]


def test_a_pipe_holds_no_results(tmp_path: Path) -> None:
    """Writing to it would wait for ever."""
    os.mkfifo(tmp_path / "tune.json")
    with pytest.raises(InputError, match=r"tune\.json: is a pipe, expected a file"):
        read_record(tmp_path)


def test_another_tuning_is_not_gone_on_with(tmp_path: Path) -> None:
    Board(tmp_path, {"folds": 2}).add(result("sgd", 0.5, 0.7))
    with pytest.raises(UsageError, match="was started differently: folds was 2, now 3"):
        Board(tmp_path, {"folds": 3}).read()


def test_a_metric_that_is_not_measured(tmp_path: Path) -> None:
    board = Board(tmp_path, {}, metric="auc")
    with pytest.raises(UsageError, match="'auc' is not measured; choose from loss, accuracy"):
        board.add(result("sgd", 0.5))
