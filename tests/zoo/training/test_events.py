"""What plugins hear of trainings: each starts once, and is finished or has failed once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import keras
from zoo.errors import TrainingError, ZooError
from zoo.inference.model import Model
from zoo.inference.rows import load_data
from zoo.registry.loading import Plugin
from zoo.registry.registry import registry
from zoo.tuning.work import Group, Work

Heard = list[tuple[Any, ...]]


def spec(**recipe: Any) -> zoo.ModelSpec:
    return zoo.ModelSpec(
        name="small",
        task="tabular-regression",
        architecture=zoo.Component("tabular/mlp", hidden=[4]),
        input=zoo.Component("tabular/columns"),
        output=zoo.Component("tabular/value"),
        training=zoo.Training(
            loss="mse", target="y", epochs=2, batch_size=8, metrics=("mae",), **recipe
        ),
    )


@pytest.fixture(scope="module")
def line() -> zoo.Table:
    x = np.random.default_rng(0).uniform(-1, 1, 45)
    return zoo.Table({"x": x.tolist(), "y": (2 * x).tolist()})


def listen(name: str, **functions: Any) -> None:
    module = ModuleType(name)
    module.__file__ = __file__
    for event, function in functions.items():
        setattr(module, event, zoo.hookimpl(function))
    registry().add_plugin(Plugin(name, name), module)


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What a plugin hears: the event, which run, and what came with it."""
    registry.cache_clear()
    told: Heard = []

    def training_started(run: Any) -> None:
        told.append(("started", run, run.path and run.path.name))

    def epoch_ended(run: Any, epoch: int, logs: Any) -> None:
        told.append((epoch, run, dict(logs)))
        assert all(run.history[name][-1] == value for name, value in logs.items())

    def training_finished(run: Any) -> None:
        whole = run.path is not None and (run.path / "model.zoo").is_file()
        told.append(("finished", run, whole))

    def training_failed(run: Any, error: BaseException) -> None:
        told.append(("failed", run, error))

    listen(
        "listener", training_started=training_started, epoch_ended=epoch_ended,
        training_finished=training_finished, training_failed=training_failed,
    )  # fmt: skip
    yield told
    registry.cache_clear()


def names(heard: Heard) -> list[Any]:
    return [event for event, *_ in heard]


def by_run(heard: Heard) -> dict[str, list[Any]]:
    """Return the events of each run, in order, by its id."""
    found: dict[str, list[Any]] = {}
    for event, run, _ in heard:
        found.setdefault(run.environment["id"], []).append(event)
    return found


WHOLE = ["started", 0, 1, "finished"]


def test_each_fold_and_the_training_on_all_rows(
    heard: Heard, line: zoo.Table, tmp_path: Path
) -> None:
    run = zoo.train(spec(), line, folds=2, seed=1, output=tmp_path / "run")
    assert names(heard) == WHOLE * 3
    assert len(by_run(heard)) == 3
    assert [told for event, _, told in heard if event == "started"] == ["fold-1", "fold-2", "run"]
    assert all(told for event, _, told in heard if event == "finished")
    heard.clear()
    zoo.train(spec(), line, folds=2, seed=1, output=tmp_path / "run", resume=True)
    assert heard == []  # it was finished
    zoo.retrain(run.path, line, epochs=2, seed=1, output=tmp_path / "update")
    assert names(heard) == WHOLE
    heard.clear()
    zoo.retrain(run.path, line, ensemble=True, epochs=2, seed=1, output=tmp_path / "both")
    assert names(heard) == WHOLE
    assert heard[0][2] == "member"


def test_a_resumed_training(heard: Heard, line: zoo.Table, killed: Any, tmp_path: Path) -> None:
    def train(**options: Any) -> zoo.Run:
        return zoo.train(spec(), line, seed=1, output=tmp_path / "run", **options)

    killed(1, train)
    assert heard == []  # the fixture kills it in place of the events
    train(resume=True)
    assert names(heard) == ["started", 1, "finished"]


