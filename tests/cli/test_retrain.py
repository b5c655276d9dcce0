"""`zoo retrain` and `zoo ensemble`, and how `zoo runs` shows where a run came from."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import zoo
from zoo.runs.records import read_run
from zoo.runs.search import filter_runs, resolve_folder

ZOO = [sys.executable, "-c", "from zoo_cli.main import main; main()"]
HELD = "validation={held=0.2, order='stratified', seed=1}"


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, an update of it, and an ensemble of both."""
    folder = tmp_path_factory.mktemp("family")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # so that paths in it are relative, as a user's are
        zoo.train("mlp-synthetic", epochs=20, seed=1, settings=[HELD], output="runs/first")
        zoo.retrain("runs/first", "synthetic-new", old="synthetic", epochs=5, output="runs/update")
        zoo.ensemble(["runs/first", "runs/update"], data="synthetic-new", output="runs/both")
    return folder


@pytest.fixture
def runs(family: Path, tmp_path: Path) -> Path:
    """A copy of them in the folder where `zoo` runs."""
    shutil.copytree(family / "runs", tmp_path / "runs")
    return tmp_path / "runs"


def test_an_update_prints_before_and_after(cli, runs):
    done = cli(
        "retrain", "runs/first", "--data", "synthetic-new", "--old", "synthetic",
        "--strategy", "both", "--epochs", "3", "-o", "runs/more",
    )  # fmt: skip
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["held-out", "rows", "before", "after"]
    assert [line.split()[:3] for line in lines[1::2]] == [
        ["all", "200", "accuracy"], ["old", "100", "accuracy"], ["new", "100", "accuracy"],
        ["run:", "runs/more"],
    ]  # fmt: skip
    metrics = json.loads((runs / "more" / "metrics.json").read_text())
    before, after = (metrics[part]["accuracy"] for part in ("before", "test"))
    assert lines[1].split()[3:] == [f"{before:.4f}", f"{after:.4f}"]
    assert (
        "from: retrained from runs/first on old and new rows"
        in cli("runs", "show", "runs/more").out
    )


def test_an_ensemble_prints_its_members(cli, runs):
    done = cli(
        "retrain", "runs/first", "--data", "synthetic-new", "--ensemble", "--epochs", "2",
        "--member-weights", "3,1", "-o", "runs/more", "--json",
    )  # fmt: skip
    record = json.loads(done.out)
    assert set(record["metrics"]) == {"before", "member", "test"}
    assert [member["weight"] for member in record["lineage"]["members"]] == [0.75, 0.25]
    table = cli("ensemble", "runs/first", "runs/more", "--data", "synthetic-new", "-o", "runs/e")
    assert [line.split()[0] for line in table.out.splitlines()] == [
        "accuracy", "runs/first", "runs/more", "ensemble", "run:",
    ]  # fmt: skip
    record = json.loads(cli("ensemble", "runs/first", "runs/more", "-o", "runs/f", "--json").out)
    assert (record["path"], record["metrics"]) == ("runs/f", {})
    assert len(record["lineage"]["members"]) == 3
    predicted = cli("predict", "runs/e", "-", stdin=rows_of_synthetic())
    assert predicted.status == 0
    assert len(predicted.out.splitlines()) == 2
    evaluated = json.loads(
        cli("evaluate", "runs/e", "--data", "synthetic-new", "--json", "--report").out
    )
    assert evaluated["report"]["rows"] == 500
    metrics = json.loads((runs / "e" / "metrics.json").read_text())
    assert evaluated["accuracy"] == pytest.approx(metrics["test"]["accuracy"])


def rows_of_synthetic() -> bytes:
    header = ",".join(f"x{number:02}" for number in range(1, 21))
    return f"{header}\n{','.join(['0.5'] * 20)}\n{','.join(['-1'] * 20)}\n".encode()


