"""Training that carries a recurrent network's state from batch to batch."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiers import slow

import zoo
from zoo.backend.carry import carry_state, expose_states
from zoo.backend.choose import keras
from zoo.errors import TrainingError

pytestmark = pytest.mark.backends

STILL = "optimizer={uses='sgd', learning_rate=0.0}"


def opened(rows: int, cell: str = "lstm") -> tuple[Any, Any]:
    """Return a network through which its states pass, and one that carries them."""
    spec = zoo.ModelSpec(
        name="numbers",
        task="sequence-prediction",
        architecture=zoo.Component("sequence/recurrent", widths=[6, 5], cell=cell),
        input=zoo.Component("sequence/letters"),
        output=zoo.Component("sequence/classes", labels=["a", "b", "c"]),
    )
    model = zoo.Model(spec, weights=None)
    draw = np.random.default_rng(4)  # the same weights on every backend
    for variable in model.keras.weights:
        variable.assign(draw.normal(0.0, 1.5, variable.shape))
    network = expose_states(model.keras, model.architecture(states=True), ())
    return network, carry_state(network, rows)


@pytest.mark.parametrize(
    "cell",
    [
        "lstm",
        slow("gru"),
        slow("simple"),
    ],
)
def test_batches_go_on_where_the_last_one_ended(cell: str) -> None:
    """Plain Keras measures the loss of the first batch twice where a state is dropped."""
    network, carried = opened(2, cell)
    carried.compile(loss="mse", optimizer="sgd")
    x = np.random.default_rng(0).uniform(0, 1, (6, 2, 1)).astype("float32")
    y = np.zeros((6, 3), "float32")
    tensor_of = keras().ops.convert_to_tensor

    states = {
        name: tensor_of(np.zeros((2, *tensor.shape[1:]), "float32"))
        for name, tensor in network.input.items() if name != "input"
    }  # fmt: skip
    losses, fresh = [], []
    convert = keras().ops.convert_to_numpy
    for batch in np.split(x, 3):
        found = network({"input": tensor_of(batch), **states})
        losses.append(np.square(convert(found["output"])).mean())
        states = {name: found[name] for name in states}
        zeros = {name: keras().ops.zeros_like(state) for name, state in states.items()}
        alone = network({"input": tensor_of(batch), **zeros})
        fresh.append(np.square(convert(alone["output"])).mean())
    for _ in range(2):  # every measurement begins from zero
        assert carried.evaluate(x, y, verbose=0) == pytest.approx(np.mean(losses), rel=1e-5)
    assert np.mean(losses) != pytest.approx(np.mean(fresh), rel=1e-3)


def test_every_epoch_begins_from_zero(tmp_path: Path) -> None:
    """Without learning all epochs are alike, and are what is measured in the end."""
    run = zoo.train(
        "lstm-alphabet-stateful", epochs=3, seed=1, settings=[STILL], output=tmp_path / "run"
    )
    loss = run.metrics["train"]["loss"]
    assert run.history["loss"] == pytest.approx([loss] * 3, rel=1e-5)

    cold = zoo.train(
        "lstm-alphabet-stateful", epochs=1, seed=1, settings=[STILL, "carry_state=false"],
        output=tmp_path / "cold",
    )  # fmt: skip
    assert cold.history["loss"][0] != pytest.approx(loss, rel=1e-5)


def test_several_rows_are_several_sequences(tmp_path: Path) -> None:
    """Two sequences side by side: row i of a batch goes on in row i of the next."""
    run = zoo.train(
        "lstm-alphabet-stateful", ["ACEGIKMOQSUWY", "BDFHJLNPRTVXZ"], epochs=2, seed=1,
        settings=[STILL, "batch_size=2"], output=tmp_path / "run",
    )  # fmt: skip
    session = run.model.session(2)
    pieces = [
        (a, b) for text in ("ACEGIKMOQSUWY", "BDFHJLNPRTVXZ") for a, b in itertools.pairwise(text)
    ]
    losses = []
    for (first, truth), (second, other) in zip(pieces[::2], pieces[1::2], strict=True):
        results = session.step([first, second])
        losses += [
            -np.log(results[0].probabilities[truth]),
            -np.log(results[1].probabilities[other]),
        ]
    assert run.metrics["train"]["loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert run.model.evaluate(["ACEGIKMOQSUWY", "BDFHJLNPRTVXZ"])["loss"] == pytest.approx(
        run.metrics["train"]["loss"], rel=1e-5
    )


def test_the_bundle_knows_its_states(tmp_path: Path) -> None:
    run = zoo.train(
        "lstm-alphabet-stateful", epochs=1, seed=1, settings=["widths=7,3"],
        output=tmp_path / "run",
    )  # fmt: skip
    names = [(state.name, state.shape, state.dtype) for state in zoo.load(run.path).spec.state]
    assert names == [
        ("lstm_1_h", (7,), "float32"), ("lstm_1_c", (7,), "float32"),
        ("lstm_2_h", (3,), "float32"), ("lstm_2_c", (3,), "float32"),
    ]  # fmt: skip


def test_a_killed_training_goes_on(tmp_path: Path, killed: Any) -> None:
    def train(folder: str, **more: Any) -> zoo.Run:
        return zoo.train("lstm-alphabet-stateful", epochs=4, output=tmp_path / folder, **more)

    whole = train("whole", seed=2)
    killed(2, lambda: train("killed", seed=2))
    assert train("killed", resume=True).history == whole.history


@pytest.mark.parametrize(
    ("setting", "text"),
    [("shuffle=true", "set shuffle = false"), ("batch_size=4", "25 rows are not a multiple")],
)
def test_rows_that_cannot_go_on(setting: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=text):
        zoo.train("lstm-alphabet-stateful", settings=[setting], output=tmp_path / "run")


def test_rows_to_measure_that_cannot_go_on(tmp_path: Path) -> None:
    """Held-out and evaluated rows come in whole batches too; any other number is said clearly."""
    run = zoo.train(
        "lstm-alphabet-stateful", epochs=1, seed=1, settings=["batch_size=5"],
        output=tmp_path / "run",
    )  # fmt: skip
    with pytest.raises(TrainingError, match="2 rows are not a multiple of batch_size 5"):
        run.model.evaluate(["ABC"])
    settings = ["batch_size=5", "validation={held=7, order='last'}"]
    with pytest.raises(TrainingError, match="rows are not a multiple of batch_size 5"):
        zoo.train("lstm-alphabet-stateful", settings=settings, output=tmp_path / "held")


def test_measuring_freezes_nothing(tmp_path: Path) -> None:
    run = zoo.train(
        "lstm-alphabet-steps", epochs=1, seed=1, settings=["freeze=lstm_*"],
        output=tmp_path / "run",
    )  # fmt: skip
    model = run.model
    model.evaluate()
    assert all(layer.trainable for layer in model.keras.layers)


def test_the_start_does_not_depend_on_whether_the_state_is_declared(tmp_path: Path) -> None:
    """A spec that leaves its states open begins from the same weights of the same seed."""
    import msgspec

    declared = zoo.get_spec("lstm-alphabet-steps")
    opened = msgspec.structs.replace(declared, state=())
    losses = [
        zoo.train(spec, epochs=1, seed=1, output=tmp_path / name).history["loss"]
        for name, spec in (("declared", declared), ("open", opened))
    ]
    assert losses[0] == losses[1]
