"""What the commands write: into which file, and how text from strangers is made safe in it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from places import MUG
from registered import change

from zoo.errors import InputError
from zoo.registry.registry import registry
from zoo.runs.history import read_history
from zoo.runs.run import csv_text
from zoo_cli.options import FailureLog
from zoo_cli.output import open_output, write_records
from zoo_cli.terminal import echo

HOSTILE = "a\x1b[2J\x9b1m\u202eb\u2028c\nzoo: all is well"
"""Clears the terminal, turns the reading direction and begins a line of its own."""

HARMLESS = r"a\x1b[2J\x9b1m\u202eb\u2028c\nzoo: all is well"

BYTES = "b\udcff\udce4.png"
"""A file name that is not UTF-8."""

POSIX = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs names of any bytes")


def is_safe(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


# Text


def test_summaries_and_licences_do_not_control_the_terminal(cli, monkeypatch) -> None:
    change(monkeypatch, registry().models, "mlp-pima", summary=HOSTILE, licence=HOSTILE)
    change(monkeypatch, registry().datasets, "pima", summary=HOSTILE, licence=HOSTILE)
    for command in (["list", "mlp-pima"], ["show", "mlp-pima"], ["data", "list"],
                    ["data", "show", "pima"]):  # fmt: skip
        done = cli(*command)
        assert done.status == 0
        assert is_safe(done.out), command
        assert HARMLESS in done.out, command


def test_json_and_toml_are_safe_and_read_back_as_they_were(cli, monkeypatch) -> None:
    import tomllib

    change(monkeypatch, registry().models, "mlp-pima", summary=HOSTILE)
    out = cli("list", "mlp-pima", "--json").out
    assert is_safe(out)
    assert json.loads(out)[0]["summary"] == HOSTILE
    out = cli("show", "mlp-pima", "--toml").out
    assert is_safe(out)
    assert tomllib.loads(out)["summary"] == HOSTILE


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", HOSTILE),
        (HOSTILE,),
        ("classify", "--top", HOSTILE, "x"),
        ("list", f"--{HOSTILE}"),
        ("runs", "show", HOSTILE),
        ("runs", "list", HOSTILE),
        ("train", f"{HOSTILE}.toml"),
        ("predict", "mlp-pima", HOSTILE),
        ("runs", "plot", ".", "-o", HOSTILE),
        ("show", "b\udcff"),
        ("summary", "mlp-pima", "--plot", f"{HOSTILE}/x.png"),
    ],
)
def test_wrong_arguments_come_back_escaped(cli, arguments) -> None:
    done = cli(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert is_safe(done.err)
    assert not any(line.startswith("zoo: all is well") for line in done.err.splitlines())


def test_messages_of_errors_and_warnings_are_escaped(cli, monkeypatch, capsys) -> None:
    import warnings

    from zoo_weights import LayoutMismatch

    for error, lines in (
        (InputError(HOSTILE, kind="x"), 1),
        (RuntimeError(HOSTILE), 1),
        (LayoutMismatch(f"expected:\n  {HOSTILE}\n  b"), 3),  # a table stays one
    ):

        def fail(*_, error=error, **__):
            warnings.warn(HOSTILE, FutureWarning, stacklevel=1)
            raise error

        monkeypatch.setattr("zoo_cli.commands.list.list_models", fail)
        done = cli("list")
        assert done.status == 1
        assert is_safe(done.err)
        assert len(done.err.splitlines()) == lines + 1


def test_a_traceback_is_escaped(tmp_path) -> None:
    code = (
        "import sys\nfrom zoo_cli import main\nfrom zoo_cli.commands import list\n"
        f"def fail(*_, **__):\n    raise RuntimeError({HOSTILE!r})\n"
        "list.list_models = fail\nsys.argv = ['zoo', 'list', '-vv']\nmain.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"Traceback" in done.stderr
    assert is_safe(done.stderr.decode())


def test_lines_that_are_meant_stay(capsys) -> None:
    echo("a\nb\x1bc", breaks="\n")
    echo("d", end="")
    assert capsys.readouterr().out == "a\nb\\x1bc\nd"


@POSIX
@pytest.mark.parametrize(
    "env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"}]
)
def test_any_encoding_of_standard_output_will_do(zoo_command, tmp_path, env) -> None:
    """Nothing is left out, and JSON stays JSON."""
    for name in ("日本😀", os.fsdecode(b"b\xff")):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / "checkpoint.h5").write_text("no bundle")
        assert zoo_command("runs", "list", name, env=env).returncode == 0
        done = zoo_command("runs", "list", name, "--json", env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)[0]["path"] == f"{name}/run"


# Records


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Pictures with names that are not UTF-8, look like formulas, or control the terminal."""
    names = ["=cmd|x.png", "-1.png", HOSTILE.replace("/", "") + ".png", BYTES, "'=y.png"]
    for name in names:
        shutil.copy(MUG, tmp_path / name)
    (tmp_path / "\udcfe.png").write_bytes(b"\x89PNG broken")
    return [*names, "\udcfe.png"]


