"""Keras's callbacks in a training: those that a recipe names, and objects of a program."""

from __future__ import annotations

import csv
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import keras
from zoo.errors import SpecError, TrainingError, UsageError
from zoo.spec.component import plain_name
from zoo.training import rows as rows_module
from zoo.training.callbacks import ALLOWED, INSTEAD
from zoo.tuning.work import Work

STEPS, EPOCHS = 4, 3


def spec(callbacks: Any = (), **recipe: Any) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="small",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(
            loss="mse", target="y", epochs=EPOCHS, batch_size=16, callbacks=callbacks, **recipe
        ),
    )


@pytest.fixture(scope="module")
def line() -> zoo.Table:
    x = np.random.default_rng(0).uniform(-1, 1, 60)
    return zoo.Table({"x": x.tolist(), "y": (2 * x).tolist()})


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each training took many steps in one call."""
    found: list[bool] = []
    before = rows_module.compile_steps

    def noted(*arguments: Any, **options: Any) -> Any:
        rows = before(*arguments, **options)
        found.append(rows is not None)
        return rows

    monkeypatch.setattr(rows_module, "compile_steps", noted)
    return found


def logger(name: str) -> zoo.Component:
    return zoo.Component("csv_logger", filename=name)


def test_a_log_lies_in_the_run_folder(line: zoo.Table, at_once: list[bool], tmp_path: Path) -> None:
    run = zoo.train(spec([logger("logs/log.csv")]), line, seed=1, output=tmp_path / "run")
    with (run.path / "logs/log.csv").open() as file:
        logged = [float(row["loss"]) for row in csv.DictReader(file)]
    assert logged == pytest.approx(run.history["loss"])
    assert at_once == [True]  # it acts after an epoch


def test_a_log_goes_on_in_a_resumed_training(line: zoo.Table, killed: Any, tmp_path: Path) -> None:
    def train(**options: Any) -> zoo.Run:
        return zoo.train(
            spec([logger("log.csv")]), line, seed=1, output=tmp_path / "run", **options
        )

    killed(1, train)
    train(resume=True)
    with (tmp_path / "run/log.csv").open() as file:
        epochs = [row["epoch"] for row in csv.DictReader(file)]
    assert epochs == ["0", "1", "1", "2"]  # the second epoch had no checkpoint


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        *((logger(name), "filename: must lie in the run folder, received")
          for name in ("../log.csv", "/tmp/log.csv", ".", "logs/../../log.csv")),
        *((logger(name), "filename: zoo itself writes")
          for name in ("history.csv", "Model.zoo", "fold-2/log.csv", "member/x", "./spec.toml")),
        (logger("a\0b"), "expected a name in the run folder"),
        (zoo.Component("csv_logger", filename=3), "expected a name in the run folder, received 3"),
        (zoo.Component("csv_logger"), "missing a required argument: 'filename'"),
        (zoo.Component("csv_logger", filname="x"), "no option 'filname'. Did you mean 'filename'"),
        (zoo.Component("tensor_board", log_dir=".."), "log_dir: must lie in the run folder"),
        ("terminate_on_na", "Keras has no callback 'terminate_on_na'. Did you mean"),
        ("early_stopping", "cannot be in a recipe; use training.early_stopping"),
        ("ReduceLROnPlateau", "use training.reduce_lr_on_plateau"),
        ("backup_and_restore", "use --resume"),
        ("remote_monitor", r"use it in Python, zoo.train\(..., callbacks=\[...\]\)"),
        ("callback", "Keras has no callback 'callback'"),
    ],
)  # fmt: skip
def test_a_recipe_of_a_stranger_writes_nowhere_else(
    callback: Any, text: str, line: zoo.Table, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=f"training.callbacks.*{text}"):
        zoo.train(spec([callback]), line, seed=1, output=tmp_path / "run")
    assert not list(tmp_path.rglob("*.csv"))


def test_a_link_in_the_run_folder_leads_nowhere_else(line: zoo.Table, tmp_path: Path) -> None:
    from zoo.training.callbacks import recipe_callbacks

    (tmp_path / "run").mkdir()
    (tmp_path / "run/logs").symlink_to(tmp_path)
    training = spec([logger("logs/log.csv")]).training
    assert training is not None
    with pytest.raises(SpecError, match="must lie in the run folder"):
        list(recipe_callbacks(training, tmp_path / "run", resumed=False))


def test_every_callback_of_keras_is_known() -> None:
    """One that is new is refused in a recipe, until somebody looks at what it does."""
    found = {
        plain_name(name)
        for name, value in vars(keras().callbacks).items()
        if inspect.isclass(value)
    }
    others = {"callback", "callbacklist", "lambdacallback", "remotemonitor", "monitorcallback"}
    assert found <= {*ALLOWED, *INSTEAD, *others}


@pytest.mark.backends
def test_a_training_ends_at_the_step_that_gives_no_number(
    line: zoo.Table, at_once: list[bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = spec(["terminate_on_nan"], optimizer=zoo.Component("sgd", learning_rate=1e30))
    run = zoo.train(recipe, line, seed=1, output=tmp_path / "run")
    assert len(run.history["loss"]) == 1
    assert at_once == [False]
    assert run.dead
    assert (run.path / "model.zoo").is_file()
    callback = counting()()
    zoo.train(recipe, line, seed=1, output=tmp_path / "counted", callbacks=[callback])
    assert callback.steps < STEPS
    assert capsys.readouterr().out == ""  # what Keras prints is no result


def counting() -> type[Any]:
    class Counting(keras().callbacks.Callback):  # type: ignore[misc]
        """Counts steps and epochs, and keeps the count when a training is resumed."""

        def __init__(self) -> None:
            super().__init__()
            self.steps, self.epochs, self.networks = 0, [], []

        def on_train_begin(self, logs: Any = None) -> None:
            self.networks.append([layer.name for layer in self.model.layers])

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs.append(epoch)
            logs["steps"] = self.steps
            if epoch == 1:
                logs["once"] = 7.0

        def state(self) -> dict[str, Any]:
            return {"steps": self.steps}

        def restore(self, state: dict[str, Any]) -> None:
            self.steps = state["steps"]

    return Counting


@pytest.mark.backends
def test_an_object_hears_of_each_step_and_logs_what_it_likes(
    line: zoo.Table, at_once: list[bool], tmp_path: Path
) -> None:
    callback = counting()()
    run = zoo.train(spec(), line, seed=1, output=tmp_path / "run", callbacks=[callback])
    plain = zoo.train(spec(), line, seed=1, output=tmp_path / "plain")
    assert callback.steps == STEPS * EPOCHS
    assert at_once == [False, True]
    assert run.history["steps"] == [4.0, 8.0, 12.0]
    assert np.array_equal(run.history["once"], [np.nan, 7.0, np.nan], equal_nan=True)
    assert run.history["loss"] == pytest.approx(plain.history["loss"], rel=1e-5)
    assert zoo.Run.read(run.path).history["steps"] == [4.0, 8.0, 12.0]


def test_a_callback_keeps_its_state(line: zoo.Table, killed: Any, tmp_path: Path) -> None:
    def train(**options: Any) -> zoo.Run:
        return zoo.train(
            spec(), line, seed=1, output=tmp_path / "run", callbacks=[counting()()], **options
        )

    killed(1, train)
    assert train(resume=True).history["steps"] == [4.0, 8.0, 12.0]


@pytest.mark.parametrize(
    "method", ["on_epoch_begin", "on_train_batch_end", "on_train_end", "state"]
)
def test_a_callback_that_fails_is_named(method: str, line: zoo.Table, tmp_path: Path) -> None:
    def fail(*_: Any, **__: Any) -> None:
        msg = "no luck"
        raise RuntimeError(msg)

    broken = type("Broken", (counting(),), {method: fail})()
    with pytest.raises(TrainingError, match=f"Broken failed in {method}, RuntimeError: no luck"):
        zoo.train(spec(), line, seed=1, output=tmp_path / "run", callbacks=[broken])


def test_what_is_no_callback_is_said(line: zoo.Table, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"objects of keras\.callbacks\.Callback, received <class"):
        zoo.train(spec(), line, output=tmp_path / "run", callbacks=[counting()])


def test_folds_and_updates_call_an_object_too(line: zoo.Table, tmp_path: Path) -> None:
    callback = counting()()
    run = zoo.train(
        spec(), line, folds=2, epochs=1, seed=1, output=tmp_path / "run", callbacks=[callback]
    )
    assert callback.epochs == [0] * 3
    zoo.retrain(run.path, line, epochs=2, seed=1, output=tmp_path / "new", callbacks=[callback])
    assert callback.epochs == [0] * 3 + [0, 1]


def test_a_tuning_leaves_no_callback_out(line: zoo.Table) -> None:
    """Side by side, nothing would call them."""
    from zoo.inference.model import Model
    from zoo.inference.rows import load_data

    for callback, problem in (
        (logger("log.csv"), "this training has none"),
        ("terminate_on_nan", ""),
    ):
        small = spec([callback])
        assert small.training is not None
        rows = load_data(Model(small, weights=None).preprocessor, small.training, line, None)
        work = Work(small, rows["train"], 2, (1,))
        [group] = work.groups([{"epochs": 1}])
        assert not group.vectorized
        [result] = work.solve(group)
        assert problem in (result.problem or "")
        assert bool(result.problem) == bool(problem)


def test_an_object_sees_all_of_a_network_for_photos(shapes: Path, tmp_path: Path) -> None:
    """Without it, the frozen layers are computed once, and the rest is trained alone."""
    callback = counting()()
    photos = zoo.ModelSpec(
        name="photos",
        task="image-classification",
        architecture=zoo.Component("vision/cnn", filters=[2]),
        input=zoo.Component("vision/image", size=8, mode="unit"),
        output=zoo.Component("vision/classes"),
        training=zoo.Training(
            loss="sparse_categorical_crossentropy", freeze=("convolution*",), epochs=1
        ),
    )
    run = zoo.train(photos, shapes, seed=1, output=tmp_path / "run", callbacks=[callback])
    assert callback.networks == [[layer.name for layer in run.model.keras.layers]]