def test_every_command_that_takes_a_bundle_takes_an_ensemble(cli, runs, tmp_path):
    shown = cli("show", "runs/both")
    assert "architecture.uses" in shown.out
    assert "zoo/ensemble" in shown.out
    toml = cli("show", "runs/both", "--toml").out
    assert toml == (runs / "both" / "spec.toml").read_text()
    summary = cli("summary", "runs/both", "--plot", "layers.svg")
    assert "member_2" in summary.out
    assert (tmp_path / "layers.svg").is_file()
    generated = cli("generate", "runs/both", "--start", "A", "--steps", "1")
    assert generated.status == 2
    assert "mlp-synthetic-ensemble does not continue sequences" in generated.err
    classified = cli("classify", "x.png", "-m", "runs/both")
    assert classified.status == 2
    assert "runs/both does not classify images" in classified.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere", "--data", "synthetic-new"], "nowhere: no such file; expected a bundle"),
        (["runs/first", "--data", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["runs/first", "--data", "pima"], "columns x01, x02, x03"),
        (["runs/first"], "Missing option '--data'"),
        (["runs/first", "--data", "synthetic-new", "--strategy", "all"], "'all' is not one of"),
        (["runs/first", "--data", "synthetic-new", "--member-weights", "a,b"],
         "expected comma-separated numbers, such as 2,1; received 'a,b'"),
        (["runs/first", "--data", "synthetic-new", "--freeze", "nothing"], "no layer matches"),
    ],
)  # fmt: skip
def test_what_cannot_be_retrained(cli, runs, arguments, text):
    done = cli("retrain", *arguments)
    assert done.status in (1, 2)
    assert text in done.err
    assert "Traceback" not in done.err


def test_models_by_name_need_weights_to_be_members(cli, runs):
    done = cli("ensemble", "runs/first", "mlp-pima")
    assert done.status == 2
    assert "no trained weights; run `zoo train mlp-pima`" in done.err
    assert cli("ensemble", "runs/first").status == 2


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", [False, True])
def test_killed_and_resumed(cli, runs, tmp_path, ensemble):
    """SIGKILL at any time loses nothing but the present epoch."""
    arguments = ["retrain", "runs/first", "--data", "synthetic-new", "--old", "synthetic"]
    arguments += ["--strategy", "both", "--epochs", "3000"]
    arguments += ["--ensemble"] if ensemble else []
    place = tmp_path / "killed" / ("member" if ensemble else "")
    epochs = []
    for _ in range(2):
        seen = (place / "checkpoint.h5").stat().st_mtime if epochs else 0.0
        process = subprocess.Popen(
            [*ZOO, *arguments, "-o", "killed", "--resume"], cwd=tmp_path,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while not (place / "checkpoint.h5").exists() or (
            (place / "checkpoint.h5").stat().st_mtime == seen
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        epochs.append(read_run(place).epochs)
    assert 0 < epochs[0] < epochs[1] < 3000
    assert not (tmp_path / "killed" / "model.zoo").exists()
    assert cli(*arguments, "-o", "killed", "--resume").status == 0
    assert cli(*arguments, "-o", "unbroken").status == 0
    resumed, unbroken = (
        json.loads((tmp_path / name / "metrics.json").read_text())
        for name in ("killed", "unbroken")
    )
    for part, figures in unbroken.items():
        assert resumed[part] == pytest.approx(figures, abs=1e-3), part
    history = (place / "history.csv").read_text().splitlines()
    assert len(history) == 3001


def test_the_list_tells_where_runs_come_from(cli, runs):
    lines = {line.split()[0]: line for line in cli("runs", "list").out.splitlines()}
    assert set(lines) == {"runs/first", "runs/update", "runs/both"}
    assert lines["runs/update"].endswith("retrained from runs/first on new rows")
    assert lines["runs/both"].endswith("ensemble of runs/first, runs/update")
    assert "2 members" in lines["runs/both"]
    records = json.loads(cli("runs", "list", "--json").out)
    first, update, both = (
        next(r for r in records if r["path"] == f"runs/{name}")
        for name in ("first", "update", "both")
    )
    assert update["lineage"]["parent"]["id"] == first["id"]
    assert [member["id"] for member in both["lineage"]["members"]] == [first["id"], update["id"]]


def test_a_run_that_was_moved_is_still_known(cli, runs):
    identity = read_run(runs / "first").identity
    (runs / "old").mkdir()
    (runs / "first").rename(runs / "old" / "renamed")
    text = cli("runs", "show", "runs/update").out
    assert "from: retrained from runs/old/renamed on new rows" in text
    assert "led to: runs/both, ensemble of runs/old/renamed, runs/update" in text
    assert cli("runs", "show", identity).out.startswith("runs/old/renamed: mlp-synthetic, finished")
    assert cli("runs", "show", identity[:6]).status == 0
    shutil.rmtree(runs / "old")
    text = cli("runs", "show", "runs/update").out
    assert f"not found: runs/first ({identity})" in text
    assert cli("runs", "show", identity).status == 2


def test_another_run_in_the_old_place_is_not_the_parent(cli, runs):
    shutil.rmtree(runs / "first")
    (runs / "both").rename(runs / "first")
    assert "not found: runs/first" in cli("runs", "show", "runs/update").out


def test_copies_of_a_run_are_told(cli, runs):
    identity = read_run(runs / "first").identity
    shutil.copytree(runs / "first", runs / "copy")
    done = cli("runs", "show", identity)
    assert done.status == 2
    assert "identity of several runs, runs/copy, runs/first" in done.err


def test_runs_side_by_side(cli, runs):
    lines = cli("runs", "compare", "runs/first", "runs/update").out.splitlines()
    table = {line[:20].strip(): line[20:].split() for line in lines}
    assert lines[0].split() == ["runs/first", "runs/update"]
    assert table["set learning_rate"] == ["0.01", "0.001"]
    update = read_run(runs / "update")
    assert table["test accuracy"] == ["-", f"{update.metrics['test']['accuracy']:.4f}"]
    assert table["train loss"][1] == f"{update.metrics['train']['loss']:.4f}"
    records = json.loads(cli("runs", "compare", "runs/first", "runs/both", "--json").out)
    assert [record["path"] for record in records] == ["runs/first", "runs/both"]
    assert "ensemble of runs/first" in cli("runs", "compare", "runs/first", "runs/both").out


def test_runs_by_figure_and_date(cli, runs):
    found = {name: read_run(runs / name) for name in ("first", "update", "both")}
    ranked = cli("runs", "list", "--sort", "test.accuracy").out.splitlines()
    with_test = sorted(
        ("update", "both"), key=lambda name: -found[name].metrics["test"]["accuracy"]
    )
    assert [line.split()[0] for line in ranked] == [f"runs/{n}" for n in (*with_test, "first")]
    losses = [line.split()[0] for line in cli("runs", "list", "--sort", "loss").out.splitlines()]
    values = [read_run(runs.parent / name).data()["metrics"] for name in losses]
    shown = [next(v[p]["loss"] for p in ("test", "validation") if p in v) for v in values]
    assert shown == sorted(shown)
    bound = found["update"].metrics["test"]["accuracy"]
    kept = cli("runs", "list", "--where", f"test.accuracy>={bound}", "--where", "loss>0").out
    names = {line.split()[0] for line in kept.splitlines()}
    assert "runs/update" in names
    assert "runs/first" not in names
    assert len(cli("runs", "list", "--since", "2001-01-01").out.splitlines()) == 3
    none = cli("runs", "list", "--since", "2999-01-01T10:00", "-m", "mlp-*")
    assert none.out == ""
    assert "none of the 3 runs under runs matches --since and --where" in none.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--sort", "acuracy"], "no run has the figure 'acuracy'; choose from accuracy, loss. Did"),
        (["--where", "accuracy"], "expected a condition such as accuracy>=0.9"),
        (["--where", "accuracy>much"], "received 'accuracy>much'"),
        (["--since", "yesterday"], "expected a date such as 2026-11-21"),
    ],
)
def test_what_runs_cannot_be_found_by(cli, runs, arguments, text):
    done = cli("runs", "list", *arguments)
    assert done.status == 2
    assert text in done.err


