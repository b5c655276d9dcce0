"""Many processes on one file, clocks that jump, and files of a newer zoo or another user."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from faults import FROZEN, Place, check_final_names, check_same, check_tidy, files_of
from processes import Faults, start

import zoo
from zoo import cache
from zoo.errors import UsageError
from zoo.runs.folder import fresh_folder, own_folder, run_folder
from zoo_weights import atomic_write
from zoo_weights.files import temporary_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs locks of folders")

ALL = 8
NOBODY = 65534
BUSY = "another process is writing to it"
PHOTOS = str(FROZEN / "trained" / "photos")
as_root = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="needs the right to change owners"
)


def together(place: Place, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Run commands at the same time; return their exit statuses and errors."""
    running = [start(*command, folder=place.folder, env=place.env) for command in commands]
    return [(one.wait(), one.errors) for one in running]


def test_eight_processes_store_one_file(place: Place) -> None:
    """Some download it, some add it: all succeed, and it is there once."""
    place.server.pages["/weights.h5"].pause = 0.02
    pull = ("weights", "pull", "guest-model")
    add = ("weights", "add", "guest-model", "../weights.h5")
    ended = together(place, *[pull, add] * (ALL // 2))
    assert ended == [(0, "")] * ALL
    home = place.base / "home"
    (stored,) = [path for path in files_of(home) if path.suffix == ".h5"]
    assert stored.read_bytes() == place.weights.read_bytes()
    check_tidy(home)


@pytest.mark.slow
def test_eight_processes_add_one_dataset(place: Place) -> None:
    ended = together(place, *[("data", "add", "guest-table", "../table.csv")] * ALL)
    assert ended == [(0, "")] * ALL
    check_final_names(place.base / "home")
    check_tidy(place.base / "home")


@pytest.mark.slow
def test_eight_processes_train_into_one_folder(place: Place) -> None:
    """One wins and the others say so; the run is that of one process."""
    command = ("train", "mlp-pima", "--seed", "3", "--epochs", "50", "-o", "run")
    ended = together(place, *[command] * ALL)
    assert sorted(status for status, _ in ended) == [0] + [2] * (ALL - 1)
    for status, errors in ended:
        assert status == 0 or BUSY in errors or "needs its own folder" in errors, errors
    check_final_names(place.folder)
    check_tidy(place.folder)


@pytest.mark.slow
def test_eight_processes_train_without_naming_a_folder(place: Place) -> None:
    """They may start in the same second: each has a folder of its own."""
    ended = together(place, *[("train", "mlp-pima", "--epochs", "1")] * ALL)
    assert [status for status, _ in ended] == [0] * ALL, ended
    runs = list((place.folder / "runs" / "mlp-pima").iterdir())
    assert len(runs) == ALL
    assert all((run / "model.zoo").is_file() for run in runs)


@pytest.mark.slow
def test_eight_processes_resume_one_output(place: Place) -> None:
    """One works, the others refuse; the file is as one process writes it."""
    for number in range(30):
        shutil.copy(FROZEN / "pictures/dark/0.png", place.folder / f"{number:02}.png")
    command = ("classify", ".", "-m", PHOTOS, "--batch-size", "1", "--format", "jsonl",
               "-o", "../out.jsonl", "--resume")  # fmt: skip
    ended = together(place, *[command] * ALL)
    kinds = Counter(status for status, _ in ended)
    assert kinds[0] >= 1
    assert kinds[0] + kinds[2] == ALL
    assert all(BUSY in errors for status, errors in ended if status), ended
    lines = (place.base / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["input"] for line in lines] == [f"{n:02}.png" for n in range(30)]


def test_a_folder_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    """The second one is refused at once, before it has written anything."""
    with run_folder("x", tmp_path / "run", resume=False) as path:
        for resume in (False, True):
            with pytest.raises(UsageError, match=BUSY), run_folder("x", path, resume=resume):
                pass
        (path / "model.zoo").touch()
    with pytest.raises(UsageError, match="needs its own folder"):
        run_folder("x", path, resume=False).__enter__()
    with run_folder("x", path, resume=True):
        pass


def test_a_folder_that_stays_empty_is_not_left(tmp_path: Path) -> None:
    """A training that cannot start leaves no trace; folders that were there stay."""
    (tmp_path / "there").mkdir()
    for path in (tmp_path / "a" / "b", tmp_path / "there"):
        with pytest.raises(ZeroDivisionError), run_folder("x", path, resume=False):
            raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_fresh_folders_are_different(tmp_path: Path) -> None:
    """Threads here, but each opens the folder for itself, as processes do."""
    for attempt in range(20):
        barrier = threading.Barrier(ALL, timeout=60)

        def take(parent: Path, barrier: threading.Barrier) -> str:
            barrier.wait()
            with fresh_folder(parent, "x-") as path:
                time.sleep(0.001)
                (path / "file").touch()
                barrier.wait()
            return path.name

        parent = tmp_path / str(attempt)
        with ThreadPoolExecutor(ALL) as pool:
            names = list(pool.map(take, [parent] * ALL, [barrier] * ALL))
        assert len(set(names)) == ALL


def test_what_a_kill_leaves_can_be_resumed(tmp_path: Path) -> None:
    """Killed while the first checkpoint was written, or before the bundle had its name."""
    temporary = temporary_path(tmp_path / "checkpoint.h5")
    (tmp_path / temporary.name.replace(f"-{os.getpid()}-", "-999999999-")).touch()
    for resume in (False, True):
        with own_folder(tmp_path, "run", ("model.zoo",), resume):
            pass
    with atomic_write(tmp_path / "checkpoint.h5"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.h5"]
    (tmp_path / "checkpoint.h5").rename(tmp_path / "environment.json")
    with run_folder("x", tmp_path, resume=True):
        pass


# Clocks


@pytest.mark.slow
def test_the_clock_goes_back_while_a_model_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() + 1e6
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.chdir(tmp_path)

    def jump(count: list[int] = [0]) -> float:  # noqa: B006
        count[0] += 1
        return now - 3600 * count[0]

    monkeypatch.setattr(time, "time", jump)
    run = zoo.train("mlp-pima", epochs=2, seed=3, output="run")
    assert len(run.history["loss"]) == 2
    assert all(value >= 0 for name, value in flat(run.environment) if "seconds" in name)


def flat(table: dict[str, object]) -> list[tuple[str, float]]:
    return [(name, value) for name, value in table.items() if isinstance(value, int | float)]


def test_files_from_the_future_and_the_past(place: Place, cli, monkeypatch) -> None:
    """Times are hints: what a file holds decides."""
    monkeypatch.setenv("ZOO_HOME", place.env["ZOO_HOME"])
    shutil.copytree(FROZEN / "trained" / "pima", place.folder / "later")
    shutil.copytree(FROZEN / "trained" / "wine", place.folder / "earlier")
    for path, seconds in (("later", 4e9), ("earlier", 0)):
        for file in files_of(place.folder / path):
            os.utime(file, (seconds, seconds))
    monkeypatch.chdir(place.folder)
    listed = cli("runs", "list", str(place.folder), "--json")
    assert listed.status == 0, listed.err
    assert [Path(run["path"]).name for run in json.loads(listed.out)] == ["earlier", "later"]


def test_a_cache_file_from_the_future_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    cache.write("kept", "one", b"1")
    for seconds in (4e9, 0):
        os.utime(tmp_path / "cache/kept/one", (seconds, seconds))
        assert cache.read("kept", "one") == b"1"


# A newer zoo, and other users


def newer(folder: Path) -> dict[Path, bytes]:
    """Add to a cache what a later zoo might keep there; return it."""
    later = msgspec.msgpack.encode({"version": 99, "graph": [1, 2, 3]})
    files = {
        "networks/0123.msgpack": hashlib.sha256(later).digest() + later,
        "networks/index.sqlite": b"SQLite format 3\0",
        "weights/index.json": b'{"version": 9}',
        "weights/blake3-00/file.bin": b"x",
        "data/content-00/rows.arrow": b"ARROW1",
        "locks/1234.owner": b"{}",
        "unknown/file": b"x",
    }
    for name, content in files.items():
        path = folder / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {folder / "cache" / name: content for name, content in files.items()}


def test_a_cache_of_a_newer_zoo(place: Place) -> None:
    """What this one does not know it neither reads nor removes."""
    home = place.base / "home"
    home.mkdir(mode=0o700)
    files = newer(home)
    pins = home / "cache" / "weights" / hashlib.sha256(place.weights.read_bytes()).hexdigest()
    pins.mkdir()
    (pins / ".weights.h5.pin.json").write_text('{"sha256": "?", "version": 2, "size": []}')
    for command in (
        ("weights", "pull", "guest-model"), ("weights", "verify"), ("weights", "list"),
        ("data", "verify"), ("doctor",), ("weights", "remove", "guest-model"),
    ):  # fmt: skip
        done = start(*command, folder=place.folder, env=place.env)
        assert done.wait() == 0, done.errors
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.slow
def test_networks_that_a_newer_zoo_stored(place: Place) -> None:
    """Every stored network is of another version: the answers stay the same."""
    command = ("classify", str(FROZEN / "pictures"), "-m", PHOTOS, "--format", "jsonl", "-o")
    for name in ("one", "two"):
        (place.folder / name).mkdir()
    first = start(*command, "one/out", folder=place.folder, env=place.env)
    assert first.wait() == 0, first.errors
    later = msgspec.msgpack.encode({"version": 99})
    for path in (place.base / "home").rglob("*.msgpack"):
        path.write_bytes(hashlib.sha256(later).digest() + later)
    second = start(*command, "two/out", folder=place.folder, env=place.env)
    assert second.wait() == 0, second.errors
    check_same(place.folder / "one", place.folder / "two")


@as_root
def test_files_of_another_user_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiled program that somebody else wrote is not run."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    path = cache.write("kept", "one", b"1")
    assert path is not None
    os.chown(path, NOBODY, NOBODY)
    assert cache.read("kept", "one") is None
    os.chown(path, 0, 0)
    os.chown(path.parent, NOBODY, NOBODY)
    assert cache.read("kept", "one") is None
    assert cache.write("kept", "two", b"2") is None


@as_root
def test_a_store_of_another_user(place: Place) -> None:
    """It is checked as any other, and replaced by root alone."""
    pull = ("weights", "pull", "guest-model")
    assert start(*pull, folder=place.folder, env=place.env).wait() == 0
    for path in (place.base / "home").rglob("*"):
        os.chown(path, NOBODY, NOBODY)
    (stored,) = [path for path in files_of(place.base / "home") if path.suffix == ".h5"]
    stored.write_bytes(b"another file")
    refused = start(*pull, folder=place.folder, env=place.env)
    assert refused.wait() == 1
    assert "does not match its record" in refused.errors
    verified = start("weights", "verify", "guest-model", folder=place.folder, env=place.env)
    assert verified.wait() == 1


@as_root
def test_a_run_of_another_user_is_left_alone(place: Place) -> None:
    shutil.copytree(FROZEN / "trained" / "stopped", place.folder / "run")
    for path in (place.folder / "run", *(place.folder / "run").iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, NOBODY, NOBODY)
    before = {path: path.read_bytes() for path in files_of(place.folder)}
    for command in (("runs", "show", "run"), ("runs", "remove", "run", "--yes"),
                    ("train", "mlp-pima", "-o", "run")):  # fmt: skip
        refused = start(*command, folder=place.folder, env=place.env, faults=Faults(bound=True))
        assert refused.wait() in (1, 2), command
        assert "Traceback" not in refused.errors
        assert "ermission denied" in refused.errors or "not readable" in refused.errors
    assert {path: path.read_bytes() for path in files_of(place.folder)} == before
