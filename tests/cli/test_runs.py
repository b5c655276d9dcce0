"""`zoo runs`: listing, comparing and removing trainings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import zoo
from zoo.errors import UsageError
from zoo.runs.records import differences, distinct_labels, find_runs, read_run, remove_run

RUNS = {
    "a": {"seed": 3},
    "b": {"seed": 5},
    "c": {"seed": 3, "settings": ["optimizer=sgd", "learning_rate=0.01", "validation=0.25"]},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short trainings, the oldest first."""
    folder = tmp_path_factory.mktemp("runs")
    for number, (name, options) in enumerate(RUNS.items()):
        zoo.train("mlp-pima", epochs=4, output=folder / name, **options)  # type: ignore[arg-type]
        os.utime(folder / name / "model.zoo", (1e9 + number, 1e9 + number))
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may spoil, in the folder where `zoo` runs."""
    shutil.copytree(trained, tmp_path / "runs")
    return tmp_path / "runs"


def interrupt(run: Path, *, killed: bool = False) -> None:
    """Leave a run as Ctrl-C does, or as a killed process does."""
    from zoo_weights import read_headers, write_bundle

    headers = read_headers(run / "model.zoo")
    identity = {"spec": json.loads(headers["spec"]), "seed": 3, "backend": "jax", "rows": 768}
    progress = {"epochs": 4, "history": json.loads(headers["history"]), "stopping": {}}
    told = {"identity": json.dumps(identity), "progress": json.dumps(progress), "best": "false"}
    if killed:
        for path in run.iterdir():
            path.unlink()
    write_bundle(run / "checkpoint.h5", told, [])


def test_the_list_tells_what_matters(cli, runs):
    done = cli("runs", "list")
    assert done.status == 0
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == ["runs/a", "runs/b", "runs/c"]
    assert "mlp-pima  " in lines[0]
    assert "4/4 epochs  seed 3  finished  train: accuracy 0." in lines[0]
    assert "validation: accuracy" in lines[2]
    (first, *_) = records = json.loads(cli("runs", "list", "runs", "--json").out)
    assert len(records) == 3
    metrics = json.loads((runs / "a" / "metrics.json").read_text())
    assert first["metrics"] == metrics
    del first["metrics"], first["best_epoch"]
    assert first.pop("time").startswith("2001-09-")
    assert re.fullmatch("[0-9a-f]{12}", first.pop("id"))
    assert first == {
        "path": "runs/a", "model": "mlp-pima", "state": "finished", "resumable": False,
        "seed": 3, "epochs": 4, "planned_epochs": 4, "backend": "jax", "problem": None,
        "lineage": None,
    }  # fmt: skip


def test_the_list_of_one_model(cli, runs):
    assert len(cli("runs", "list", "--model", "mlp-*").out.splitlines()) == 3
    done = cli("runs", "list", "--model", "vgg16")
    assert (done.status, done.out) == (0, "")
    assert "no runs of vgg16 under runs" in done.err


def test_a_run_itself_is_a_folder_to_list(cli, runs):
    assert cli("runs", "list", "runs/b").out.startswith("runs/b  mlp-pima")


def test_no_runs_yet(cli, tmp_path):
    done = cli("runs", "list")
    assert (done.status, done.out) == (0, "")
    assert "no runs under runs; name another folder, or train one with `zoo train`" in done.err
    assert json.loads(cli("runs", "list", "--json").out) == []
    done = cli("runs", "list", "nowhere")
    assert done.status == 2
    assert "nowhere: is not a folder" in done.err


def test_interrupted_and_killed_trainings_can_be_resumed(cli, runs):
    interrupt(runs / "a")
    interrupt(runs / "b", killed=True)
    environment = json.loads((runs / "c/environment.json").read_text())
    (runs / "c/environment.json").write_text(json.dumps({**environment, "interrupted": True}))
    lines = {line.split()[0]: line for line in cli("runs", "list").out.splitlines()}
    assert "interrupted, can be resumed" in lines["runs/a"]
    assert "unfinished, can be resumed" in lines["runs/b"]
    assert "last epoch: accuracy" in lines["runs/b"]
    assert "4/4 epochs  seed 3" in lines["runs/b"]
    assert "interrupted  " in lines["runs/c"]  # in its first epoch: no checkpoint yet
    shown = cli("runs", "show", "runs/b")
    assert shown.status == 0
    assert "last epoch: accuracy" in shown.out


def test_a_damaged_run_does_not_hide_the_others(cli, runs):
    (runs / "a/metrics.json").write_text("[1]")
    (runs / "b/history.csv").write_text("epoch,loss\n1,much\n")
    (runs / "c/checkpoint.h5").write_bytes(b"no checkpoint")
    (runs / "c/model.zoo").unlink()
    lines = cli("runs", "list").out.splitlines()
    assert len(lines) == 3
    assert all("damaged" in line for line in lines)
    assert "metrics.json: Expected `object`, got `array`" in "".join(lines)
    assert json.loads(cli("runs", "list", "--json").out)[0]["state"] == "damaged"
    done = cli("runs", "show", "runs/b")
    assert done.status == 2
    assert "runs/b: is damaged: " in done.err
    assert "runs/b/history.csv: could not convert string to float: 'much'" in done.err


def test_folds_belong_to_their_run_and_links_are_not_followed(runs, tmp_path):
    shutil.copytree(runs / "b", runs / "a/fold-1")
    (tmp_path / "elsewhere").mkdir()
    (runs / "b").rename(tmp_path / "elsewhere/b")
    (runs / "link").symlink_to(tmp_path / "elsewhere")
    (runs / "d").symlink_to(runs / "a")
    assert [run.path.name for run in find_runs(runs)] == ["a", "c"]


def test_show_tells_what_was_set(cli, runs):
    text = cli("runs", "show", "runs/c").out
    assert "runs/c: mlp-pima, finished" in text
    assert "trained: seed 3, jax on cpu, Keras 3." in text
    assert "epochs: 4 of 4, best " in text
    assert "changed: optimizer=sgd, epochs=4, learning_rate=0.01, validation=0.25" in text
    record = json.loads(cli("runs", "show", "runs/c", "--json").out)
    assert record["changed"]["validation"] == "0.25"
    assert len(record["history"]["val_loss"]) == 4
    assert record["environment"]["seed"] == 3


def test_numbers_that_are_not_finite_are_null(cli, runs):
    (runs / "a/metrics.json").write_text('{"train": {"loss": NaN}}')
    text = cli("runs", "show", "runs/a", "--json").out
    assert "NaN" not in text
    assert json.loads(text)["metrics"] == {"train": {"loss": None}}
    assert "train: loss nan" in cli("runs", "show", "runs/a").out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nowhere", "there is no such folder"),
        ("runs", "is not a run folder; `zoo runs list` shows the runs"),
        ("runs/a/model.zoo", "is not a run folder"),
        ("link", "is a link; name the folder itself"),
    ],
)
@pytest.mark.parametrize("command", [["show"], ["plot", "-o", "x.png"], ["remove", "--yes"]])
def test_what_is_no_run(cli, runs, tmp_path, command, name, text):
    (tmp_path / "link").symlink_to(runs / "a")
    done = cli("runs", *command, name)
    assert done.status == 2
    assert text in done.err
    assert (runs / "a/model.zoo").is_file()


# Comparing


def test_labels_are_what_differs(runs):
    a, b, c = (read_run(runs / name) for name in "abc")
    assert distinct_labels([a, b]) == ["seed 3", "seed 5"]
    assert distinct_labels([a, a]) == [f"seed 3, {a.path}"] * 2
    assert distinct_labels([a, c]) == [
        "optimizer=adam",
        "optimizer=sgd, learning_rate=0.01, validation=0.25",
    ]
    assert distinct_labels([a, b, c])[:2] == ["optimizer=adam, seed 3", "optimizer=adam, seed 5"]


def test_labels_leave_out_what_most_runs_share(runs):
    """With six networks of which one is smaller, "hidden=16,16" on five lines says nothing."""
    from zoo.runs.records import RunRecord

    plain = zoo.get_spec("mlp-imdb")
    changed = [{}, {"hidden": [4, 4]}, {"l1": 0.001}, {"dropout": 0.5}]
    specs = [
        msgspec.structs.replace(plain, architecture=plain.architecture.with_options(**options))
        for options in changed
    ]
    records = [RunRecord(Path("x"), s.name, "finished", False, "", seed=1, spec=s) for s in specs]
    assert distinct_labels(records) == ["hidden=16,16", "hidden=4,4", "l1=0.001", "dropout=0.5"]


def test_seeds_that_were_not_used_tell_no_run_apart(runs):
    """A list of seeds that grew since is no other recipe."""
    run = read_run(runs / "a")
    training = msgspec.structs.replace(run.spec.training, seeds={"jax": (8, 9)})
    other = replace(run, spec=msgspec.structs.replace(run.spec, training=training))
    assert differences([run.spec, other.spec]) == [{}, {}]


def test_labels_are_models_where_they_differ():
    from zoo.runs.records import RunRecord

    specs = [zoo.get_spec(name) for name in ("mlp-pima", "cnn-mnist")]
    runs = [RunRecord(Path(s.name), s.name, "finished", False, "", seed=1, spec=s) for s in specs]
    assert distinct_labels(runs) == ["mlp-pima", "cnn-mnist"]


def test_a_setting_left_to_its_default_is_missing():
    spec = zoo.get_spec("mlp-pima")
    wide = msgspec.structs.replace(
        spec, architecture=spec.architecture.with_options(hidden=[5, 5], dropout=0.2)
    )
    assert differences([spec, wide]) == [{"hidden": "12,8"}, {"hidden": "5,5", "dropout": "0.2"}]
    renamed = msgspec.structs.replace(spec, summary="another text")
    assert differences([spec, renamed]) == [{}, {}]


def test_curves_of_several_runs(cli, runs, tmp_path):
    pytest.importorskip("matplotlib")
    done = cli("runs", "plot", "runs/a", "runs/c", "-o", "x.svg")
    assert (done.status, done.out) == (0, "")
    assert "plot: x.svg" in done.err
    root = ET.parse(tmp_path / "x.svg").getroot()
    found = {"".join(e.itertext()).strip() for e in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"mlp-pima", "loss", "accuracy", "optimizer=adam", "training", "validation"} <= found
    assert cli("runs", "plot", "runs/a", "-o", "x.png", "--metric", "accuracy").status == 0
    from PIL import Image

    with Image.open(tmp_path / "x.png") as picture:
        assert picture.width > 600
    done = cli("runs", "plot", "runs/c", "-o", "y.svg", "--metric", "val_accuracy")
    assert done.status == 0
    shown = (tmp_path / "y.svg").read_text()
    assert "validation accuracy" in shown
    assert ">training<" not in shown  # a curve that was not asked for hides those that were
    done = cli("runs", "plot", "runs/a", "runs/c", "-o", "x.png", "--metric", "val_accuracy")
    assert done.status == 2
    assert "has no metric 'val_accuracy'; it has loss, accuracy." in done.err
    done = cli("runs", "plot", "runs/a", "-o", "x.png", "--metric", "auc")
    assert done.status == 2
    assert "has no metric 'auc'; it has loss, accuracy" in done.err


def test_pictures_that_cannot_be_drawn(cli, runs, monkeypatch):
    done = cli("runs", "plot", "runs/a", "-o", "x.gif")
    assert done.status == 2
    assert "plots are .png or .svg files, received '.gif'" in done.err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = cli("runs", "plot", "runs/a", "-o", "x.png")
    assert done.status == 2
    assert "drawing needs matplotlib; run: pip install 'keras-zoo[plot]'" in done.err


# Removing


def test_removing_says_what_was_removed(cli, runs):
    done = cli("runs", "remove", "runs/a", "runs/c", "runs/a/", "--yes")
    assert (done.status, done.out) == (0, "removed runs/a\nremoved runs/c\n")
    assert [path.name for path in runs.iterdir()] == ["b"]


def test_nothing_is_removed_without_being_asked_for(cli, runs, monkeypatch):
    done = cli("runs", "remove", "runs/a")
    assert done.status == 2
    assert "not a terminal; pass --yes" in done.err

    import click

    monkeypatch.setattr("zoo_cli.commands.runs.sys", type("Terminal", (), {"stdin": Terminal()}))
    for answer, status in ((False, 1), (True, 0)):
        monkeypatch.setattr(click, "confirm", lambda *_, answer=answer, **__: answer)
        done = cli("runs", "remove", "runs/a")
        assert done.status == status
        assert "runs/a: " in done.err  # how many files, how large
        assert (runs / "a").exists() != answer


class Terminal:
    def isatty(self) -> bool:
        return True


def test_one_wrong_name_and_nothing_is_removed(cli, runs, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.zoo").write_text("a bundle of somebody's")
    for name in ("mine", ".", "/", "runs"):
        assert cli("runs", "remove", "runs/a", name, "--yes").status == 2
    assert (tmp_path / "mine/model.zoo").exists()
    assert (runs / "a").exists()


def test_removing_does_not_follow_links(runs, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/photo").write_text("")
    (runs / "a/link").symlink_to(tmp_path / "precious")
    remove_run(runs / "a")
    assert (tmp_path / "precious/photo").exists()
    assert not (runs / "a").exists()


def test_a_run_that_holds_another_is_kept(cli, runs, monkeypatch):
    shutil.copytree(runs / "b", runs / "a/fold-1")
    shutil.copytree(runs / "b", runs / "c/later/b")
    with pytest.raises(UsageError, match="another run is inside it"):
        remove_run(runs / "c")
    monkeypatch.chdir(runs / "c/later")
    with pytest.raises(UsageError, match="the current folder is inside it"):
        remove_run(runs / "c/later/b/../../../c")
    remove_run(runs / "a")  # its own folds go with it
    assert sorted(path.name for path in runs.iterdir()) == ["b", "c"]


def test_listing_imports_no_keras(runs):
    code = """if True:
        import sys
        from zoo_cli.main import run
        assert run(["runs", "list"]) == 0
        slow = {"keras", "numpy", "h5py", "matplotlib", "jax"} & set(sys.modules)
        assert not slow, slow
    """
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=runs.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
