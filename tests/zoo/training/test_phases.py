"""A second phase of training, and half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import keras
from zoo.errors import SpecError
from zoo.runs.run import CHECKPOINT
from zoo.spec.component import Component
from zoo.spec.model import Unfreezing
from zoo.spec.watch import EarlyStopping, ReduceLROnPlateau


@pytest.fixture
def train(shapes: Path, tmp_path: Path) -> Any:
    runs: list[Path] = []

    def run(output: Path | None = None, resume: bool = False, **recipe: Any) -> zoo.Run:
        runs.append(output or tmp_path / f"run-{len(runs)}")
        options = {
            "loss": "sparse_categorical_crossentropy", "epochs": 2, "batch_size": 8,
            "validation": 0.25, "freeze": ("convolution*",), **recipe,
        }  # fmt: skip
        spec = zoo.ModelSpec(
            name="shapes", task="image-classification",
            architecture=Component("vision/cnn", filters=[3, 4]),
            input=Component("vision/image", size=12, mode="unit"),
            output=Component("vision/classes"), training=zoo.Training(**options),
        )  # fmt: skip
        return zoo.train(spec, shapes, seed=1, output=runs[-1], resume=resume)

    return run


LATER = Unfreezing(epochs=2, learning_rate=0.01)


def weights(run: zoo.Run) -> dict[str, Any]:
    return {v.path.partition("/")[0]: np.asarray(v) for v in run.model.keras.weights}


def changed(run: zoo.Run, other: zoo.Run) -> set[str]:
    """Return the layers whose weights differ."""
    one, two = weights(run), weights(other)
    return {name for name in one if not np.array_equal(one[name], two[name])}


@pytest.mark.backends
def test_the_second_phase_trains_what_was_frozen(train: Any) -> None:
    first = train()
    both = train(unfreeze=LATER)
    assert len(both.history["loss"]) == 4
    assert both.history["loss"][:2] == first.history["loss"]
    layers = set(weights(first))
    assert changed(first, both) == layers
    one = train(unfreeze=Unfreezing(epochs=1, learning_rate=0.01, layers=("*_2", "head")))
    assert len(layers - changed(first, one)) == 1
    with pytest.raises(SpecError, match=r"unfreeze\.layers: no layer matches none"):
        train(unfreeze=Unfreezing(epochs=1, learning_rate=0.01, layers=("none",)))


@pytest.mark.backends
@pytest.mark.parametrize(("epoch", "patience"), [(1, None), (2, None), (3, None), (2, 1)])
def test_a_killed_training_resumes_in_its_phase(
    epoch: int, patience: int | None, train: Any, killed: Any, tmp_path: Path
) -> None:
    rule = EarlyStopping(patience=patience, min_delta=10.0) if patience else None
    recipe = {"epochs": 5 if rule else 2, "early_stopping": rule, "unfreeze": LATER}
    whole = train(**recipe)
    killed(epoch, lambda: train(tmp_path / "killed", **recipe))
    assert (tmp_path / "killed" / CHECKPOINT).is_file()
    resumed = train(tmp_path / "killed", resume=True, **recipe)
    assert resumed.history == whole.history
    assert not changed(resumed, whole)


def test_early_stopping_ends_a_phase(train: Any) -> None:
    """The best epoch of all phases counts."""
    rule = EarlyStopping(patience=1, min_delta=10.0)  # no epoch but the first is better
    run = train(epochs=5, early_stopping=rule, unfreeze=LATER)
    assert len(run.history["loss"]) == 3  # two of the first phase and one of the second
    assert run.metrics["best_epoch"]["epoch"] == 1


def test_rates_and_callbacks_of_two_phases(train: Any) -> None:
    """A schedule is that of the first phase; a file of a callback has the epochs of both."""
    schedule = {"uses": "cosine_decay", "initial_learning_rate": 0.01}
    run = train(
        optimizer=Component("sgd", learning_rate=schedule), unfreeze=LATER,
        callbacks=(Component("csv_logger", filename="log.csv"),),
    )  # fmt: skip
    lines = (run.path / "log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["epoch", "0", "1", "2", "3"]
    lowered = train(
        reduce_lr_on_plateau=ReduceLROnPlateau(patience=1, min_delta=10.0, factor=0.5),
        optimizer=Component("sgd", learning_rate=0.4), epochs=4, unfreeze=LATER,
    )  # fmt: skip
    rates = lowered.history["learning_rate"]
    assert rates == pytest.approx([0.4, 0.4, 0.2, 0.1, 0.01, 0.01])


def test_an_update_has_one_phase(train: Any, shapes: Path, tmp_path: Path) -> None:
    run = train(unfreeze=LATER)
    updated = zoo.retrain(run.path, shapes, output=tmp_path / "updated")
    assert updated.spec.training.unfreeze is None
    assert len(updated.history["loss"]) == 2


def test_normalization_stays_frozen(shapes: Path, tmp_path: Path) -> None:
    from zoo.backend.network import freeze, unfreeze

    layers = keras().layers
    inner = keras().Sequential([keras().Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    network = keras().Sequential([keras().Input((4,)), inner, layers.Dense(1, name="head")])
    freeze(network, ("*",))
    unfreeze(network, ("*",))
    names = [variable.path.split("/")[-1] for variable in network.trainable_weights]
    assert names == ["kernel", "bias", "kernel", "bias"]


@pytest.mark.backends
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(precision: str, train: Any) -> None:
    """It trains near to what single precision trains, and the model answers in that."""
    before = keras().config.dtype_policy().name
    single, half = train(freeze=()), train(freeze=(), precision=precision)
    assert keras().config.dtype_policy().name == before
    assert half.history["loss"] != single.history["loss"]
    np.testing.assert_allclose(half.history["loss"], single.history["loss"], rtol=0.05)
    assert {variable.dtype for variable in half.model.keras.weights} == {"float32"}
    assert {layer.compute_dtype for layer in half.model.keras.layers} == {"float32"}
