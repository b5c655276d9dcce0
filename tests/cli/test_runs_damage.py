"""Run folders come from strangers: whatever one holds, `zoo runs` shows the others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import zoo
from zoo.runs.run import Run
from zoo_weights import read_headers, write_bundle


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return zoo.train("mlp-pima", epochs=1, seed=3, output=tmp_path_factory.mktemp("runs") / "good")


@pytest.fixture
def runs(trained: Run, tmp_path: Path) -> Path:
    """A run, and a copy of it that a test may spoil, in the folder where `zoo` runs."""
    for name in ("good", "bad"):
        shutil.copytree(trained.path, tmp_path / "runs" / name)
    return tmp_path / "runs"


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 6 << 30)


ENDLESS = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "more than 16777216 bytes": huge,
}
FILES = ("metrics.json", "environment.json", "history.csv")


def test_a_file_that_never_ends_is_damage(runs, zoo_command):
    """One folder must not hang the list of all runs, nor take all memory."""
    for place in FILES:
        for number, make in enumerate(ENDLESS.values()):
            folder = shutil.copytree(runs / "bad", runs / f"{number}-{place}")
            (folder / place).unlink()
            make(folder / place)
    done = zoo_command("runs", "list")
    assert done.returncode == 0
    assert done.stdout.count("  finished  ") == 2
    for place in FILES:
        for number, told in enumerate(ENDLESS):
            path = f"runs/{number}-{place}/{place}"
            assert any(f"{path}: " in line and told in line for line in done.stdout.splitlines())


DEEP = "[" * 90 + "]" * 90


@pytest.mark.parametrize(
    ("place", "text", "told"),
    [
        ("environment.json", '{"versions": "x"}', "got `str` - at `$.versions`"),
        ("environment.json", '{"versions": []}', "got `array` - at `$.versions`"),
        ("environment.json", '{"devices": 5}', "got `int` - at `$.devices`"),
        ("environment.json", '{"devices": null}', "got `null` - at `$.devices`"),
        ("environment.json", '{"id": null}', "got `null` - at `$.id`"),
        ("environment.json", '{"seed": "x"}', "got `str` - at `$.seed`"),
        ("environment.json", f'{{"lineage": {{"a": {DEEP}}}}}', "is nested too deeply"),
        ("environment.json", "[" * 100_000, "is nested too deeply"),
        ("environment.json", "{", "Expecting property name"),
        ("metrics.json", f'{{"test": {{"accuracy": {"1" * 400}}}}}', "Number out of range"),
        ("metrics.json", f'{{"test": {{"accuracy": {"1" * 5000}}}}}', "Exceeds the limit"),
        ("metrics.json", '{"test": {"accuracy": "x"}}', "got `str`"),
        ("history.csv", "epoch,loss\n1\n", "has a row of 1 cells, expected 2"),
        ("history.csv", "," * 5000, "has 5001 columns"),
        ("history.csv", "x" * 200_000, "field larger than field limit"),
    ],
)
def test_wrong_content_is_damage(cli, runs, place, text, told):
    """The others are still listed, sorted and searched, and the file to mend is named."""
    (runs / "bad" / place).write_text(text)
    for options in ((), ("--sort", "accuracy"), ("--where", "accuracy>=0.1"), ("--json",)):
        done = cli("runs", "list", *options)
        assert done.status == 0, done
        assert "runs/good" in done.out
    done = cli("runs", "show", "runs/bad")
    assert done.status == 2
    assert done.err.startswith(f"zoo: runs/bad: is damaged: runs/bad/{place}: ")
    assert told in done.err


@pytest.mark.parametrize("path", ["a\0b", "loop", "\ud800", "x" * 5000, ""])
def test_the_path_of_a_parent_may_be_any_text(cli, runs, path):
    (runs.parent / "loop").symlink_to("loop")
    file = runs / "bad/environment.json"
    environment = json.loads(file.read_text())
    file.write_text(json.dumps({**environment, "lineage": {"parent": {"path": path}}}))
    for command in (("list",), ("show", "runs/bad"), ("compare", "runs/bad", "runs/good")):
        assert cli("runs", *command).status == 0


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a file system with late times")
@pytest.mark.parametrize("seconds", [2**50, 2**62, -(2**50)])
def test_a_time_that_no_date_can_say(cli, trained, seconds):
    with TemporaryDirectory(dir="/dev/shm") as folder:
        run = shutil.copytree(trained.path, Path(folder, "run"))
        os.utime(run / "model.zoo", (seconds, seconds))
        assert cli("runs", "list", folder, "--since", "2020-01-01").status == 0


@pytest.mark.parametrize("history", [5, {"loss": 5}, {"loss": ["x"]}, {"loss": [10**400]}])
def test_wrong_content_of_a_checkpoint_is_damage(cli, runs, history):
    spec = json.loads(read_headers(runs / "bad/model.zoo")["spec"])
    identity = {"spec": spec, "seed": 3, "backend": "jax"}
    headers = {"identity": json.dumps(identity), "progress": json.dumps({"history": history})}
    (runs / "bad/model.zoo").unlink()
    write_bundle(runs / "bad/checkpoint.h5", headers, [])
    done = cli("runs", "list")
    assert (done.status, len(done.out.splitlines())) == (0, 2)
    assert "checkpoint.h5: its header 'progress' is damaged" in done.out
