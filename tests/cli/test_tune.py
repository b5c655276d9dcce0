"""`zoo tune` as users run it: killed and resumed, with its leaderboard printed and in a file."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Cli, Zoo

START = [sys.executable, "-c", "from zoo_cli.main import main; main()", "tune", "mlp-pima"]
AXES = ["--grid", "hidden=[2],[3],[4],[5],[6]", "--grid", "epochs=1,2", "--folds", "2"]


def kept(folder: Path) -> list[dict[str, Any]]:
    path = folder / "tune.json"
    results: list[dict[str, Any]] = []
    if path.is_file():
        results = json.loads(path.read_text())["results"]
    return results


@pytest.mark.slow
def test_a_killed_tuning_goes_on_where_it_was(cli: Cli, tmp_path: Path) -> None:
    """SIGKILL while it trains: every result that was there stays, and none is trained twice."""
    folder = tmp_path / "t"
    process = subprocess.Popen([*START, *AXES, "-o", folder, "-q", "--seed", "3"])
    try:
        deadline = time.monotonic() + 200
        while len(kept(folder)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = kept(folder)
    assert 3 <= len(before) < 10
    refused = cli("tune", "mlp-pima", *AXES, "-o", folder, "--seed", "3")
    assert refused.status == 2
    assert "continue with --resume" in refused.err
    other = cli("tune", "mlp-pima", "--grid", "epochs=1", "-o", folder, "--resume", "--seed", "3")
    assert other.status == 2
    assert "was started differently: grid" in other.err
    done = cli("tune", "mlp-pima", *AXES, "-o", folder, "--resume", "--seed", "3")
    assert done.status == 0, done.err
    after = kept(folder)
    assert after[: len(before)] == before
    assert len(after) == len({json.dumps(result["settings"]) for result in after}) == 10
    assert f"{len(before) + 1}/10" in done.err
    assert f"{len(before)}/10" not in done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["accuracy", "deviation", "hidden", "epochs"]
    assert lines[-2:] == [f"leaderboard: {folder}/leaderboard.csv", f"run: {folder}/best"]
    with (folder / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 11)]
    assert lines[1].split()[1] == f"{float(rows[0]['accuracy']):.4f}"
    assert (folder / "best" / "model.zoo").is_file()
    again = cli("tune", "mlp-pima", *AXES, "-o", folder, "--resume", "--seed", "3")
    assert again.out == done.out  # nothing was left to do


@pytest.mark.long
def test_a_ray_cluster_gives_the_same_results(cli: Cli, zoo_command: Zoo, tmp_path: Path) -> None:
    """One that Ray starts on this machine, in a process that JAX does not run in yet."""
    pytest.importorskip("ray", reason="needs the extra ray")
    axes = ["--grid", "hidden=[4],[8]", "--grid", "epochs=1,2", "--folds", "2", "--seed", "3"]
    spread = zoo_command("tune", "mlp-pima", *axes, "--engine", "ray", "-o", tmp_path / "ray")
    assert spread.returncode == 0, spread.stderr
    here = cli("tune", "mlp-pima", *axes, "-o", tmp_path / "local")
    assert here.status == 0, here.err

    def order(result: dict[str, Any]) -> str:
        return json.dumps(result["settings"])

    expected = sorted(kept(tmp_path / "local"), key=order)
    assert sorted(kept(tmp_path / "ray"), key=order) == expected
    assert len(expected) == 4


def test_a_folder_of_its_own_below_runs(cli: Cli, tmp_path: Path) -> None:
    done = cli("tune", "mlp-pima", "--grid", "batch_size=128,256", "--random", "1",
               "--set", "epochs=1", "--folds", "2", "-q")  # fmt: skip
    assert done.status == 0, done.err
    assert done.err == ""
    [folder] = (tmp_path / "runs" / "mlp-pima").glob("tune-*")
    assert len(kept(folder)) == 1
    listed = cli("runs", "list")
    assert f"{folder.relative_to(tmp_path)}/best" in listed.out


@pytest.mark.parametrize(
    ("grid", "text"),
    [
        (["epochs"], "--grid takes KEY=A,B,C, for instance epochs=50,100; received 'epochs'"),
        (["epochs=1", "epochs=2"], "--grid epochs is given twice"),
        (["epochs=0.1..0.5"], "cannot try every value of a range"),
        (["nosuch=1"], "'mlp-pima' has no such field"),
    ],
)
def test_wrong_grids(cli: Cli, grid: list[str], text: str) -> None:
    done = cli("tune", "mlp-pima", *(word for axis in grid for word in ("--grid", axis)))
    assert done.status == 2
    assert text in done.err