def records_of(text: str, form: str) -> list[tuple[str, str | None, bool]]:
    """Return the input, its bytes and whether there is a label, of each record."""
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        return [(row["input"], None, bool(row["label"])) for row in rows]
    records = json.loads(text) if form == "json" else map(json.loads, text.splitlines())
    return [(r["input"], r.get("input_bytes"), bool(r["predictions"])) for r in records]


@POSIX
@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
def test_names_of_any_bytes_in_every_format(cli, photos, tmp_path, form) -> None:
    command = ("classify", "--format", form, "-o", "out", "--", *photos)
    status = cli(*command).status
    text = (tmp_path / "out").read_bytes().decode()
    assert status == 1
    if form == "text":
        assert is_safe(text)
        assert [line.rpartition(": ")[0] for line in text.splitlines()] == [
            "=cmd|x.png", "-1.png", HARMLESS + ".png", "b\ufffd\ufffd.png", "'=y.png",
        ]  # fmt: skip
        return
    expected = [
        ("=cmd|x.png", None), ("-1.png", None), (HOSTILE + ".png", None),
        ("b\ufffd\ufffd.png", "Yv/kLnBuZw=="), ("'=y.png", None), ("\ufffd.png", "/i5wbmc="),
    ]  # fmt: skip
    if form == "csv":
        expected = [
            ("'=cmd|x.png", None), ("'-1.png", None), (HOSTILE + ".png", None),
            (r"b\udcff\udce4.png", None), ("''=y.png", None), (r"\udcfe.png", None),
        ]  # fmt: skip
    labelled = [True] * 5 + [False]
    assert records_of(text, form) == [
        (*names, label) for names, label in zip(expected, labelled, strict=True)
    ]
    assert form == "csv" or is_safe(text)
    if form == "json":
        return
    first = text.index("\n", text.index("cmd")) + 1  # cut behind the first picture
    (tmp_path / "out").write_text(text[:first], encoding="utf-8")
    for _ in range(2):
        again = cli("classify", "--resume", *command[1:])
        assert again.status == 1
        now = (tmp_path / "out").read_bytes().decode()
        assert records_of(now, form) == records_of(text, form)
    assert again.err == ""  # all of it was there