def test_a_member_goes_with_its_ensemble(cli, runs):
    done = cli(
        "retrain", "runs/first", "--data", "synthetic-new", "--ensemble", "--epochs", "1",
        "-o", "runs/more",
    )  # fmt: skip
    assert done.status == 0
    assert "not found" not in cli("runs", "show", "runs/more").out
    assert len(cli("runs", "list").out.splitlines()) == 4  # the member is part of its run
    assert cli("runs", "remove", "runs/more", "--yes").status == 0
    assert not (runs / "more").exists()


def test_a_damaged_lineage_hides_nothing(cli, runs):
    damaged = ("nonsense", {"members": "x"}, {"members": 3}, {"parent": 3}, {"parent": {"id": []}},
               {"members": [1, {"path": 5}], "recipe": 1})  # fmt: skip
    for lineage in damaged:
        environment = json.loads((runs / "update/environment.json").read_text())
        (runs / "update/environment.json").write_text(
            json.dumps({**environment, "lineage": lineage})
        )
        assert cli("runs", "list").status == 0
        assert len(cli("runs", "list").out.splitlines()) == 3
        assert cli("runs", "show", "runs/update").status == 0


def test_an_identity_is_no_path(runs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert resolve_folder(Path("abc")) == Path("abc")  # too short to be meant as one
    assert resolve_folder(Path("runs/first")) == Path("runs/first")
    assert filter_runs([]) == []
