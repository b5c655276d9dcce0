"""The six models of the alphabet with their common architecture, and the one that adds."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from tiers import slow

import zoo
from zoo.backend.choose import keras
from zoo.backend.network import build
from zoo.data import datasets, presence
from zoo.registry.registry import registry
from zoo.training.reproduce import reproduce

NAMES = ("batch", "char", "stateful", "steps", "variable", "window")


@pytest.mark.parametrize("name", NAMES)
def test_the_network_and_its_state_are_as_declared(name: str) -> None:
    spec = zoo.get_spec(f"lstm-alphabet-{name}")
    model = zoo.Model(spec, weights=None)
    assert model.keras.count_params() == spec.parameters
    assert model.states == spec.state
    assert spec.architecture.uses == "sequence/recurrent"


@pytest.mark.backends
@pytest.mark.parametrize(
    ("settings", "layer"),
    [
        ([], "LSTM"),
        slow(["cell=gru"], "GRU"),
        (["cell=simple"], "SimpleRNN"),
        (["widths=4,3"], "LSTM"),
    ],
)
def test_cells_and_layers(settings: list[str], layer: str, tmp_path: Path) -> None:
    """Every kind gives what Keras's own layers give, with the same weights."""
    run = zoo.train(
        "lstm-alphabet-steps", epochs=2, seed=1, settings=settings, output=tmp_path / "run"
    )
    network = run.model.keras
    x = np.random.default_rng(0).uniform(0, 1, (4, 3, 1)).astype("float32")
    layers = keras().layers
    plain = keras().Sequential([keras().Input((3, 1))])
    recurrent = [one for one in network.layers if type(one).__name__ == layer]
    for number, one in enumerate(recurrent, 1):
        plain.add(getattr(layers, layer)(one.units, return_sequences=number < len(recurrent)))
    plain.add(layers.Dense(26, activation="softmax"))
    plain.set_weights(network.get_weights())
    expected = keras().ops.convert_to_numpy(plain(x))
    np.testing.assert_allclose(run.model.outputs(x), expected, atol=1e-5)
    assert len(run.spec.state) == len(recurrent) * (2 if layer == "LSTM" else 1)


@pytest.mark.backends
def test_a_next_letter_from_a_line_of_text(tmp_path: Path) -> None:
    run = zoo.train("lstm-alphabet-variable", epochs=3, seed=1, output=tmp_path / "run")
    results = run.model.predict(["XYZ", "A", "?"])
    assert results[0].prediction in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert results[2].error is not None
    assert "is not in the alphabet" in results[2].error.message


def test_texts_of_one_s_own(tmp_path: Path) -> None:
    """Each line is a sequence; no piece reaches over the end of its line."""
    (tmp_path / "own.txt").write_text("ABAB\nBABA\n")
    model = zoo.get_model("lstm-alphabet-char", weights=None)
    from zoo.inference.rows import load_data

    rows = load_data(model.preprocessor, model.spec.training, tmp_path / "own.txt", None)["train"]
    assert list(zip(rows.inputs, rows.labels, strict=True)) == [
        ("A", "B"), ("B", "A"), ("A", "B"), ("B", "A"), ("A", "B"), ("B", "A")
    ]  # fmt: skip
    (tmp_path / "short.txt").write_text("AB\nA\n")
    with pytest.raises(zoo.ZooError, match=r"short.txt: row 1: expected a text of more than 1 let"):
        zoo.train(model.spec, tmp_path / "short.txt", output=tmp_path / "run")


def test_the_sums_are_what_their_script_makes(tmp_path: Path) -> None:
    entry = registry().datasets.find("addition")
    shipped = presence.content_path(entry)
    assert datasets.verify(entry).path is not None
    runpy.run_path(str(shipped.parent / "make_addition.py"))["main"](tmp_path)
    assert (tmp_path / shipped.name).read_text() == shipped.read_text()


def test_the_network_that_adds_is_as_declared() -> None:
    model = zoo.get_model("lstm-addition", weights=None)
    network = build(model.architecture(), initialise=False)
    assert network.count_params() == model.spec.parameters


@pytest.mark.backends
def test_a_text_answers_a_text(tmp_path: Path, cli: Any) -> None:
    """From the shipped table, and from one of one's own, whose alphabet and length are learnt."""
    run = zoo.train(
        "lstm-addition", epochs=2, seed=1, settings=["width=16"], output=tmp_path / "run"
    )
    assert set(run.metrics) >= {"train", "test"}
    good, bad = zoo.load(run.path).predict(["12+7", "12-7"])
    assert good.prediction is not None
    assert good.score is None
    assert set(good.prediction) <= set("0123456789")
    assert bad.error.kind == "unknown-letter"
    assert cli("predict", str(run.path), "--text", "12+7").out == f"0: {good.prediction}\n"
    rows = "".join(f"{word},{word[::-1]}\n" for word in ("ab", "ba", "aa", "bb") * 20)
    (tmp_path / "own.csv").write_text("word,backwards\n" + rows)
    spec = replace(
        run.spec,
        parameters=None,
        figures=(),
        architecture=zoo.Component("sequence/encoder-decoder", output_length=2, width=8),
        input=zoo.Component("sequence/characters", length=2),
        output=zoo.Component("sequence/text"),
        training=zoo.Training(
            loss="sparse_categorical_crossentropy", target="backwards", epochs=60,
            optimizer=zoo.Component("adam", learning_rate=0.03), batch_size=16,
        ),
    )  # fmt: skip
    own = zoo.train(spec, tmp_path / "own.csv", seed=1, output=tmp_path / "own")
    assert [result.prediction for result in own.model.predict(["ab", "ba"])] == ["ba", "ab"]


def test_an_answer_of_another_length_than_the_network_s(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match=r"targets of shape \(rows, 3\) with outputs of shape"):
        zoo.train("lstm-addition", settings=["output_length=4"], output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(f"lstm-alphabet-{name}" for name in NAMES), "lstm-addition"])
def test_the_published_figures_are_reached(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (figure,) = reproduce(name).figures
    assert figure.passed, figure.values
