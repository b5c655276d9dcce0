"""Files written by earlier versions of zoo, and a plugin written for them, still work.

Each folder next to this file was made by the zoo of its month (see its ``make.py``) and is never
regenerated. What breaks here breaks for users with trained models, and for plugin authors.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import chosen_backend
from zoo.registry.registry import registry

FROZEN = Path(__file__).parent / "2026-11"
EXPECTED = json.loads((FROZEN / "expected.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.backends
on_jax = pytest.mark.skipif(chosen_backend() != "jax", reason="these runs were begun on JAX")


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of what is frozen, its plugin installed, as the current folder."""
    folder = shutil.copytree(FROZEN, tmp_path / "frozen")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(FROZEN / "plugin")
    registry.cache_clear()
    yield folder
    registry.cache_clear()


def numbers(results: list[Any]) -> list[dict[str, float]]:
    """Return the numbers of each result, by name."""
    assert [result.error for result in results] == [None] * len(results)
    return [
        {p.label: p.score for p in result.predictions}
        if isinstance(result, zoo.Classification)
        else result.probabilities or {"value": result.value}
        for result in results
    ]


@pytest.mark.parametrize("name", [name for name in EXPECTED if "." not in name])
def test_a_bundle_answers_as_it_did(frozen: Path, name: str) -> None:
    model = zoo.load(frozen / "trained" / name)
    ask = model.classify if model.preprocessor.kind == "image" else model.predict
    for found, answer in zip(
        numbers(ask(EXPECTED[name]["inputs"])), EXPECTED[name]["answers"], strict=True
    ):
        assert found == pytest.approx(answer, abs=1e-5, rel=1e-5)


def test_a_run_folder_is_weights_for_the_model_of_its_name(frozen: Path) -> None:
    model = zoo.get_model("mlp-pima", weights=frozen / "trained" / "pima")
    expected = EXPECTED["pima"]
    for found, answer in zip(
        numbers(model.predict(expected["inputs"])), expected["answers"], strict=True
    ):
        assert found == pytest.approx(answer, abs=1e-5)


def test_a_session_goes_on_where_it_was(frozen: Path) -> None:
    """A session that had read "ABCD"; without its state the next answer is another one."""
    session = zoo.load(frozen / "trained" / "abc").load_session(frozen / "abcd.session")
    expected = EXPECTED["abcd.session"]["answers"][0]
    assert numbers([session.step("E")])[0] == pytest.approx(expected, abs=1e-5)
    session.reset()
    assert numbers([session.step("E")])[0] != pytest.approx(expected, abs=1e-3)


def test_runs_are_found_and_told_apart(frozen: Path) -> None:
    from zoo.runs.records import find_runs

    runs = {str(run.path.relative_to(frozen / "trained")): run for run in find_runs(frozen)}
    assert {name: run.problem for name, run in runs.items() if run.problem} == {}
    states = {name: run.state for name, run in runs.items() if run.state != "finished"}
    assert states == {
        "killed": "unfinished", "killed-reviews": "unfinished", "stopped": "interrupted",
    }  # fmt: skip
    assert len(runs) == 16
    assert runs["both"].members == 2
    assert runs["leaves"].metrics["validation"]["accuracy"] == pytest.approx(5 / 6)
    read = zoo.Run.read(frozen / "trained" / "pima")
    assert read.metrics == runs["pima"].metrics
    assert len(read.history["loss"]) == 5


@on_jax
@pytest.mark.parametrize(
    ("name", "model", "data", "unbroken"),
    [
        ("killed", "leaves", None, "leaves"),
        ("stopped", "leaves", None, "leaves"),
        ("killed-reviews", "reviews.toml", "reviews.csv", "reviews"),
    ],
)
def test_an_interrupted_training_goes_on(
    frozen: Path, name: str, model: str, data: str | None, unbroken: str
) -> None:
    run = zoo.train(model, data, seed=1, resume=True, output=frozen / "trained" / name)
    whole = zoo.Run.read(frozen / "trained" / unbroken)
    assert set(run.history) == set(whole.history)
    for figure, values in whole.history.items():
        assert run.history[figure] == pytest.approx(values, abs=1e-4)
    for part, figures in whole.metrics.items():
        assert run.metrics[part] == pytest.approx(figures, abs=1e-4)


@on_jax
def test_an_interrupted_tuning_goes_on(frozen: Path) -> None:
    grid = {"epochs": [1, 2], "batch_size": [50, 100]}
    folder = frozen / "trained" / "killed-tuned"
    zoo.tune("mlp-synthetic", grid, folds=2, seed=1, resume=True, output=folder)
    rows, whole = (
        list(csv.DictReader(path.read_text().splitlines()))
        for path in (folder / "leaderboard.csv", frozen / "trained" / "tuned" / "leaderboard.csv")
    )
    for row, same in zip(rows, whole, strict=True):
        assert (row["epochs"], row["batch_size"]) == (same["epochs"], same["batch_size"])
        assert float(row["accuracy"]) == pytest.approx(float(same["accuracy"]), abs=1e-4)


def test_a_bundle_is_trained_further(frozen: Path) -> None:
    first = frozen / "trained" / "synthetic"
    update = zoo.retrain(first, "synthetic-new", epochs=1, seed=1, output=frozen / "next")
    before = zoo.load(first).keras.get_weights()
    after = update.model.keras.get_weights()
    assert not any(np.array_equal(left, right) for left, right in zip(before, after, strict=True))
    both = zoo.ensemble([first, frozen / "trained" / "update"], output=frozen / "mean")
    expected = EXPECTED["both"]
    for found, answer in zip(
        numbers(both.model.predict(expected["inputs"])), expected["answers"], strict=True
    ):
        assert found == pytest.approx(answer, abs=1e-5)


def test_every_hook_of_the_plugin_is_called(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARDEN_LOG", str(frozen / "log"))
    assert zoo.list_models(plugin="garden") == ["leaf-widths", "leaves"]
    run = zoo.train("leaves", epochs=2, seed=1, output=frozen / "run")
    lines = (frozen / "log").read_text().splitlines()
    logs = "accuracy, loss, val_accuracy, val_loss"
    assert lines == ["started leaves", f"epoch 0: {logs}", f"epoch 1: {logs}", "finished run"]
    assert run.model.preprocessor.state()["mean"] != [0.0, 0.0]
    good, bad = run.model.predict([{"length": 41.0, "width": 24.0}, {"length": "?"}])
    assert good.prediction in ("basil", "mint", "sage")
    assert bad.error is not None
    assert bad.error.kind == "bad-leaf"


def test_the_command_of_the_plugin(zoo_command) -> None:
    path = os.pathsep.join([str(FROZEN / "plugin"), os.environ.get("PYTHONPATH", "")])
    done = zoo_command("plants", "--upper", env={"PYTHONPATH": path})
    assert (done.returncode, done.stdout) == (0, "BASIL\nMINT\nSAGE\n"), done.stderr