@POSIX
def test_an_image_model_that_predicts_numbers_names_its_inputs_too(cli, tmp_path) -> None:
    """As `zoo classify` does; no built-in one has weights, so the records are made here."""
    from zoo_cli.commands.predict import _rows

    columns = {"value": ("value",)}
    row = _rows({"input": "=\ufffd", "input_bytes": "Pf8=", "value": -1.5}, columns=columns)[0]
    assert row == {"input": r"=\udcff", "value": -1.5, "error": ""}
    assert list(_rows({"row": 0, "value": 1.0}, columns=columns)[0]) == ["row", "value", "error"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-cmd", "'-cmd"), ("@SUM(1)", "'@SUM(1)"),
        ("\tx", "'\tx"), ("\rx", "'\rx"), ("'=x", "''=x"), ("''=x", "'''=x"), ("-", "'-"),
        ("-1+cmd", "'-1+cmd"), ("-\u0661", "'-\u0661"), ("-1", "-1"), ("+2.5e-3", "+2.5e-3"),
        ("plain", "plain"), ("'quoted'", "'quoted'"), ("", ""), ("a=b", "a=b"),
        (-1.5, "-1.5"), (-2, "-2"), (float("-inf"), "-inf"), (None, ""),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula_and_no_number_changes(cell, written, capsys) -> None:
    from zoo_weights import unescape_cell

    text = io.StringIO(newline="")
    write_records([{"a": cell}], text, "csv", lines=lambda _: (), rows=lambda record: [record])
    assert list(csv.reader(io.StringIO(text.getvalue(), newline=""))) == [["a"], [written]]
    assert list(csv.reader(io.StringIO(csv_text([["a", cell]]), newline=""))) == [["a", written]]
    if isinstance(cell, str):
        assert unescape_cell(written) == cell


def test_a_history_reads_back(tmp_path) -> None:
    (tmp_path / "history.csv").write_text(csv_text([["epoch", "loss", "=m"], [1, -0.5, 2.0]]))
    assert "'=m" in (tmp_path / "history.csv").read_text()
    assert read_history(tmp_path / "history.csv") == {"loss": [-0.5], "=m": [2.0]}


def test_a_terminal_gets_no_control_characters_in_csv(tmp_path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Terminal()
    write_records([{"a": HOSTILE}], file, "csv", lines=lambda _: (), rows=lambda record: [record])
    assert file.getvalue() == f"a\n{HARMLESS}\n"


# Failures


def test_inputs_that_fail_alike_are_named_a_few_times_and_counted(cli, tmp_path) -> None:
    """A thousand lines of the same fault hide another one, and all that was said before."""
    names = [f"{number}.png" for number in range(12)]
    (tmp_path / "other.png").write_bytes(b"no image")
    done = cli("classify", *names, "other.png", "--format", "jsonl")
    assert done.status == 1
    assert len(done.out.splitlines()) == 13  # the records are complete
    *lines, last = done.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [*names[:5], "other.png"]
    assert last == lines[4].replace("zoo: ", "zoo: … and 7 more like ")
    assert cli("classify", *names, "other.png", "-q").err == done.err
    loud = cli("classify", *names, "-v").err.splitlines()
    assert [line.split(": ")[1] for line in loud] == names


@pytest.mark.parametrize(
    ("message", "other", "alike"),
    [
        ("column 'a' holds 'x', not 1", "column 'a' holds 'y', not 1", True),
        ("column 'a' holds 'x', not 1", "column 'b' holds 'x', not 1", False),
        ("has 3 columns", "has 4.5 columns", True),
        ("is empty", "has no rows", False),
    ],
)  # fmt: skip
def test_alike_is_the_same_fault_of_the_same_column(capsys, message, other, alike) -> None:
    with FailureLog() as failures:
        for number in range(2 * FailureLog.SHOWN):
            failures.add(str(number), other if number % 2 else message)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (FailureLog.SHOWN + 1 if alike else 2 * FailureLog.SHOWN)
    assert failures.count == 2 * FailureLog.SHOWN


def test_as_many_faults_as_inputs_are_not_all_told_apart(capsys) -> None:
    with FailureLog() as failures:
        for number in range(100):
            failures.add("x", "a" * (number + 1))
    *lines, last = capsys.readouterr().err.splitlines()
    assert len(lines) == FailureLog.KINDS + FailureLog.SHOWN
    assert last.startswith("zoo: … and 75 more like x: a")


def test_quiet_names_bad_rows(cli, tmp_path) -> None:
    assert cli("train", "mlp-pima", "--epochs", "1", "-o", "run", "-q").err == ""
    from zoo.data.presence import content_path

    good = content_path(registry().datasets.find("pima")).read_text().splitlines()[:3]
    bad = ",".join([HOSTILE.replace("\n", " "), *good[1].split(",")[1:]])
    (tmp_path / "x.csv").write_text("\n".join([*good, bad]))
    done = cli("predict", "run", "x.csv", "-q")
    assert done.status == 1
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("zoo: x.csv: row 2: ")
    assert is_safe(done.err)


# Files


def test_results_go_into_pipes_and_devices_as_they_come(cli, tmp_path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs pipes")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    assert cli("classify", "a.png", "--format", "jsonl", "-o", "pipe").status == 1
    reader.join(10)
    assert json.loads(received[0])["input"] == "a.png"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "null").symlink_to(os.devnull)
    assert cli("classify", "a.png", "-o", "null").status == 1
    assert (tmp_path / "null").is_symlink()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    for name in ("pipe", "null"):
        done = cli("classify", "a.png", "--format", "jsonl", "-o", name, "--resume")
        assert (done.status, done.err.count("is a pipe or a device")) == (2, 1)


@POSIX
def test_a_pipe_has_a_result_before_the_last_one_is_there(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    received = []

    def read() -> None:
        with (tmp_path / "pipe").open() as pipe:
            received.append(pipe.readline())
            first.set()

    first = threading.Event()
    threading.Thread(target=read, daemon=True).start()
    with open_output(str(tmp_path / "pipe")) as file:
        print("one", file=file)
        assert first.wait(10)
    assert received == ["one\n"]


@POSIX
def test_standard_output_by_name_is_appended_to(zoo_command, tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    code = "import sys; from zoo_cli.output import open_output\n"
    code += "with open_output('/dev/stdout') as file: print('x', file=file)"
    with log.open("a") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert log.read_text() == "before\nx\n"


def test_what_cannot_be_written_is_wrong_usage_before_the_work(cli, tmp_path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for arguments, text in (
        (["classify", "a.png", "-o", "folder"], "zoo: folder: is a folder"),
        (["classify", "a.png", "-o", "none/out"], "zoo: none/out: there is no folder"),
        (["classify", "a.png", "-o", "none/out", "--format", "csv", "--resume"], "no folder"),
        (["classify", "a.png", "-o", "folder", "--format", "csv", "--resume"], "folder: cannot"),
        (["train", "mlp-pima", "-o", "file/run"], "not a directory"),
        (["train", "mlp-pima", "-o", os.devnull], "is not an empty folder"),
        (["tune", "mlp-pima", "--grid", "epochs=1", "-o", "file/x"], "not a directory"),
    ):
        done = cli(*arguments)
        assert done.status == 2, arguments
        assert text in done.err
        assert len(done.err.splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@POSIX
def test_links_lead_to_run_folders_sessions_and_plots(cli, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "plot.svg").symlink_to("far.svg")
    assert cli("train", "mlp-pima", "--epochs", "1", "-o", "link").status == 0
    assert (tmp_path / "real" / "model.zoo").is_file()
    assert cli("runs", "plot", "real", "-o", "plot.svg").status == 0
    assert (tmp_path / "plot.svg").is_symlink()
    assert "<svg" in (tmp_path / "far.svg").read_text()
