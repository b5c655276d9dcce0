"""A training that was killed, and `zoo reproduce`."""

from __future__ import annotations

import json
import random
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

ZOO = [sys.executable, "-c", "from zoo_cli.main import main; main()"]


@pytest.mark.slow
def test_killed_and_resumed_equals_unbroken(cli, tmp_path: Path) -> None:
    """SIGKILL leaves no chance to say goodbye: what counts is on the disk already."""
    arguments = ["train", "mlp-pima", "--seed", "3", "--set", "validation=0.2"]
    arguments += ["--set", "early_stopping={patience=100000}", "--epochs", "3000"]
    process = subprocess.Popen(
        [*ZOO, *arguments, "-o", "run"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "checkpoint.h5").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run" / "model.zoo").exists()

    from zoo_weights import read_headers

    done = json.loads(read_headers(tmp_path / "run" / "checkpoint.h5")["progress"])["epochs"]
    assert 0 < done < 3000
    other = cli("train", "mlp-pima", "--epochs", "40", "-o", "run", "--resume")
    assert other.status == 2
    assert "was started differently: spec" in other.err

    assert cli(*arguments, "-o", "run", "--resume").status == 0
    assert cli(*arguments, "-o", "unbroken").status == 0
    same_history(tmp_path / "run", tmp_path / "unbroken")


def same_history(run: Path, unbroken: Path) -> None:
    """Assert that a training that was resumed went as one that was not."""
    resumed, whole = ((run / "history.csv").read_text().splitlines() for run in (run, unbroken))
    assert len(resumed) == len(whole) > 1
    for line, same in zip(resumed[1:], whole[1:], strict=True):
        values, expected = ([float(cell) for cell in row.split(",")] for row in (line, same))
        assert values == pytest.approx(expected, abs=1e-4)


@pytest.mark.long
def test_killed_at_any_moment_forty_times(cli, tmp_path: Path) -> None:
    """Between two checkpoints, while one is written, while the run folder is: all goes on."""
    arguments = ["train", "mlp-pima", "--seed", "3", "--set", "validation=0.2"]
    arguments += ["--set", "early_stopping={patience=100000}", "--epochs", "2000"]
    assert cli(*arguments, "-o", "unbroken").status == 0
    draw, kills, number = random.Random(0), 0, 0
    while kills < 40:
        process = subprocess.Popen(
            [*ZOO, *arguments, "-o", f"run{number}", "--resume"], cwd=tmp_path,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert process.wait(draw.uniform(1, 12)) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            same_history(tmp_path / f"run{number}", tmp_path / "unbroken")
            number += 1
    assert number > 0


def test_resume_without_a_folder_takes_the_last_unfinished_run(cli, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "file.txt").write_text("x")
    done = cli("train", "mlp-pima", "--epochs", "1", "-o", "odd", "--resume")
    assert done.status == 2
    assert "holds no run to resume" in done.err
    first = cli("train", "mlp-pima", "--epochs", "2", "--resume")
    assert first.status == 0  # nothing to resume: a new run
    assert len(list((tmp_path / "runs" / "mlp-pima").iterdir())) == 1


def test_reproduce_prints_claimed_beside_measured(cli, tmp_path: Path) -> None:
    done = cli("reproduce", "mlp-pima", "--seeds", "2", "--set", "epochs=1")
    assert done.status == 1  # one epoch does not reach the figure
    lines = done.out.splitlines()
    assert lines[0] == "mlp-pima on jax, seeds 1, 2"
    assert any(line.startswith("  train accuracy (rows it was trained on) by") for line in lines)
    assert lines[1].split()[:4] == ["figure", "published", "bound", "median"]
    assert "0.7826" in lines[2]
    assert lines[2].endswith("OUT")
    assert sum(line.strip().startswith("run: runs/mlp-pima/") for line in lines) == 2
    record = json.loads(
        cli("reproduce", "mlp-pima", "--seeds", "1", "--set", "epochs=1", "--format", "json").out
    )[0]
    assert record["figures"][0]["published"] == 0.7826
    assert record["passed"] is False
    assert record["settings"] == ["epochs=1"]
    assert record["versions"] == {name: version(name) for name in ("keras", "jax")}
    assert (Path(record["runs"][0]) / "model.zoo").exists()


def test_reproduce_as_a_table_says_what_was_run(cli) -> None:
    """A row that is copied from it must not pass for another recipe, or another backend."""
    settings = ("--set", "epochs=1", "--set", "validation={held=9, order='first'}")
    done = cli("reproduce", "mlp-pima", "--seeds", "1", *settings, "--format", "markdown")
    head, _, row = done.out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == head.count("|") - 1
    assert shlex.split(cells[0].removeprefix("mlp-pima `").removesuffix("`")) == list(settings)
    assert cells[1:4] == ["train accuracy", "0.7826", ">= 0.745"]
    assert cells[5:] == ["-", "OUT", "1", "-", f"jax {version('jax')}, Keras {version('keras')}"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "name the models to reproduce, or pass --all"),
        (["vgg16"], "vgg16 has no recipe to reproduce"),
        (["mlp-pma"], "Did you mean 'mlp-pima'?"),
    ],
)
def test_what_cannot_be_reproduced(cli, arguments: list[str], text: str) -> None:
    done = cli("reproduce", *arguments)
    assert done.status == 2
    assert text in done.err


def test_all_leaves_out_models_whose_data_are_not_here(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One missing dataset must not cost the figures of the others; named, it is an error."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    names = ["linear-cereals", "mlp-pima"]
    monkeypatch.setattr("zoo.training.reproduce.reproducible_models", lambda: names)
    done = cli("reproduce", "--all", "--seeds", "1", "--set", "epochs=1")
    assert "linear-cereals: skipped, dataset 'cereals' is not here" in done.err
    assert done.out.startswith("mlp-pima on jax")
    done = cli("reproduce", "linear-cereals")
    assert (done.status, done.out) == (1, "")
    assert "dataset 'cereals' is not here" in done.err
