"""A disk that is full, or cannot be written: what has a final name is old or new, never half.

A full disk is a limit on the size of files, and, where a test may mount one, a small file system.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import FROZEN, Place, check_final_names, check_tidy, files_of
from processes import Faults, Running, start
from tiers import slow

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")

SYNTHETIC = str(FROZEN / "trained" / "synthetic")
PHOTOS = str(FROZEN / "trained" / "photos")
BOUND = Faults(bound=True)
OLD = '{"old": "content"}\n'


def check_message(running: Running, *texts: str) -> None:
    """Assert that a command failed, and said why as the contract has it."""
    assert running.wait() in (1, 2), running.errors
    lines = [line for line in running.errors.splitlines() if line]
    assert lines
    assert all(line.startswith(("zoo: ", "  ")) for line in lines), running.errors
    assert "Traceback" not in running.errors
    assert "(-vv shows where)" not in running.errors, running.errors
    assert any(text in running.errors for text in texts), running.errors


FULL = ("file too large", "no space left")


def table(place: Place, rows: int = 3000) -> Path:
    names = [f"x{number:02}" for number in range(1, 21)]
    lines = [",".join(str(row * column % 11 / 7) for column in range(20)) for row in range(rows)]
    path = place.folder / "rows.csv"
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    return path


@pytest.mark.parametrize("share", [slow(0.0), slow(1e-6), 0.5, slow(0.999)])
@pytest.mark.parametrize(
    "command",
    [
        ("weights", "pull", "guest-model"),
        ("weights", "add", "guest-model", "../weights.h5"),
        ("data", "add", "guest-table", "../table.csv"),
    ],
    ids=" ".join,
)
def test_a_store_on_a_full_disk(command: tuple[str, ...], share: float, place: Place) -> None:
    """Nothing is stored, nothing is left over, and with room again the same command works."""
    file = place.table if command[0] == "data" else place.weights
    limit = math.ceil(share * file.stat().st_size)
    full = start(*command, folder=place.folder, env=place.env, faults=Faults(file_limit=limit))
    assert full.wait() in (1, 2)
    stored = [p for p in files_of(place.base / "home") if p.suffix in (".h5", ".csv")]
    assert stored == []
    again = start(*command, folder=place.folder, env=place.env)
    assert again.wait() == 0, again.errors
    check_tidy(place.base / "home")


@pytest.mark.parametrize("command", ["pull", "add"])
def test_a_store_says_that_the_disk_is_full(command: str, place: Place) -> None:
    more = ("../weights.h5",) if command == "add" else ()
    full = start(
        "weights", command, "guest-model", *more, folder=place.folder, env=place.env,
        faults=Faults(file_limit=1000),
    )  # fmt: skip
    check_message(full, *FULL)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 4_000, 60_000])
@pytest.mark.parametrize("form", ["jsonl", "csv", "json"])
def test_an_output_on_a_full_disk(form: str, limit: int, place: Place) -> None:
    """`-o` holds what it held before."""
    rows, out = table(place), place.folder / f"out.{form}"
    out.write_text(OLD)
    full = start(
        "predict", SYNTHETIC, rows, "--format", form, "-o", out.name,
        folder=place.folder, env=place.env, faults=Faults(file_limit=limit),
    )  # fmt: skip
    assert full.wait() in (1, 2)
    assert out.read_text() == OLD
    check_tidy(place.folder)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 700])
def test_results_that_are_appended_on_a_full_disk(limit: int, place: Place) -> None:
    """What was written before stays, and `--resume` goes on behind it once there is room."""
    pictures = place.folder / "pictures"
    shutil.copytree(FROZEN / "pictures", pictures)
    command = ("classify", "pictures/dark", "-m", PHOTOS, "-o", "out.jsonl", "--resume",
               "--format", "jsonl")  # fmt: skip
    full = start(*command, folder=place.folder, env=place.env, faults=Faults(file_limit=limit))
    assert full.wait() in (1, 2)
    check_final_names(place.folder, growing=("out.jsonl",))
    again = start(*command, folder=place.folder, env=place.env)
    assert again.wait() == 0, again.errors
    assert (place.folder / "out.jsonl").read_text().count("\n") == 6
    check_final_names(place.folder)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 3_000, 9_000, 12_000, 16_000])
def test_a_training_on_a_full_disk(limit: int, place: Place) -> None:
    """Checkpoint, bundle and texts are whole or absent, and the training goes on afterwards."""
    command = ("train", "mlp-pima", "--seed", "3", "--epochs", "300", "-o", "run", "--resume")
    full = start(*command, folder=place.folder, env=place.env, faults=Faults(file_limit=limit))
    assert full.wait() in (1, 2), full.errors
    check_final_names(place.folder)
    again = start(*command, folder=place.folder, env=place.env)
    assert again.wait() == 0, again.errors
    check_final_names(place.folder)
    check_tidy(place.folder)


@pytest.mark.slow
def test_a_cache_on_a_full_disk_costs_time_only(place: Place) -> None:
    rows = table(place, 5)
    env = {**place.env, "TMPDIR": str(place.base)}
    full = start(
        "predict", SYNTHETIC, rows, folder=place.folder, env=env, faults=Faults(file_limit=400)
    )
    assert full.wait() == 0, full.errors
    check_final_names(place.base / "home")
    check_tidy(place.base / "home")


@pytest.fixture
def small_disk(place: Place) -> Iterator[Path]:
    """A file system of 512 KiB."""
    folder = place.base / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "zoo-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the permission to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("command", ["pull", "add"])
def test_a_store_on_a_disk_that_fills(command: str, place: Place, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(300_000))
    env = {**place.env, "ZOO_HOME": str(small_disk / "home")}
    more = ("../weights.h5",) if command == "add" else ()
    arguments = ("weights", command, "guest-model", *more)
    full = start(*arguments, folder=place.folder, env=env)
    assert full.wait() in (1, 2)
    assert not [path for path in files_of(small_disk) if path.suffix == ".h5"]
    (small_disk / "ballast").unlink()
    again = start(*arguments, folder=place.folder, env=env)
    assert again.wait() == 0, again.errors
    check_tidy(small_disk)


@pytest.mark.slow
def test_a_training_on_a_disk_that_fills(place: Place, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(508_000))
    out = small_disk / "run"
    command = ("train", "mlp-pima", "--seed", "3", "--epochs", "5", "-o", str(out), "--resume")
    full = start(*command, folder=place.folder, env=place.env)
    assert full.wait() in (1, 2)
    check_final_names(small_disk)
    (small_disk / "ballast").unlink()
    again = start(*command, folder=place.folder, env=place.env)
    assert again.wait() == 0, again.errors
    check_tidy(small_disk)


# Folders that cannot be written, are not there, or go away.


def test_a_folder_that_cannot_be_written(place: Place) -> None:
    """The user learns which folder it is; nothing in it changes."""
    (place.base / "home").mkdir(mode=0o555)
    refused = start(
        "weights", "add", "guest-model", "../weights.h5",
        folder=place.folder, env=place.env, faults=BOUND,
    )  # fmt: skip
    assert refused.wait() in (1, 2)
    assert "permission denied" in refused.errors
    assert str(place.base / "home") in refused.errors
    assert "Traceback" not in refused.errors
    assert list((place.base / "home").iterdir()) == []


@pytest.mark.slow
def test_an_output_in_a_folder_that_cannot_be_written(place: Place) -> None:
    rows = table(place, 5)
    place.folder.chmod(0o555)
    for output in ("out.jsonl", "nowhere/out.jsonl", "rows.csv/out.jsonl"):
        refused = start(
            "predict", SYNTHETIC, rows, "-o", output,
            folder=place.folder, env=place.env, faults=BOUND,
        )  # fmt: skip
        check_message(refused, output)
    assert [path.name for path in place.folder.iterdir()] == ["rows.csv"]


@pytest.mark.slow
def test_a_run_in_a_folder_that_cannot_be_written(place: Place) -> None:
    place.folder.chmod(0o555)
    refused = start(
        "train", "mlp-pima", "--epochs", "1", "-o", "run",
        folder=place.folder, env=place.env, faults=BOUND,
    )  # fmt: skip
    check_message(refused, "run")
    assert list(place.folder.iterdir()) == []


@pytest.mark.parametrize(
    "command", [("list", "guest-model"), ("weights", "pull", "guest-model")], ids=" ".join
)
def test_the_current_folder_is_gone(command: tuple[str, ...], place: Place) -> None:
    """What needs no current folder works without one."""
    code = "import os, sys; os.rmdir(os.getcwd()); from zoo_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=place.folder, env={**os.environ, **place.env},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "guest-model" in done.stdout


@pytest.mark.slow
def test_a_run_without_a_current_folder(place: Place) -> None:
    code = "import os, sys; os.rmdir(os.getcwd()); from zoo_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "mlp-pima", "--epochs", "1"],
        cwd=place.folder, env={**os.environ, **place.env},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "(-vv shows where)" not in done.stderr
