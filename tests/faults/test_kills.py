"""SIGKILL at any moment: no wrong file has a final name, and the next command goes on.

Half of the kills come before a change to the disk (or shortly after), chosen at random among those
that the command makes; half at a random time from the start of the process. ``SEED`` gives others.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import FROZEN, Place, check_final_names, check_same, check_tidy
from processes import Faults, start
from tiers import slow

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")

SEED = int(os.environ.get("SEED", "0"))
ENVIRONMENT = ("environment.json", "summary.json")


@dataclass(frozen=True)
class Job:
    """A command that is killed.

    Attributes
    ----------
    arguments
        The command; started again after a kill, it must go on.
    verify
        A command that checks the result.
    prepare
        Makes what the command needs in its folder.
    growing
        Files that are written line by line.
    chain
        Kills before the command is let through.
    differs
        Names of files that no two runs have in common.
    """

    arguments: tuple[str, ...]
    verify: tuple[str, ...] = ()
    prepare: Callable[[Place, Path], None] = lambda place, folder: None
    growing: tuple[str, ...] = ()
    chain: int = 1
    differs: tuple[str, ...] = ENVIRONMENT


def slow_server(place: Place, folder: Path) -> None:
    place.server.pages["/weights.h5"].pause = 0.01


def photos(place: Place, folder: Path) -> None:
    for number in range(40):
        name = ("dark", "light")[number % 2]
        shutil.copy(FROZEN / "pictures" / name / f"{number % 6}.png", folder / f"{number:02}.png")


def rows(place: Place, folder: Path) -> None:
    names = [f"x{number:02}" for number in range(1, 21)]
    lines = [",".join(str(row * column % 11 / 7) for column in range(20)) for row in range(30_000)]
    (folder / "rows.csv").write_text("\n".join([",".join(names), *lines]) + "\n")


SYNTHETIC = str(FROZEN / "trained" / "synthetic")
STOPPING = ("--set", "validation=0.2", "--set", "early_stopping={patience=100000}")

JOBS = {
    "pull": Job(
        ("weights", "pull", "guest-model"), ("weights", "verify", "guest-model"), slow_server
    ),
    "weights add": Job(
        ("weights", "add", "guest-model", "../weights.h5"), ("weights", "verify", "guest-model")
    ),
    "data add": Job(
        ("data", "add", "guest-table", "../table.csv"), ("data", "verify", "guest-table")
    ),
    "train": Job(
        ("train", "mlp-pima", "--seed", "3", "--epochs", "600", *STOPPING, "-o", "run", "--resume"),
        ("runs", "show", "run"), chain=3,
    ),
    "tune": Job(
        ("tune", "mlp-pima", "--seed", "3", "--grid", "hidden=[4],[8]", "--grid", "epochs=1,40",
         "--folds", "2", "-o", "tune", "--resume"),
        ("runs", "show", "tune/best"), chain=2,
    ),
    "retrain": Job(
        ("retrain", SYNTHETIC, "--data", "synthetic-new", "--seed", "3", "--epochs", "300",
         "-o", "update", "--resume"),
        ("runs", "show", "update"), chain=2,
    ),
    "classify": Job(
        ("classify", ".", "-m", str(FROZEN / "trained" / "photos"), "--batch-size", "2",
         "-o", "out.jsonl", "--format", "jsonl", "--resume"),
        prepare=photos, growing=("out.jsonl",), chain=2,
    ),
    "predict": Job(
        ("predict", SYNTHETIC, "rows.csv", "--format", "jsonl", "-o", "out.jsonl"), prepare=rows
    ),
}  # fmt: skip

KILLS = [
    slow("pull", 50), slow("weights add", 40), slow("data add", 40), slow("train", 18),
    slow("classify", 16), slow("predict", 12), slow("tune", 12), slow("retrain", 12),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kills"), [("pull", 3), ("weights add", 3), ("data add", 2)])
def test_killed_a_few_times(name: str, kills: int, place: Place) -> None:
    kill_often(JOBS[name], kills, place)


@pytest.mark.parametrize(("name", "kills"), KILLS)
def test_killed_two_hundred_times(name: str, kills: int, place: Place) -> None:
    kill_often(JOBS[name], kills, place)


def kill_often(job: Job, kills: int, place: Place) -> None:
    """Kill a job at random; let it through now and then, and compare what it made."""
    draw = random.Random(f"{SEED} {job.arguments}")
    unbroken, env, home = prepare(job, place, "unbroken")
    began = time.monotonic()
    running = start(*job.arguments, folder=unbroken, env=env)
    assert running.wait() == 0, running.errors
    seconds, changes = time.monotonic() - began, running.changes.value
    assert changes
    killed = number = 0
    while killed < kills:
        folder, env, home = prepare(job, place, f"killed-{number}")
        number += 1
        for _ in range(min(job.chain, kills - killed)):
            if not kill_once(job, draw, folder, env, seconds, changes):
                break
            killed += 1
            check_final_names(folder, home, growing=job.growing)
        running = start(*job.arguments, folder=folder, env=env)
        assert running.wait() == 0, running.errors
        check_final_names(folder, home)
        check_tidy(folder, home)
        check_same(folder, unbroken, besides=job.differs)
        if job.verify:
            verified = start(*job.verify, folder=folder, env=env)
            assert verified.wait() == 0, verified.out.read_text() + verified.errors
        shutil.rmtree(folder)


def prepare(job: Job, place: Place, name: str) -> tuple[Path, dict[str, str], Path]:
    """Return a fresh folder with what the job needs, its environment, and its ``ZOO_HOME``."""
    folder, home = place.base / name, place.base / f"home-{name}"
    folder.mkdir()
    home.mkdir()
    job.prepare(place, folder)
    return folder, {**place.env, "ZOO_HOME": str(home)}, home


def kill_once(
    job: Job, draw: random.Random, folder: Path, env: dict[str, str], seconds: float, changes: int
) -> bool:
    """Start the command and kill it; return whether it was still running then."""
    faults, wait = Faults(), 0.0
    if draw.random() < 0.5:
        delay = draw.choice((0.0, draw.uniform(0.0001, 0.01)))
        faults = Faults(change=draw.randint(1, changes), delay=delay)
    else:
        wait = draw.uniform(0, seconds)
    running = start(*job.arguments, folder=folder, env=env, faults=faults)
    if wait:
        time.sleep(wait)
        running.process.kill()
    return running.wait() == -signal.SIGKILL
