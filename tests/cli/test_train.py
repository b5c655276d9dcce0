"""`zoo train`, then what people do with the run: predict, evaluate, change, repeat."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COLUMNS = [
    "pregnancies", "glucose", "blood_pressure", "skin_thickness",
    "insulin", "bmi", "pedigree", "age",
]  # fmt: skip
HEADER = ",".join(COLUMNS)
ROW = "6,148,72,35,0,33.6,0.627,50"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training by the command line, in a process of its own."""
    folder = tmp_path_factory.mktemp("train")
    done = subprocess.run(
        [
            sys.executable, "-c", "from zoo_cli.main import main; main()",
            "train", "mlp-pima", "--epochs", "20", "--set", "validation=0.25", "-o", "run",
        ],
        cwd=folder, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "run: run"
    return folder / "run"


def test_the_run_folder_tells_everything(run):
    names = {path.name for path in run.iterdir()}
    assert {
        "model.zoo", "spec.toml", "history.csv", "metrics.json", "environment.json",
    } <= names  # fmt: skip
    # The picture is still being drawn.
    assert not any("tmp" in name for name in names if "curves" not in name)
    rows = list(csv.DictReader(io.StringIO((run / "history.csv").read_text())))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 21))
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(rows[0])
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) == {"train", "validation", "best_epoch"}
    assert set(metrics["train"]) == {"loss", "accuracy"}
    environment = json.loads((run / "environment.json").read_text())
    assert environment["backend"] == "jax"
    assert environment["seed"] == 3  # the spec's first one for JAX
    assert environment["versions"]["keras"]


def test_the_curves_are_drawn_a_little_later(run):
    pytest.importorskip("matplotlib")
    from PIL import Image

    deadline = time.monotonic() + 60
    while not (run / "curves.png").exists():
        assert time.monotonic() < deadline, "no curves.png"
        time.sleep(0.1)
    with Image.open(run / "curves.png") as picture:
        assert picture.width > 2 * picture.height  # two panels, loss and accuracy


def test_metrics_are_those_of_the_final_weights(cli, run):
    done = cli("evaluate", run, "--json")
    values = json.loads(done.out)
    metrics = json.loads((run / "metrics.json").read_text())
    both = [metrics[part]["loss"] for part in ("train", "validation")]
    assert min(both) <= values["loss"] <= max(both)  # all rows are its training and held-out ones
    assert cli("evaluate", run / "model.zoo", "--json").out == done.out


def test_predicting_a_csv_of_the_users(cli, run, tmp_path):
    columns = ["name", *reversed(COLUMNS)]  # another order and one column more
    cells = ["somebody", *reversed(ROW.split(","))]
    (tmp_path / "rows.csv").write_text(f"{','.join(columns)}\n{','.join(cells)}\n")
    done = cli("predict", run, "rows.csv", "--format", "jsonl")
    record = json.loads(done.out)
    assert done.status == 0
    assert list(record) == ["row", "prediction", "score", "probabilities"]
    assert record["row"] == 0
    assert record["score"] == record["probabilities"][record["prediction"]]
    assert record["score"] >= 0.5
    assert sum(record["probabilities"].values()) == pytest.approx(1.0)
    plain = cli("predict", run, "-", "--format", "jsonl", stdin=f"{HEADER}\n{ROW}\n".encode())
    assert json.loads(plain.out) == record
    text = cli("predict", run / "model.zoo", "rows.csv").out
    assert text == f"0: {record['prediction']} ({record['score']:.1%})\n"


