"""`zoo evaluate`: figures, reports of classes or errors, and their plots."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
from pathlib import Path

import pytest
from places import IMAGES, MUG
from tiers import slow

import zoo

CAT = IMAGES / "chelsea.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "run"
    return zoo.train("mlp-pima", epochs=5, seed=3, output=path).path


def own(folder: Path, output: str, truth: list[object], **training: object) -> Path:
    """Train on two columns of a table of one's own, ``data.csv`` beside the run."""
    draw = random.Random(0)
    rows = [(len(str(y)) + draw.random(), draw.random(), y) for y in truth]
    lines = ["a,b,y", *(f"{a},{b},{y}" for a, b, y in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    options = {"output_activation": "softmax"} if output == "classes" else {}
    spec = zoo.ModelSpec(
        name="own",
        task="tabular-classification" if output == "classes" else "tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4], **options),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component(f"tabular/{output}"),
        training=zoo.Training(epochs=1, target="y", **training),  # type: ignore[arg-type]
    )
    run = zoo.train(spec, folder / "data.csv", seed=0, output=folder / "run")
    return run.path


def test_the_report_agrees_with_keras(cli, run):
    done = cli("evaluate", run, "--report", "--json")
    values = json.loads(done.out)
    report = values.pop("report")
    assert values == json.loads(cli("evaluate", run, "--json").out)
    assert values["rows"] == "trained on"
    assert report["accuracy"] == pytest.approx(values["accuracy"], abs=1e-6)
    assert report["rows"] == 768
    classes = report["classes"]
    assert [row["label"] for row in classes] == ["no diabetes", "diabetes"]
    assert [row["support"] for row in classes] == [500, 268]
    assert [sum(row) for row in report["confusion"]] == [500, 268]
    assert set(classes[0]) == {"label", "precision", "recall", "f1", "support"}
    assert {"macro", "weighted"} <= set(report)


def test_the_report_as_text(cli, run):
    lines = cli("evaluate", run, "--report").out.splitlines()
    assert lines[0].startswith("accuracy 0.")
    assert lines[2] == "of 768 rows it was trained on"
    assert lines[4].split() == ["precision", "recall", "F1", "support"]
    assert lines[5].startswith("no diabetes  ")
    assert lines[5].endswith("    500")
    assert [line.split("  ")[0] for line in lines[7:]] == [
        "mean of classes", "mean of rows", "accuracy",
    ]  # fmt: skip


def test_a_confusion_matrix_is_drawn(cli, run, tmp_path):
    pytest.importorskip("matplotlib")
    done = cli("evaluate", run, "--plot", "x.svg")
    assert done.status == 0
    assert "plot: x.svg" in done.err
    assert "precision" not in done.out  # nobody asked for the report
    text = (tmp_path / "x.svg").read_text()
    assert "no diabetes (500)" in text
    assert "predicted class" in text


@pytest.mark.parametrize(
    ("count", "loss"),
    [
        (10, "sparse_categorical_crossentropy"),
        slow(46, "categorical_crossentropy"),
    ],
)
def test_many_classes(cli, tmp_path, count, loss):
    pytest.importorskip("matplotlib")
    truth = [f"t{number % count:02}" for number in range(3 * count)]
    path = own(tmp_path, "classes", truth, loss=zoo.Component(loss))
    done = cli("evaluate", path, "--data", "data.csv", "--report", "--json", "--plot", "x.png")
    assert done.status == 0, done.err
    report = json.loads(done.out)["report"]
    assert [row["label"] for row in report["classes"]] == sorted(set(truth))
    assert all(row["support"] == 3 for row in report["classes"])
    from PIL import Image

    with Image.open(tmp_path / "x.png") as picture:
        assert min(picture.size) > (1500 if count == 46 else 500)


def test_a_regressor_has_errors(cli, tmp_path):
    pytest.importorskip("matplotlib")
    truth: list[object] = [number / 10 for number in range(60)]
    path = own(tmp_path, "value", truth, loss=zoo.Component("mse"))
    done = cli("evaluate", path, "--data", "data.csv", "--report", "--json", "--plot", "x.svg")
    assert done.status == 0, done.err
    values = json.loads(done.out)
    report = values["report"]
    assert report["rmse"] ** 2 == pytest.approx(values["loss"], rel=1e-4)
    assert 0 < report["mae"] <= report["rmse"]
    assert report["rows"] == 60
    variance = sum((float(str(y)) - 2.95) ** 2 for y in truth) / 60
    assert report["r2"] == pytest.approx(1 - values["loss"] / variance, rel=1e-3)
    text = (tmp_path / "x.svg").read_text()
    assert "true value" in text
    assert "RMSE" in text
    lines = cli("evaluate", path, "--data", "data.csv", "--report").out.splitlines()
    heads = [line.split(" ")[0] for line in lines]
    assert heads == ["loss", "of", "", "rows", "MAE", "RMSE", "R²"]


@pytest.mark.parametrize(
    ("name", "first", "count"),
    [
        slow("char", ("A", "B"), 25),
        ("steps", ("ABC", "D"), 23),
        ("stateful", ("A", "B"), 25),
        slow("window", ("ABC", "D"), 23),
        slow("batch", ("A", "B"), 25),
    ],
)
def test_the_report_of_sequences_lists_their_answers(cli, name, first, count):
    cli("train", f"lstm-alphabet-{name}", "--epochs", "40", "--seed", "1", "-o", "run")
    report = json.loads(cli("evaluate", "run", "--report", "--json").out)["report"]
    answers = report["answers"]
    assert (answers[0]["input"], answers[0]["true"]) == first
    assert len(answers) == count
    right = [answer["prediction"] == answer["true"] for answer in answers]
    assert sum(right) / count == pytest.approx(report["accuracy"])
    assert 0 < sum(right) < count
    lines = cli("evaluate", "run", "--report").out.splitlines()[4:]
    assert lines == [
        f"{one['input']} -> {one['prediction']}" + ("" if right else f", not {one['true']}")
        for one, right in zip(answers, right, strict=True)
    ]


def test_many_answers_are_different_ones_and_cut(cli, monkeypatch):
    """Of the random pieces that the model learns from, some are the same."""
    monkeypatch.setattr("zoo.training.report.MAX_ANSWERS", 20)
    pieces = ("--set", "substrings=100", "--set", "batch_size=10")
    cli("train", "lstm-alphabet-variable", *pieces, "--epochs", "1", "--seed", "1", "-o", "run")
    lines = cli("evaluate", "run", "--report").out.splitlines()[4:]
    assert len(set(lines)) == len(lines) == 21
    report = json.loads(cli("evaluate", "run", "--report", "--json").out)["report"]
    assert lines[-1] == f"... and {len(report['answers']) - 20} more; --json has all"
    assert 20 < len(report["answers"]) < report["rows"] == 100


def test_one_number_is_drawn_with_the_fitted_line(cli, tmp_path):
    pytest.importorskip("matplotlib")
    rows = [f"{x},{3 * x + 7}" for x in range(20)]
    (tmp_path / "line.csv").write_text("\n".join(["size,price", *rows]) + "\n")
    (tmp_path / "line.toml").write_text(
        """
        name = "line"
        task = "tabular-regression"
        architecture = { uses = "tabular/mlp", hidden = [] }
        input = "tabular/columns"
        output = "tabular/value"
        [training]
        loss = "mse"
        optimizer = { uses = "adam", learning_rate = 0.5 }
        epochs = 300
        target = "price"
        """
    )
    train = ("train", "line.toml", "--data", "line.csv", "--seed", "1")
    cli(*train, "-o", "run")
    assert cli("evaluate", "run", "--plot", "x.svg").status == 0
    drawn = (tmp_path / "x.svg").read_text()
    assert ">size<" in drawn
    found = re.search(r"fitted line ([0-9.]+) \+ ([0-9.]+) x", drawn)
    assert found is not None
    assert [float(number) for number in found.groups()] == pytest.approx([7, 3], abs=0.1)
    cli(*train, "--set", "input={uses='tabular/columns', scale='standard'}", "-o", "scaled")
    assert cli("evaluate", "scaled", "--plot", "x.svg").status == 0
    assert ">size, scaled (standard)<" in (tmp_path / "x.svg").read_text()


def test_each_of_several_outputs_has_a_report(cli, tmp_path):
    pytest.importorskip("matplotlib")
    cli("train", "mlp-wine-two-outputs", "--epochs", "2", "--seed", "1", "-o", "run")
    done = cli("evaluate", "run", "--report", "--json", "--plot", "x.svg")
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["scale"] == {"alcohol": "standard"}
    quality, alcohol = record["report"]["quality"], record["report"]["alcohol"]
    assert quality["accuracy"] == pytest.approx(record["quality_accuracy"], abs=1e-6)
    # The deviation of the alcohol, by which the network sees it scaled.
    stretch = zoo.load("run").decoder.state()["alcohol"]["stretch"]
    assert alcohol["mae"] == pytest.approx(record["alcohol_mean_absolute_error"] * stretch, 1e-3)
    assert sum(map(sum, quality["confusion"])) == alcohol["rows"] == record["count"] == 320
    text = (tmp_path / "x.svg").read_text()
    assert {"predicted class", "true value (vol %)"} <= set(re.findall(r">([^<>]+)</text>", text))
    lines = cli("evaluate", "run", "--report").out.splitlines()
    assert "alcohol in the scale of the network, standard; " in "\n".join(lines)
    assert {"quality:", "alcohol:", f"MAE {alcohol['mae']:.4g} vol %"} <= set(lines)


def test_an_output_that_no_report_is_of_is_named(cli):
    parts = "{quality = 'tabular/labels', alcohol = 'tabular/value'}"
    settings = (
        f"output={{uses = 'tabular/outputs', parts = {parts}}}",
        "output_activation={quality = 'sigmoid', alcohol = 'linear'}",
        "training.outputs.quality={loss = 'binary_crossentropy'}",
    )
    options = [text for setting in settings for text in ("--set", setting)]
    trained = cli("train", "mlp-wine-two-outputs", "--epochs", "1", *options, "-o", "run")
    assert trained.status == 0, trained.err
    done = cli("evaluate", "run", "--report")
    assert (done.status, done.out) == (2, "")
    assert "mlp-wine-two-outputs: quality: its rows have several labels or none" in done.err


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Return photos in folders, two of which name no class of ImageNet."""
    folder = tmp_path / "photos"
    for name, photo in {
        "coffee_mug": MUG, "Egyptian cat": CAT, "mug": MUG, "crane": CAT, "n02123045": CAT,
    }.items():  # fmt: skip
        (folder / name).mkdir(parents=True)
        shutil.copy(photo, folder / name / photo.name)
    return folder


def test_a_classifier_of_photos_needs_no_recipe(cli, labelled):
    """A folder that names no class, or two, costs itself alone; so does a damaged photo."""
    pytest.importorskip("matplotlib")
    (labelled / "coffee_mug" / "bad.png").write_text("no photo")
    done = cli("evaluate", "efficientnet-lite0", "--data", "photos", "--report", "--json",
               "--plot", "x.svg")  # fmt: skip
    assert done.status == 1
    record = json.loads(done.out)
    # The cat is a tiger cat to the network, and an Egyptian cat or a tabby (n02123045) only then.
    assert record["accuracy"] == pytest.approx(1 / 3)
    assert record["top_5_accuracy"] == 1.0
    assert (record["rows"], record["count"]) == ("given", 3)
    labels = [row["label"] for row in record["report"]["classes"]]
    assert labels == ["n02123045", "tiger_cat", "Egyptian_cat", "coffee_mug"]
    failures = done.err.replace("zoo: plot: x.svg\n", "").splitlines()
    assert failures[:2] == [
        f"zoo: {Path('photos', 'crane')}: 2 classes are called 'crane'; use n02012849 or n03126707",
        f"zoo: {Path('photos', 'mug')}: no class is called 'mug'. Did you mean 'coffee_mug'?",
    ]
    assert failures[2].startswith(f"zoo: {Path('photos', 'coffee_mug', 'bad.png')}: ")
    assert len(failures) == 3
    figures = zoo.get_model("efficientnet-lite0").evaluate(labelled)
    assert figures == {name: record[name] for name in ("accuracy", "top_5_accuracy")}


def test_folders_of_which_no_photo_can_be_measured(cli, labelled):
    shutil.rmtree(labelled / "coffee_mug")
    done = cli("evaluate", "efficientnet-lite0", "--data", labelled / "mug")
    assert (done.status, done.out) == (1, "")
    assert "needs at least one subfolder with images" in done.err
    for name in ("Egyptian cat", "crane", "n02123045"):
        shutil.rmtree(labelled / name)
    done = cli("evaluate", "efficientnet-lite0", "--data", "photos")
    assert (done.status, done.out) == (1, "")
    assert "photos: has no photos that can be measured; " in done.err
    assert "no class is called 'mug'. Did you mean 'coffee_mug'?" in done.err
    done = cli("evaluate", "efficientnet-lite0")
    assert done.status == 2
    assert "pass --data FOLDER with one subfolder of photos per class" in done.err


@pytest.mark.parametrize(
    ("model", "instead"),
    [
        ("efficientnet-lite0", "efficientnet-lite0-features"),
        ("vgg19", "vgg19-features"),
        ("resnet50", "efficientnet-lite0-features, vgg16-features or vgg19-features"),
    ],
)
def test_a_model_without_a_recipe_names_those_that_have_one(cli, shapes, model, instead):
    done = cli("train", model, "--data", shapes)
    assert (done.status, done.out) == (2, "")
    assert done.err == (f"zoo: {model} has no training recipe; train {instead} on your own data\n")


def test_which_rows_a_figure_is_of(cli, tmp_path):
    """Held out and trained on, in text, JSON and picture."""
    pytest.importorskip("matplotlib")
    arguments = ("--epochs", "1", "--set", "validation=0.25", "--seed", "1", "-o", "held")
    trained = cli("train", "mlp-pima", *arguments).out.splitlines()
    assert trained[0].endswith(" (rows it was trained on)")
    assert trained[1].endswith(" (rows held out of its training)")
    done = cli("evaluate", "held", "--plot", "x.svg")
    assert done.out.splitlines()[:2] == [
        part.replace(",", "") for part in trained[1].split(" (")[0].split(": ")[1].split(", ")
    ]
    assert done.out.splitlines()[2] == "of 192 rows held out of its training"
    assert "192 rows held out of its training" in (tmp_path / "x.svg").read_text()
    told = json.loads(cli("evaluate", "held", "--json").out)
    assert (told["rows"], told["count"]) == ("held out", 192)
    done = cli("evaluate", "held", "--data", "pima")
    assert done.out.endswith("of 768 rows of pima; rows it was trained on may be among them\n")


def test_figures_in_another_scale_than_the_unit_say_so(cli, tmp_path):
    run = own(tmp_path, "value", [number / 10 for number in range(60)], loss=zoo.Component("mse"))
    assert "scale" not in json.loads(cli("evaluate", run, "--json").out)
    settings = ("--set", "output={uses='tabular/value', unit='points', scale='standard'}")
    cli("train", "run/spec.toml", "--data", "data.csv", *settings, "-o", "scaled")
    lines = cli("evaluate", "scaled", "--report").out.splitlines()
    assert "points" not in lines[0]
    assert lines[2].startswith("in the scale of the network, standard; ")
    assert lines[5].endswith(" points")
    assert json.loads(cli("evaluate", "scaled", "--json").out)["scale"] == "standard"


def test_folds_and_early_stopping_say_which_rows(cli):
    done = cli("train", "mlp-pima", "--epochs", "1", "--folds", "2", "-o", "folds")
    assert "(mean over folds of rows held out of their training)" in done.out.splitlines()[0]
    rule = ("--set", "early_stopping={patience=1}", "--set", "validation=0.2")
    done = cli("train", "mlp-pima", "--epochs", "9", *rule, "-o", "early")
    (line,) = [line for line in done.out.splitlines() if line.startswith("best epoch: ")]
    assert line.endswith(" (rows held out of its training)")
    assert " val_loss " in line
    shown = cli("runs", "show", "early").out
    assert "best_epoch: epoch " in shown
    number = line.split()[2]
    assert f"best_epoch: epoch {number}, accuracy 0." in shown


def test_pictures_that_cannot_be_drawn_cost_no_evaluation(cli, run, monkeypatch):
    done = cli("evaluate", run, "--plot", "x.txt")
    assert (done.status, done.out) == (2, "")
    assert "plots are .png or .svg files, received '.txt'" in done.err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = cli("evaluate", run, "--plot", "x.png")
    assert (done.status, done.out) == (2, "")
    assert "pip install 'keras-zoo[plot]'" in done.err
    assert cli("evaluate", run, "--report").status == 0  # a report needs no picture


def test_a_model_of_neither_classes_nor_numbers(run, monkeypatch):
    from zoo.errors import UsageError
    from zoo.parts.base import Decoder
    from zoo.training.report import examine

    model = zoo.load(run)
    monkeypatch.setattr(Decoder, "__abstractmethods__", frozenset())
    model.__dict__["decoder"] = Decoder()  # type: ignore[abstract]
    with pytest.raises(UsageError, match="predicts neither classes nor numbers"):
        examine(model)
