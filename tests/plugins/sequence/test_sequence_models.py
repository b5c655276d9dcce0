"""The six models of the alphabet, and their common architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiers import slow

import zoo
from zoo.backend.choose import keras
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


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_published_figures_are_reached(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (figure,) = reproduce(f"lstm-alphabet-{name}").figures
    assert figure.passed, figure.values