def test_bad_rows_are_records_and_the_others_still_come(cli, run, tmp_path):
    lines = [HEADER, ROW, ROW.replace("148", "high"), ROW.replace("33.6", ""), "1,2", ROW]
    lines += [ROW.replace("50", "nan"), ROW]
    (tmp_path / "rows.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    done = cli("predict", run, "rows.csv", "--format", "jsonl")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1
    assert [record["row"] for record in records] == list(range(7))
    assert ["error" in record for record in records] == [0, 1, 1, 1, 0, 1, 0]
    assert records[1]["error"] == {
        "kind": "bad-row",
        "message": "column 'glucose' holds 'high', expected a finite number",
    }
    assert "column 'bmi' is empty" in records[2]["error"]["message"]
    assert "has 2 cells, the header has 8" in records[3]["error"]["message"]
    rows = list(csv.DictReader(io.StringIO(cli("predict", run, "rows.csv", "--format", "csv").out)))
    assert [bool(row["error"]) for row in rows] == [0, 1, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a,b\n1,2\n", "column 'pregnancies' is missing; the table has a, b."),
        ("", "is empty, expected a header line"),
        ("x,x\n1,2\n", "names 'x' more than once"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_a_table_that_does_not_fit(cli, run, tmp_path, content, text):
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = cli("predict", run, path)
    assert done.status == 1
    assert text in done.err
    assert done.out == ""


def test_what_cannot_be_predicted(cli, run, tmp_path):
    done = cli("predict", "mlp-pima", "x.csv")
    assert done.status == 2
    assert "no such file" in done.err
    (tmp_path / "x.csv").write_text(f"{HEADER}\n{ROW}\n")
    done = cli("predict", "mlp-pima", "x.csv")
    assert done.status == 2
    assert "no trained weights; run `zoo train mlp-pima`" in done.err
    (tmp_path / "empty").mkdir()
    assert "no bundle (model.zoo)" in cli("predict", "empty", "x.csv").err
    (tmp_path / "text.zoo").write_text("not a bundle")
    done = cli("predict", "text.zoo", "x.csv")
    assert done.status != 0
    assert "text.zoo" in done.err
    assert "Traceback" not in done.err


def test_a_written_spec_trains_as_the_named_one_does(cli, tmp_path):
    (tmp_path / "mine.toml").write_text(cli("show", "mlp-pima", "--toml").out)
    for source, name in (("mlp-pima", "a"), ("mine.toml", "b")):
        done = cli("train", source, "--epochs", "2", "-o", name)
        assert done.status == 0, done.err
    assert (tmp_path / "a/history.csv").read_text() == (tmp_path / "b/history.csv").read_text()
    assert (tmp_path / "a/spec.toml").read_text() == (tmp_path / "b/spec.toml").read_text()
    # The resolved spec of a run is a spec too.
    cli("train", "a/spec.toml", "-o", "c")
    assert (tmp_path / "c/history.csv").read_text() == (tmp_path / "a/history.csv").read_text()


def test_set_reaches_the_training(cli, tmp_path):
    done = cli(
        "train", "mlp-pima", "-o", "run", "--epochs", "1",
        "--set", "hidden=5,4,3", "--set", "optimizer=sgd", "--set", "learning_rate=0.001",
    )  # fmt: skip
    assert done.status == 0, done.err
    text = (tmp_path / "run/spec.toml").read_text()
    assert "SGD" in text or "sgd" in text
    assert "learning_rate = 0.001" in text
    from zoo import load

    assert [layer.name for layer in load(tmp_path / "run").keras.layers][-2] == "hidden_3"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--set", "epoch=5"], "Did you mean 'epochs'?"),
        (["--set", "epochs=many"], "expected `int`"),
        (["--set", "epochs"], "takes KEY=VALUE"),
        (["--set", "optimizer=adm"], "Did you mean 'adam'?"),
        (["--set", "loss=nosuch"], "Keras has no loss"),
        (["--set", "learning_rte=1"], "Did you mean 'learning_rate'?"),
        (["--set", "hidden=wide"], "hidden"),
        (["--set", "hidden=[2000000]"], "at most 1,000,000"),
        (["--seed", "-1"], "not in the range"),
        (["--epochs", "0"], "not in the range"),
        (["--target", "nosuch"], "column 'nosuch' is missing"),
        (["--weights", "nosuch.h5"], "no weights 'nosuch.h5'"),
        (["--data", "nosuch.csv"], "cannot be read"),
    ],
)
def test_wrong_settings_cost_nothing(cli, tmp_path, arguments, text):
    done = cli("train", "mlp-pima", *arguments, "-o", "run")
    assert done.status in (1, 2)
    assert text in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


def test_a_run_never_overwrites(cli, run):
    before = (run / "model.zoo").read_bytes()
    done = cli("train", "mlp-pima", "--epochs", "1", "-o", run)
    assert done.status == 2
    assert "exists and is not an empty folder" in done.err
    assert (run / "model.zoo").read_bytes() == before


def test_without_output_runs_have_folders_of_their_own(cli, tmp_path):
    for _ in range(2):
        assert cli("train", "mlp-pima", "--epochs", "1").status == 0
    assert len(list((tmp_path / "runs" / "mlp-pima").iterdir())) == 2


def test_dead_units_are_told_with_what_to_try(cli):
    done = cli("train", "mlp-pima", "--seed", "4", "--epochs", "30", "-o", "run")
    assert done.status == 0
    assert re.search(r"predicts 'no diabetes' for (every row|\d+ of 768 rows)", done.err)
    assert "try another --seed" in done.err


def test_training_on_ones_own_table(cli, tmp_path):
    rows = [f"{h};{h / 2};{'tall' if h > 5 else 'short'}" for h in range(10)]
    (tmp_path / "people.csv").write_text("\n".join(["height;weight;kind", *rows]))
    arguments = ["--set", "columns=height,weight", "--set", "values=short,tall"]
    arguments += ["--set", "labels=short,tall", "--epochs", "2", "-o", "run"]
    done = cli("train", "mlp-pima", "--data", "people.csv", "--target", "kind", *arguments)
    assert done.status == 0, done.err
    done = cli("predict", "run", "-", stdin=b"weight,height\n1,2\n")
    assert done.status == 0, done.err
    assert done.out.split()[1] in ("short", "tall")
    assert cli("evaluate", "run", "--data", "people.csv", "--target", "kind").status == 0


def test_labels_that_are_no_class_stop_the_training(cli, tmp_path):
    (tmp_path / "odd.csv").write_text(f"{HEADER},outcome\n{ROW},1\n{ROW},2\n{ROW},0\n")
    done = cli("train", "mlp-pima", "--data", "odd.csv", "-o", "run")
    assert done.status == 1
    assert "row 1: unknown class '2'" in done.err
    assert not (tmp_path / "run").exists()


EVENTS = """
import os, pathlib
import zoo

folder = pathlib.Path(os.environ["EVENTS"])

@zoo.hookimpl
def training_started(run):
    (folder / "started").write_text(run.spec.name)

@zoo.hookimpl
def epoch_ended(epoch, logs):
    if epoch == 2:
        (folder / "epoch").write_text(",".join(logs))

@zoo.hookimpl
def training_finished(run):
    (folder / "finished").write_text(str((run.path / "model.zoo").exists()))
"""


def test_interrupting_saves_what_is_trained_and_plugins_hear_of_it(tmp_path):
    """A plugin that listens tells when the training runs; then the user presses Ctrl-C."""
    site = tmp_path / "site"
    (site / "listener-1.0.dist-info").mkdir(parents=True)
    (site / "listener-1.0.dist-info/METADATA").write_text("Name: listener\nVersion: 1.0\n")
    (site / "listener-1.0.dist-info/entry_points.txt").write_text(
        "[zoo.plugins]\nlistener = listener\n"
    )
    (site / "listener.py").write_text(EVENTS)
    process = subprocess.Popen(
        [
            sys.executable, "-c", "from zoo_cli.main import main; main()",
            "train", "mlp-pima", "--epochs", "1000000", "-o", "run",
        ],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(site), "EVENTS": str(tmp_path)},
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (tmp_path / "epoch").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the training so far is saved" in err
    assert out.splitlines()[-1] == "run: run"
    assert len((tmp_path / "run/history.csv").read_text().splitlines()) > 3
    assert json.loads((tmp_path / "run/metrics.json").read_text())["train"]["accuracy"] > 0
    assert (tmp_path / "started").read_text() == "mlp-pima"
    assert (tmp_path / "finished").read_text() == "True"


SHAPES = """\
name = "shapes"
task = "image-classification"
architecture = {uses = "vision/cnn", filters = [2]}
input = {uses = "vision/image", size = 8}
output = {uses = "vision/classes"}

[training]
loss = "sparse_categorical_crossentropy"
freeze = ["convolution*"]
"""


def test_a_damaged_photo_is_a_warning_or_an_error(cli, shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shapes, "photos")
    Path("photos/discs/3.png").write_bytes(b"no photo")
    Path("shapes.toml").write_text(SHAPES)
    done = cli("train", "shapes.toml", "--data", "photos", "-o", "run")
    assert done.status == 0
    (line,) = [line for line in done.err.splitlines() if "3.png" in line]
    assert line.startswith("zoo: photos: photos/discs/3.png: ")
    assert line.endswith("; left out 1 of 32 rows")
    done = cli("train", "shapes.toml", "--data", "photos", "-o", "other", "--fail-fast")
    assert (done.status, done.out) == (1, "")
    assert "photos/discs/3.png: " in done.err
    assert not Path("other").exists()
