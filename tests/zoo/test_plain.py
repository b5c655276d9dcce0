"""``ZOO_PLAIN=1``: everything works with the same results, and no fast path is even imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODE = """
import json, sys
import zoo

ROW = [6, 148, 72, 35, 0, 33.6, 0.627, 50]

trained = zoo.load(PIMA).predict([ROW])  # before Keras is imported, whose networks are not cached
run = zoo.train("mlp-pima", epochs=2, seed=1, output="run")
tuning = zoo.tune("mlp-pima", {"batch_size": [64, 128]}, folds=2, seed=1, settings=["epochs=2"])
answers = {
    "trained": trained[0].probabilities["diabetes"],
    "loss": run.history["loss"],
    "figures": list(run.model.evaluate().values()),
    "answer": run.model.predict([ROW])[0].probabilities["diabetes"],
    "tuned": [value for result in tuning.results for value in result.figures["accuracy"]],
}
fast = [name for name in sys.modules if name.startswith(FAST)]
print(json.dumps([answers, fast]))
"""
FAST = ("zoo.accel", "zoo.training.steps", "zoo.tuning.vectorized")
PIMA = str(Path(__file__).parents[1] / "frozen" / "2026-11" / "trained" / "pima")


def ran(folder: Path, plain: str) -> Any:
    """Return what a process answers, and which fast paths it imported."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"FAST = {FAST}\nPIMA = {PIMA!r}\n{CODE}"],
        cwd=folder, env={**os.environ, "KERAS_BACKEND": "jax", "ZOO_PLAIN": plain},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_nothing_fast_is_imported_and_the_answers_are_the_same(tmp_path: Path) -> None:
    answers, fast = ran(tmp_path / "fast", "")
    assert {name for name in FAST if name in fast} == set(FAST)
    expected, fast = ran(tmp_path / "plain", "1")
    assert fast == []
    for name, numbers in answers.items():
        assert numbers == pytest.approx(expected[name], abs=1e-5), name
