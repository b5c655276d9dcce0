"""Text models from data to prediction: trained, moved, used on plain text."""

from __future__ import annotations

import csv
import json
import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import DatasetFiles
from tiers import slow

import zoo
from zoo import Component
from zoo.data import datasets, presence
from zoo.registry.registry import registry

GOOD = ("great", "wonderful", "superb", "lovely", "moving")
BAD = ("awful", "boring", "dull", "terrible", "lame")
PLAIN = ("the", "film", "was", "and", "a", "plot", "with", "acting")


def sentences(count: int, labels: tuple[str, str]) -> list[tuple[str, str]]:
    draw = random.Random(0)
    rows = []
    for number in range(count):
        words = [draw.choice(PLAIN) for _ in range(8)]
        words[draw.randrange(8)] = draw.choice((BAD, GOOD)[number % 2])
        rows.append((" ".join(words).capitalize() + ", don't you think?", labels[number % 2]))
    return rows


def written(path: Path, labels: tuple[str, str], count: int = 240) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *sentences(count, labels)])
    return path


def trained(folder: Path, model: str, labels: tuple[str, str], *settings: str) -> zoo.Run:
    return zoo.train(
        model, written(folder / "texts.csv", labels), target="label", epochs=12, seed=1,
        settings=["words=40", "batch_size=16", *settings], output=folder / "run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    """A small model of one's own reviews."""
    return trained(tmp_path_factory.mktemp("text"), "mlp-imdb", ("negative", "positive"))


@pytest.mark.backends
def test_a_table_of_sentences_is_learnt(run: zoo.Run) -> None:
    assert run.metrics["train"]["accuracy"] > 0.95
    assert run.metrics["train"]["binary_crossentropy"] > 0
    assert run.notes == []


@pytest.mark.backends
def test_the_bundle_answers_about_any_text(run: zoo.Run) -> None:
    model = zoo.load(run.path)
    one = model.predict("A GREAT, superb film!")
    assert [result.prediction for result in one] == ["positive"]
    results = model.predict(["so dull and boring", "", "http://example.invalid/ was great", "Dull"])
    assert [result.row for result in results] == [0, 1, 2, 3]
    assert [result.prediction for result in results] == ["negative", None, "positive", "negative"]
    assert results[1].error is not None
    assert results[1].error.kind == "empty-text"
    probabilities = results[0].probabilities
    assert probabilities is not None
    assert list(probabilities) == ["negative", "positive"]
    assert sum(probabilities.values()) == pytest.approx(1.0)
    assert results[0].score == probabilities["negative"]


def test_texts_in_small_batches_are_the_same(run: zoo.Run, tmp_path: Path) -> None:
    texts = [text for text, _ in sentences(21, ("", ""))]
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    whole, *others = (
        run.model.predict(texts),
        run.model.predict(iter(texts), batch_size=4),
        run.model.predict(tmp_path / "texts.txt", batch_size=5),
    )
    for results in others:
        for result, same in zip(results, whole, strict=True):
            assert (result.row, result.prediction) == (same.row, same.prediction)
            assert result.score == pytest.approx(same.score, abs=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize("widths", ["8", slow("8,8")])
def test_recurrent_networks_read_word_by_word(widths: str, tmp_path: Path) -> None:
    """One layer, and two of which the first returns its whole sequence."""
    run = zoo.train(
        "lstm-imdb", written(tmp_path / "texts.csv", ("negative", "positive")),
        target="label", epochs=12, seed=1, output=tmp_path / "run",
        settings=["input.words=40", "architecture.words=40", "length=14", "batch_size=16",
                  "optimizer.learning_rate=0.02", f"widths={widths}"],
    )  # fmt: skip
    assert run.metrics["train"]["accuracy"] > 0.95
    assert len(run.spec.state) == 2 * len(widths.split(","))

    # A session reads on where the last piece ended; a network without a state could not.
    session = run.model.session()
    assert session.step("The film was great").prediction == "positive"
    assert session.step("with a plot").prediction == "positive"


@pytest.mark.backends
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_topics_learn_with_integer_and_one_hot_labels(loss: str, tmp_path: Path) -> None:
    settings = (f"loss={loss}", "validation=0.2", "optimizer.learning_rate=0.01")
    run = trained(tmp_path, "mlp-reuters", ("gold", "wheat"), *settings)
    assert run.metrics["validation"]["accuracy"] > 0.9
    assert run.model.predict("a great plot")[0].prediction == "wheat"


def test_a_network_of_sequences_takes_padded_texts(tmp_path: Path) -> None:
    spec = zoo.ModelSpec(
        name="padded",
        task="text-classification",
        architecture=Component("tabular/mlp", hidden=[], output_activation="sigmoid"),
        input=Component("text/padded", words=40, length=6),
        output=Component("tabular/binary"),
        training=zoo.Training(loss=Component("binary_crossentropy"), target="label"),
    )
    run = zoo.train(spec, written(tmp_path / "x.csv", ("-", "+")), seed=1, output=tmp_path / "run")
    assert zoo.load(run.path).predict("great")[0].error is None


def test_the_variants_of_the_book_are_settings(run: zoo.Run, tmp_path: Path) -> None:
    variants = trained(
        tmp_path, "mlp-imdb", ("negative", "positive"),
        "epochs=1", "training.validation={held=100, order='first'}",
        "hidden=[4, 4]", "l1=0.001", "l2=0.001", "dropout=0.5",
    )  # fmt: skip
    recipe = variants.spec.training
    assert recipe is not None
    assert recipe.validation == zoo.Split(held=100, order="first")
    figures = variants.metrics["validation"]
    # The cross-entropy alone: with a penalty the loss cannot be compared.
    assert figures["binary_crossentropy"] < figures["loss"]
    assert run.metrics["train"]["binary_crossentropy"] == run.metrics["train"]["loss"]


@pytest.mark.parametrize(("name", "parameters"), [("mlp-imdb", 160305), ("mlp-reuters", 647214)])
def test_the_networks_are_those_of_the_book(name: str, parameters: int) -> None:
    assert zoo.get_spec(name).parameters == parameters
    assert zoo.get_model(name, weights=None).keras.count_params() == parameters


# The command line


def test_predict_a_text(
    cli: Any, run: zoo.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has the bundle alone."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    done = cli(
        "predict", run.path, "--text", "A great film", "--text", "Dull!", "--format", "json",
    )  # fmt: skip
    assert done.status == 0, done.err
    first, second = json.loads(done.out)
    assert list(first) == ["row", "prediction", "score", "probabilities"]
    assert (first["row"], first["prediction"]) == (0, "positive")
    assert set(first["probabilities"]) == {"negative", "positive"}
    assert (second["row"], second["prediction"]) == (1, "negative")


def test_predict_lines(cli: Any, run: zoo.Run, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_bytes("\N{BYTE ORDER MARK}great film\r\ndull film\r\n".encode())
    stdin = b"superb\n\nlame\n\xff great\n"
    done = cli("predict", run.path, "texts.txt", "-", stdin=stdin)
    assert done.status == 1
    shown = [line.split(" (")[0] for line in done.out.splitlines()]
    assert shown == [
        "0: positive", "1: negative", "2: positive", "3: error", "4: negative", "5: error",
    ]  # fmt: skip
    assert "zoo: -: row 1: is empty, expected a text" in done.err
    assert "zoo: -: row 3: is not UTF-8 text" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mlp-imdb"], "pass INPUT... or --text TEXT, received neither"),
        (["mlp-imdb", "x.txt", "--text", "x"], "pass INPUT... or --text TEXT, received both"),
        (
            ["mlp-pima", "--text", "x"],
            "--text is for text models; mlp-pima takes a CSV or parquet file",
        ),
        (["vgg16", "--text", "x"], "--text is for text models; vgg16 takes images"),
        (["mlp-imdb", "x.txt"], "x.txt: no such file; expected a file with one text per line"),
        (["mlp-imdb", "--text", "x"], "no trained weights; run `zoo train mlp-imdb`"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], says: str, cli: Any) -> None:
    done = cli("predict", *arguments)
    assert done.status == 2
    assert says in done.err
    assert done.out == ""


# The published data


@pytest.fixture
def real(real_data: Path) -> Callable[[str], None]:
    """Bring a dataset from its real files; the home is that of the test session."""

    def bring(name: str) -> None:
        entry = registry().datasets.find(name)
        if not presence.is_present(entry):
            for file in (f"{name}_ragged.npz", f"{name}_word_index.json"):
                assert datasets.add(entry, real_data / "keras" / file).path

    return bring


def test_a_model_of_reuters_knows_its_words(dataset_files: DatasetFiles, tmp_path: Path) -> None:
    """The whole way at a small size: the dataset's own words, topics and test rows."""
    for file in dataset_files("reuters"):
        assert datasets.add(registry().datasets.find("reuters"), file).path
    real = len(datasets.load_dataset(registry().datasets.find("reuters"))["test"]) == 2246
    settings = ["words=1000", "hidden=[16]", f"batch_size={256 if real else 32}"]
    epochs = 2 if real else 8
    run = zoo.train(
        "mlp-reuters", epochs=epochs, seed=1, settings=settings, output=tmp_path / "run"
    )
    assert set(run.metrics) - {"best_epoch"} == {"train", "validation", "test"}
    assert run.metrics["test"]["accuracy"] > 0.5
    earn = "mln dlrs net profit shr vs qtr cts revs year"
    assert zoo.load(run.path).predict(earn)[0].prediction == "earn"
    assert run.model.evaluate() == pytest.approx(run.metrics["test"], abs=1e-4)
    recipe = tomllib.loads((run.path / "spec.toml").read_text())
    assert recipe["training"]["validation"] == {"held": 1000, "order": "first"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp-imdb", "mlp-reuters"])
def test_the_figures_are_reached(
    name: str, real: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.training.reproduce import reproduce

    real(name.removeprefix("mlp-"))
    monkeypatch.chdir(tmp_path)
    result = reproduce(name)
    assert len(result.seeds) == 5
    assert result.passed, result.to_dict()


@pytest.mark.slow
def test_regularised_variants_overfit_less(real: Callable[[str], None], tmp_path: Path) -> None:
    """After 20 epochs, on the cross-entropy without the penalty."""
    real("imdb")

    def entropy(name: str, *settings: str) -> float:
        run = zoo.train(
            "mlp-imdb", epochs=20, batch_size=500, seed=1, output=tmp_path / name,
            settings=["training.validation={held=10000, order='first'}", *settings],
        )  # fmt: skip
        return run.metrics["validation"]["binary_crossentropy"]

    plain = entropy("plain")
    variants = {
        "fewer": ["hidden=[4, 4]"],
        "l1": ["l1=0.001"],
        "l2": ["l2=0.001"],
        "both": ["l1=0.001", "l2=0.001"],
        "dropout": ["dropout=0.5"],
    }
    figures = {name: entropy(name, *settings) for name, settings in variants.items()}
    assert np.array(list(figures.values())).max() < plain, (plain, figures)
