"""Networks with several inputs, made from the columns of one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.data import stream
from zoo.errors import InputError, SpecError

pytestmark = pytest.mark.backends

WORDS = ["good", "fine", "great", "bad", "poor", "awful"]


def spec(**changes: Any) -> zoo.ModelSpec:
    """A review's words and its number of stars, each an input of its own."""
    return zoo.ModelSpec(
        name="reviews",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[8]),
        input=zoo.Component(
            "tabular/inputs",
            parts={
                "numbers": {"uses": "columns", "columns": ["stars"], "scale": "standard"},
                "review": {"uses": "multi-hot", "words": 12},
            },
        ),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(
            loss="mse",
            optimizer=zoo.Component("adam", learning_rate=0.02),
            epochs=60,
            batch_size=32,
            target="y",
            **changes,
        ),
    )


def rows(count: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(5)
    made = []
    for _ in range(count):
        stars, words = draw.uniform(0, 5), draw.choice(WORDS, 3, replace=False)
        y = stars + sum(1.0 if word in WORDS[:3] else -1.0 for word in words)
        made.append({"stars": float(stars), "review": " ".join(words), "y": float(y)})
    return made


def frame_of(rows: list[dict[str, Any]]) -> zoo.Table:
    return zoo.Table.of(rows)


def test_each_input_is_learnt_from(tmp_path: Path) -> None:
    run = zoo.train(spec(validation=0.2), frame_of(rows(400)), seed=1, output=tmp_path / "run")
    assert run.metrics["validation"]["loss"] < 0.1

    model = zoo.load(run.path)
    assert model.preprocessor.shape == {"numbers": (1,), "review": (12,)}
    good, poor, bad, empty = model.predict(
        [
            {"stars": 3.0, "review": "good fine great"},
            {"stars": 3.0, "review": "bad poor awful"},
            {"stars": "many", "review": "good"},
            {"stars": 3.0, "review": ""},
        ]
    )
    assert good.value == pytest.approx(6.0, abs=0.6)
    assert poor.value == pytest.approx(0.0, abs=0.6)
    assert "column 'stars' holds 'many'" in bad.error.message
    assert "is empty, expected a text" in empty.error.message
    assert model.evaluate(frame_of(rows(50)), target="y")["loss"] < 0.1


def test_one_row_is_an_array_for_each_input(tmp_path: Path) -> None:
    run = zoo.train(spec(), frame_of(rows(50)), epochs=1, seed=1, output=tmp_path / "run")
    tensors = run.model.preprocessor.one({"stars": 2.0, "review": "bad"})
    assert {name: array.shape for name, array in tensors.items()} == {
        "numbers": (1,),
        "review": (12,),
    }
    batch = {name: array[None] for name, array in tensors.items()}
    outputs = run.model.outputs(batch)
    assert outputs[0, 0] == pytest.approx(
        run.model.predict([{"stars": 2.0, "review": "bad"}])[0].value, rel=1e-5
    )


def test_inputs_that_do_not_fit_the_network(tmp_path: Path) -> None:
    run = zoo.train(spec(), frame_of(rows(50)), epochs=1, seed=1, output=tmp_path / "run")
    numbers, review = np.zeros((3, 1)), np.zeros((3, 12))
    with pytest.raises(InputError, match=r"each of its inputs numbers, review; received numbers\Z"):
        run.model.outputs({"numbers": numbers})
    with pytest.raises(InputError, match=r"input 'review' takes an array of shape \(samples, 12\)"):
        run.model.outputs({"numbers": numbers, "review": numbers})
    with pytest.raises(InputError, match="same number of samples for each input"):
        run.model.outputs({"numbers": numbers, "review": review[:2]})
    with pytest.raises(InputError, match="received ndarray"):
        run.model.outputs(numbers)


def test_a_stream_of_several_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MIN_BYTES", 1000)
    path = tmp_path / "reviews.csv"
    lines = [f"{row['stars']},{row['review']},{row['y']}" for row in rows(1000)]
    path.write_text("stars,review,y\n" + "\n".join(lines) + "\n")
    run = zoo.train(spec(validation=0.2), path, epochs=20, seed=1, output=tmp_path / "run")
    assert run.metrics["validation"]["loss"] < 0.1


def test_parts_that_cannot_be(tmp_path: Path) -> None:
    def trained(parts: dict[str, Any]) -> None:
        import msgspec

        wrong = msgspec.structs.replace(spec(), input=zoo.Component("tabular/inputs", parts=parts))
        zoo.train(wrong, frame_of(rows(10)), output=tmp_path / "run")

    with pytest.raises(SpecError, match="at least two inputs, received numbers"):
        trained({"numbers": "columns"})
    with pytest.raises(SpecError, match="reference to code"):
        trained({"numbers": "columns", "review": "os:system"})
    with pytest.raises(SpecError, match="'columns' has no option 'column'"):
        trained({"numbers": {"uses": "columns", "column": 3}, "review": "multi-hot"})
    with pytest.raises(InputError, match="column 'text' is missing"):
        trained({"numbers": {"uses": "columns", "columns": ["stars"]}, "text": "multi-hot"})
