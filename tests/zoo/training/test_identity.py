"""A run knows its data: a resumed training must be the one that was started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.data.labelled import update_digest
from zoo.errors import OtherTraining, UsageError
from zoo.training.checkpoint import check_same

COLUMNS = zoo.get_spec("mlp-pima").input.config["columns"]


def rows(seed: int = 0) -> zoo.Table:
    draw = np.random.default_rng(seed)
    columns = {name: draw.random(40).tolist() for name in COLUMNS}
    return zoo.Table({**columns, "y": draw.integers(0, 2, 40).tolist()})


def train(output: Path, data: Any = None, **options: Any) -> zoo.Run:
    settings = ["validation=0.2"]
    return zoo.train(
        "mlp-pima", data or rows(), target="y", settings=settings, output=output,
        **{"epochs": 2, "seed": 1, **options},
    )  # fmt: skip


@pytest.fixture
def stopped(tmp_path: Path, killed: Any) -> Path:
    """The folder of a training that was killed after its first epoch."""
    killed(1, lambda: train(tmp_path / "run"))
    return tmp_path / "run"


def test_a_run_knows_its_rows(tmp_path: Path) -> None:
    run = train(tmp_path / "run")
    told = json.loads((run.path / "environment.json").read_text())
    assert {part: content["rows"] for part, content in told["data"].items()} == {
        "train": 32,
        "validation": 8,
    }
    assert all(len(content["sha256"]) == 64 for content in told["data"].values())
    assert {"keras", "keras-zoo", "jax"} <= told["versions"].keys()


def test_resuming_with_other_rows_of_the_same_number(stopped: Path) -> None:
    with pytest.raises(OtherTraining, match=r"differently: data\.train was"):
        train(stopped, rows(seed=1), resume=True)
    assert len(train(stopped, resume=True).history["loss"]) == 2


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"seed": 2}, "differently: seed was 1, now 2"),
        ({"epochs": 3}, r"differently: spec\.training\.epochs was 2, now 3"),
        ({"data": rows(seed=1)}, "resume with the same data"),
    ],
)
def test_a_finished_run_is_not_the_answer_to_another_question(
    other: dict[str, Any], text: str, tmp_path: Path
) -> None:
    train(tmp_path / "run")
    with pytest.raises(OtherTraining, match=text):
        train(tmp_path / "run", resume=True, **other)


def test_other_versions_are_said_and_written_down(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.runs import run as runs

    before = runs._version
    monkeypatch.setattr(runs, "_version", lambda name: "9.9" if name == "h5py" else before(name))
    with pytest.raises(
        UsageError, match=r"other versions: h5py was .*, now \"9.9\"; resume without --exact"
    ):
        train(stopped, resume=True, exact=True)
    run = train(stopped, resume=True)
    assert any("h5py was" in note for note in run.notes)
    assert "h5py was" in zoo.Run.read(run.path).environment["resumed"][0]


def test_what_an_earlier_version_did_not_write_down_is_not_compared(tmp_path: Path) -> None:
    assert check_same(tmp_path, {"seed": 1}, {"seed": 1, "data": {"train": "x"}}) == []


def digest(value: Any) -> str:
    import hashlib

    found = hashlib.sha256()
    update_digest(found, value)
    return found.hexdigest()


def test_content_tells_raw_rows_of_every_kind_apart(tmp_path: Path) -> None:
    photo, other = tmp_path / "a.png", tmp_path / "b.png"
    photo.write_bytes(b"1")
    other.write_bytes(b"2")
    values = [
        ["a", "b"], ["ab"], ["a"], [["a"], ["b"]], np.zeros(4), np.zeros((2, 2)), np.ones(4),
        zoo.Table({"x": ["1"]}), zoo.Table({"y": ["1"]}), {"x": np.zeros(2)}, [photo], [other],
        [tmp_path / "missing.png"], [np.zeros(2), np.zeros(3)], [b"x"], b"y",
    ]  # fmt: skip
    assert len(set(map(digest, values))) == len(values)
    assert digest(["a", 1]) == digest(["a", 1])


def test_what_only_describes_a_model_is_not_compared(tmp_path: Path) -> None:
    before = {"spec": {"name": "m", "summary": "old", "tags": ["a"], "training": {"epochs": 2}}}
    now = {"spec": {"name": "m", "summary": "new", "licence": "MIT", "training": {"epochs": 2}}}
    assert check_same(tmp_path, before, now) == []
    with pytest.raises(OtherTraining, match=r"spec\.name was \"m\", now \"n\""):
        check_same(tmp_path, before, {"spec": {**now["spec"], "name": "n"}})
