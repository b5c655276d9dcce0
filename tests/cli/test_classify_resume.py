"""`zoo classify --resume`: a stopped job continues, and its file is as if it had never stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from places import MUG
from tiers import slow


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven pictures; one is broken, one has a name that CSV must quote."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("0.png", '1, "a"\nb.png', "3.png", "4.png", "5.png", "6.png"):
        shutil.copy(MUG, folder / name)
    (folder / "2.png").write_bytes(b"\x89PNG broken")
    return folder


def command(form: str, *more: str) -> list[str]:
    return ["classify", "photos", "--format", form, "-o", "out", "--top", "2", "--resume", *more]


WHOLE: dict[str, bytes] = {}
"""What the command writes: the same in every test, so it is computed once."""


@pytest.fixture
def written(cli, photos: Path, tmp_path: Path) -> Callable[[str], bytes]:
    """Return a function that writes the whole file of a form to ``out``."""

    def write(form: str) -> bytes:
        out = tmp_path / "out"
        if form not in WHOLE:
            assert cli(*command(form)).status == 1  # the broken picture is part of the job
            WHOLE[form] = out.read_bytes()
        out.write_bytes(WHOLE[form])
        return WHOLE[form]

    return write


def results(text: str, form: str) -> list[tuple[object, ...]]:
    """What a file says; the last digits of a score depend on who shared its batch."""
    if form == "csv":
        return [
            (
                row["input"],
                row["rank"],
                row["label"],
                row["error"],
                round(float(row["score"] or 0), 4),
            )
            for row in csv.DictReader(io.StringIO(text))
        ]
    return [
        (record["input"], record["error"], *((p["label"], round(p["score"], 4)) for p in found))
        for record in map(json.loads, text.splitlines())
        for found in [record["predictions"]]
    ]


@pytest.mark.parametrize("form", [slow("jsonl"), "csv"])
def test_wherever_it_was_cut_the_file_says_the_same(cli, written, tmp_path, form):
    whole, out = written(form), tmp_path / "out"
    assert whole.count(b"coffee_mug") == 6
    for share in (0.01, 0.35, 0.77, 0.999, 1.0):
        out.write_bytes(whole[: int(len(whole) * share)])
        assert cli(*command(form)).status == 1
        assert results(out.read_text(), form) == results(whole.decode(), form), share


def test_what_is_there_is_not_computed_again(cli, written, tmp_path):
    written("jsonl")
    out = tmp_path / "out"
    first, *rest = out.read_text().splitlines(keepends=True)
    record = json.loads(first)
    record["predictions"][0]["label"] = "kept"
    out.write_text(json.dumps(record) + "\n" + "".join(rest[:3]))
    cli(*command("jsonl"))
    labels = [json.loads(line)["predictions"] for line in out.read_text().splitlines()]
    assert labels[0][0]["label"] == "kept"
    assert len(labels) == 7


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_written(tmp_path, photos, cli):
    for number in range(60):
        os.link(MUG, photos / f"a{number:02}.png")
    program = [sys.executable, "-c", "from zoo_cli.main import main; main()"]
    arguments = command("jsonl", "--batch-size", "1")
    process = subprocess.Popen([*program, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL)
    out = tmp_path / "out"
    deadline = time.monotonic() + 240
    while not (out.is_file() and out.read_bytes().count(b"\n") >= 5):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = out.read_bytes()
    before = before[: before.rindex(b"\n") + 1]
    assert cli(*arguments).status == 1
    assert out.read_bytes().startswith(before)
    inputs = [json.loads(line)["input"] for line in out.read_text().splitlines()]
    assert inputs == sorted(f"photos/{path.name}" for path in photos.iterdir())


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["-o", "-"], "pass -o FILE and --format jsonl or csv, received standard output"),
        (["--format", "json"], "received out and json"),
        (["--format", "csv"], "line 1 was not written by `zoo classify` as csv"),
        (["--top", "3"], "has 2 classes per input, this command writes 3"),
        (["-m", "vgg16"], "results of model efficientnet-lite0, this command uses vgg16"),
        (["--weights", "none"], "results of weights imagenet, this command uses none"),
    ],
)
def test_a_file_of_something_else_is_refused_and_kept(cli, written, tmp_path, more, text):
    whole = written("jsonl")
    done = cli(*command("jsonl", *more))
    assert done.status == 2
    assert text in done.err
    assert (tmp_path / "out").read_bytes() == whole


def test_any_other_file_is_refused_and_kept(cli, photos, tmp_path):
    for content in ("notes\n", "[1]\n", '{"input": "a.png"}\n'):
        (tmp_path / "out").write_text(content)
        done = cli(*command("jsonl"))
        assert (done.status, (tmp_path / "out").read_text()) == (2, content)
        assert "line 1 was not written by `zoo classify` as jsonl" in done.err


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_no_result_can_be_is_refused_and_kept(cli, written, tmp_path, form):
    """Among them a quote that is never closed: reading on would take ever longer."""
    whole = written(form)
    (first, *_), out = whole.splitlines(keepends=True), tmp_path / "out"
    bad = {
        "jsonl": [
            b"x" * 2_000_000,
            first.replace(b"null}", b"NaN}"),
            first.replace(b"null}", b'"x"}'),
        ],
        "csv": [b'"' + b"y\n" * 1_000_000, b"0.png,efficientnet-lite0,imagenet,2,1,n,cup,0.1,\n"],
    }
    for line in bad[form]:
        out.write_bytes(content := (first if form == "csv" else whole) + line + b"\n" + first)
        done = cli(*command(form))
        assert (done.status, out.read_bytes()) == (2, content)
        assert f"was not written by `zoo classify` as {form}" in done.err


def test_the_suffix_is_the_format(cli, tmp_path):
    shutil.copy(MUG, tmp_path / "mug.png")
    for name, start in (
        ("a.jsonl", "{"),
        ("a.JSON", "["),
        ("a.csv", "input,"),
        ("a.txt", "coffee"),
    ):
        assert cli("classify", "mug.png", "-o", name).status == 0
        assert (tmp_path / name).read_text().startswith(start)
    assert cli("classify", "mug.png", "-o", "b.csv", "--format", "text").status == 0
    assert (tmp_path / "b.csv").read_text().startswith("coffee")
    assert cli("classify", "mug.png", "-o", "a.jsonl", "--resume").status == 0