def failing(error: BaseException) -> Any:
    class Failing(keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise error

    return Failing()


@pytest.mark.parametrize("error", [ValueError("no luck"), KeyboardInterrupt()])
def test_a_training_that_fails(
    error: BaseException, heard: Heard, line: zoo.Table, tmp_path: Path
) -> None:
    with pytest.raises((TrainingError, KeyboardInterrupt)) as caught:
        zoo.train(spec(), line, seed=1, output=tmp_path / "run", callbacks=[failing(error)])
    assert names(heard) == ["started", 0, "failed"]
    assert heard[-1][2] is caught.value
    assert heard[-1][1] is heard[0][1]


@pytest.mark.parametrize("strict", [False, True])
def test_a_plugin_that_fails_hides_no_error(
    strict: bool, heard: Heard, line: zoo.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def broken(run: Any) -> None:
        msg = "the tracker is down"
        raise RuntimeError(msg)

    listen("broken", training_failed=broken)
    if strict:
        monkeypatch.setenv("ZOO_STRICT", "1")
    with pytest.raises(TrainingError, match="no luck") as caught:
        zoo.train(
            spec(),
            line,
            seed=1,
            output=tmp_path / "run",
            callbacks=[failing(ValueError("no luck"))],
        )
    said = capsys.readouterr().err + "".join(getattr(caught.value, "__notes__", []))
    assert "training_failed failed, RuntimeError: the tracker is down" in said
    assert names(heard) == ["started", 0, "failed"]


def test_a_training_that_cannot_start(heard: Heard, line: zoo.Table, tmp_path: Path) -> None:
    for settings in (["optimizer=adm"], ["target=z"], ["callbacks=history"]):
        with pytest.raises(ZooError):
            zoo.train(spec(), line, seed=1, output=tmp_path / "run", settings=settings)
    assert heard == []


def test_a_figure_that_is_not_measured_fails_the_training(
    heard: Heard, line: zoo.Table, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="'val_loss' is not measured"):
        zoo.train(
            spec(early_stopping=zoo.EarlyStopping(patience=1)), line, seed=1, output=tmp_path / "r"
        )
    assert names(heard) == ["started", 0, "failed"]


def work(line: zoo.Table, **recipe: Any) -> Work:
    small = spec(**recipe)
    assert small.training is not None
    rows = load_data(Model(small, weights=None).preprocessor, small.training, line, None)
    return Work(small, rows["train"], 2, (1,))


def test_candidates_one_by_one_and_side_by_side(heard: Heard, line: zoo.Table) -> None:
    """The same events, with the same figures; no folder exists for any of them."""
    here = work(line)
    configurations = [
        {"learning_rate": 0.01, "epochs": 1}, {"learning_rate": 0.01, "epochs": 2},
        {"learning_rate": 0.1, "epochs": 3},
    ]  # fmt: skip
    [group] = here.groups(configurations)
    assert group.vectorized
    assert len(list(here.solve(group))) == 3
    together = list(heard)
    heard.clear()
    # Those that differ in their epochs alone are one training: the longest.
    alone = Group(tuple(configurations[1:]))
    assert len(list(here.solve(alone))) == 2
    ends = {2: WHOLE, 3: ["started", 0, 1, 2, "finished"]}
    for told in (together, heard):
        assert sorted(by_run(told).values(), key=len) == [ends[2], ends[2], ends[3], ends[3]]
        assert all(run.path is None for _, run, _ in told)

    def logs(told: Heard) -> Any:
        """Return the logs by rate, epoch and place of the fold."""
        found: dict[Any, list[Any]] = {}
        for event, run, values in told:
            if isinstance(event, int):
                rate = run.spec.training.optimizer.config["learning_rate"]
                found.setdefault((rate, event), []).append(values)
        return found

    one, other = logs(together), logs(heard)
    assert one.keys() == other.keys()
    for key, mine in one.items():
        for values, its in zip(mine, other[key], strict=True):
            assert values == pytest.approx(its, abs=1e-5)
    for run in (run for event, run, _ in together if event == "finished"):
        assert run.metrics["validation"]["loss"] == pytest.approx(run.history["val_loss"][-1])
        assert run.spec.training.epochs == len(run.history["loss"])


def test_candidates_that_are_pruned_or_fail_side_by_side(
    heard: Heard, line: zoo.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = work(line)
    [group] = here.groups([{"epochs": 4}])
    [result] = here.solve(group, lambda step, figures: step == 2)
    assert result.epochs == 2
    assert set(map(str, by_run(heard).values())) == {str(WHOLE)}
    assert all(run.environment["pruned"] for _, run, _ in heard)
    heard.clear()
    from zoo.tuning.vectorized import VectorizedTrials

    def fail(self: Any, *_: Any) -> None:
        msg = "out of memory"
        raise MemoryError(msg)

    monkeypatch.setattr(VectorizedTrials, "measure", fail)
    with pytest.raises(MemoryError):
        list(here.solve(group))
    assert set(map(str, by_run(heard).values())) == {str(["started", "failed"])}


def test_an_estimator_writes_nothing_and_is_heard(heard: Heard, line: zoo.Table) -> None:
    from zoo.sklearn import ZooRegressor

    x, y = np.array(line.columns["x"]).reshape(-1, 1), np.array(line.columns["y"])
    rate = {"uses": "cosine_decay", "initial_learning_rate": 0.1}
    ZooRegressor(spec(), seed=1, learning_rate=rate, callbacks=["terminate_on_nan"]).fit(x, y)
    assert names(heard) == WHOLE
    assert heard[0][1].path is None
