"""Tuning in Python: configurations trained together give what each gives alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

import zoo
from zoo.data.datasets import load_dataset
from zoo.errors import SpecError, TrainingError, UsageError
from zoo.registry.registry import get_spec, registry
from zoo.tuning import work as work_module
from zoo.tuning.work import Group, Work

BACKEND = os.environ.get("KERAS_BACKEND", "jax")
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="trained together on JAX only")
GRID = {"epochs": [1, 2], "kernel_initializer": ["glorot_uniform", "random_normal"]}


def work(seeds: tuple[int, ...] = (3,), folds: int = 2, name: str = "mlp-pima") -> Work:
    spec = get_spec(name)
    assert spec.training is not None
    assert spec.training.dataset is not None
    rows = load_dataset(registry().datasets.find(spec.training.dataset))["train"]
    return Work(spec, rows, folds, seeds)


@pytest.mark.slow
def test_a_leaderboard_and_a_run_of_the_best(tmp_path: Path) -> None:
    tuning = zoo.tune("mlp-pima", GRID, folds=2, seed=3, output=tmp_path / "t",
                      settings=["batch_size=64", "scale=standard"])  # fmt: skip
    assert tuning.metric == "accuracy"
    assert len(tuning.results) == 4
    means = [result.mean("accuracy") for result in tuning.results]
    assert means == sorted(means, reverse=True)
    best = tuning.best.settings
    assert tuning.run.path == tmp_path / "t" / "best"
    assert tuning.run.spec.training.epochs == best["epochs"]
    assert tuning.run.spec.architecture.config["kernel_initializer"] == best["kernel_initializer"]
    assert tuning.run.spec.input.config["scale"] == "standard"
    again = zoo.train(tuning.run.spec, seed=3, output=tmp_path / "again")  # on all training rows
    assert again.metrics == tuning.run.metrics


@on_jax
def test_what_shares_a_shape_is_one_piece_of_work() -> None:
    mixed = [
        {"epochs": epochs, "learning_rate": rate, "hidden": hidden}
        for hidden in ([4], [8])
        for rate in (0.1, 0.01)
        for epochs in (1, 3)
    ]
    groups = work().groups(mixed)
    assert [len(group.configurations) for group in groups] == [4, 4]
    assert all(group.vectorized for group in groups)
    phases = {"unfreeze": {"epochs": 1, "learning_rate": 0.01}}
    apart = [{"early_stopping": {"patience": 2}}, phases, {"epochs": 2}]
    alone = work().groups(apart)
    assert [(len(group.configurations), group.vectorized) for group in alone] == [
        (1, True),
        (1, False),
        (1, False),
    ]


@on_jax
def test_pieces_of_work_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed loses what is in flight: not everything."""
    monkeypatch.setattr(work_module, "MAX_TRIALS", 4)
    rates = [{"learning_rate": rate, "epochs": 1} for rate in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert [len(group.configurations) for group in work().groups(rates)] == [2, 2, 1]
    monkeypatch.setattr(work_module, "BYTES", 100)
    assert not any(group.vectorized for group in work().groups(rates))


@on_jax
@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp-pima", "mlp-boston"])
def test_together_is_as_alone(name: str) -> None:
    """Whoever compares two leaderboards compares models, not ways of training them."""
    settings = {"batch_size": 64, "epochs": 2}
    configurations = [{**settings, "learning_rate": rate} for rate in (0.001, 0.01)]
    here = work((3, 1), 3, name)
    [group] = here.groups(configurations)
    assert group.vectorized
    for result in here.solve(group):
        [other] = here.solve(Group((result.settings,)))
        for figure, values in result.figures.items():
            assert len(values) == 6
            assert values == pytest.approx(other.figures[figure], rel=1e-5, abs=1e-5)


@on_jax
@pytest.mark.parametrize(("rows", "vectorized"), [(40, True), (49, False)])
def test_a_schedule_ends_where_the_training_of_a_fold_ends(rows: int, vectorized: bool) -> None:
    """Its steps are a constant of the program, and depend on the epochs and the rows of a fold."""
    here = work()
    here.rows = here.rows.take(range(rows))
    rate = {"uses": "cosine_decay", "initial_learning_rate": 0.1}
    both = [{"learning_rate": rate, "batch_size": 8, "epochs": epochs} for epochs in (1, 3)]
    groups = here.groups(both)
    assert [(len(group.configurations), group.vectorized) for group in groups] == [
        (1, vectorized)
    ] * 2
    for group in groups:
        [found] = here.solve(group)
        [alone] = here.solve(Group(group.configurations))
        for figure, values in found.figures.items():
            assert values == pytest.approx(alone.figures[figure], rel=1e-5, abs=1e-5)


def test_one_bad_configuration_does_not_end_the_others() -> None:
    here = work()
    settings = {"epochs": 1, "batch_size": 256}
    bad = {**settings, "early_stopping": {"patience": 1, "monitor": "nosuch"}}
    results = [r for group in here.groups([bad, settings]) for r in here.solve(group)]
    states = {json.dumps(result.settings): result.state for result in results}
    assert states[json.dumps(bad)] == "failed"
    assert states[json.dumps(settings)] == "finished"
    [problem] = [result.problem for result in results if result.problem]
    assert "'nosuch' is not measured" in problem


def test_nothing_that_can_be_trained(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no configuration could be trained: .*'nosuch'"):
        zoo.tune("mlp-pima", {"epochs": [1]}, folds=2, output=tmp_path / "t",
                 settings=["early_stopping={patience=1, monitor='nosuch'}"])  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"grid": {"epoch": [1]}}, UsageError, "no such field. Did you mean 'epochs'"),
        ({"grid": {"epochs": [1, "x"]}}, SpecError, "epochs.*received 'x'"),
        ({"grid": {"epochs": [1]}, "random": 2, "optuna": 2}, UsageError, "not both"),
        ({"grid": {"epochs": [1]}, "folds": 1}, UsageError, "at least 2, received 1"),
        ({"grid": {"epochs": [1]}, "engine": "slurm"}, UsageError, "local, ray, received 'slurm'"),
        ({"grid": {"epochs": [1]}, "folds": 5000}, TrainingError, "5000 folds need"),
    ],
)
def test_wrong_usage_is_said_before_any_work(
    arguments: dict[str, Any], error: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=text):
        zoo.tune("mlp-pima", output=tmp_path / "t", **arguments)
    assert not (tmp_path / "t").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(UsageError, match=r"is not an empty folder|holds no tuning"):
            zoo.tune("mlp-pima", GRID, output=tmp_path, resume=resume)


def test_a_random_seed_is_kept_when_a_tuning_goes_on(tmp_path: Path) -> None:
    spec = get_spec("mlp-pima")
    assert spec.training is not None
    training = msgspec.structs.replace(spec.training, picked_seed={})
    spec = msgspec.structs.replace(spec, training=training)
    arguments: dict[str, Any] = {
        "folds": 2,
        "output": tmp_path / "t",
        "settings": ["batch_size=256"],
    }
    tuning = zoo.tune(spec, {"epochs": [1]}, **arguments)
    again = zoo.tune(spec, {"epochs": [1]}, resume=True, **arguments)
    assert again.results == tuning.results
    assert again.run.seed == tuning.run.seed


def test_optuna_draws_from_ranges_and_learns_from_what_is_there(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    grid = {"learning_rate": "0.0001..1.0:log", "epochs": [2, 3]}
    arguments: dict[str, Any] = {
        "folds": 2, "seed": 3, "output": tmp_path / "t",
        "settings": ["scale=standard", "batch_size=128"],
    }  # fmt: skip
    tuning = zoo.tune("mlp-pima", grid, optuna=5, **arguments)
    more = zoo.tune("mlp-pima", grid, optuna=7, resume=True, **arguments)
    assert len(more.results) == 7
    assert set(map(repr, tuning.results)) < set(map(repr, more.results))
    for result in more.results:
        assert 0.0001 <= result.settings["learning_rate"] <= 1.0
        assert result.settings["epochs"] in (2, 3)
    states = [result.state for result in more.results]
    assert states == sorted(states)  # those given up come last
    means = [result.mean("accuracy") for result in more.results if result.state == "finished"]
    assert means == sorted(means, reverse=True)


def test_the_best_of_more_results_is_trained_anew(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    arguments: dict[str, Any] = {
        "folds": 2, "seed": 3, "output": tmp_path / "t", "mode": "min",
        "settings": ["scale=standard", "batch_size=256"],
    }  # fmt: skip
    grid = {"hidden": [[1], [2], [3], [4]], "epochs": [1]}
    runs = []
    for count in (1, 4):
        tuning = zoo.tune("mlp-pima", grid, optuna=count, resume=count > 1, **arguments)
        assert tuning.run.spec.architecture.config["hidden"] == tuning.best.settings["hidden"]
        runs.append(tuning.run.spec.architecture.config["hidden"])
    means = [result.mean("accuracy") for result in tuning.results]
    assert means == sorted(means)


def test_more_recall_is_better(tmp_path: Path) -> None:
    tuning = zoo.tune(
        "mlp-pima", {"learning_rate": [0.1, 0.0001]}, folds=2, seed=1, output=tmp_path / "t",
        metric="recall", settings=["metrics=['Recall', 'AUC']", "epochs=3", "batch_size=256"],
    )  # fmt: skip
    means = [result.mean("recall") for result in tuning.results]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[1]


def test_which_way_a_metric_is_better_has_to_be_known(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "folds": 2, "seed": 1, "output": tmp_path / "t", "metric": "true_positives",
        "settings": ["metrics=['TruePositives']", "epochs=1", "batch_size=256"],
    }  # fmt: skip
    with pytest.raises(UsageError, match="higher or lower 'true_positives'"):
        zoo.tune("mlp-pima", {"hidden": [[2]]}, **arguments)
    assert not (tmp_path / "t").exists()
    zoo.tune("mlp-pima", {"hidden": [[2]]}, mode="max", **arguments)
    kept = json.loads((tmp_path / "t" / "tune.json").read_text())
    assert (kept["metric"], kept["mode"]) == ("true_positives", "max")
    zoo.tune("mlp-pima", {"hidden": [[2]]}, resume=True, **arguments)  # it was said once


def test_numbers_are_judged_on_folds_of_consecutive_rows(tmp_path: Path) -> None:
    tuning = zoo.tune(
        "mlp-boston", {"epochs": [1, 2]}, folds=2, seed=1, output=tmp_path / "t",
        settings=["hidden=[4]", "batch_size=128"],
    )  # fmt: skip
    losses = [result.mean("loss") for result in tuning.results]
    assert losses == sorted(losses)
    assert [len(result.figures["loss"]) for result in tuning.results] == [2, 2]


@pytest.mark.slow
def test_optuna_gives_up_what_falls_behind(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    grid = {"learning_rate": "0.00001..1.0:log", "hidden": [[4], [16]]}
    arguments: dict[str, Any] = {
        "folds": 2, "seed": 3, "output": tmp_path / "t",
        "settings": ["epochs=8", "scale=standard", "batch_size=64"],
    }  # fmt: skip
    tuning = zoo.tune("mlp-pima", grid, optuna=10, **arguments)
    assert len(tuning.results) == 10
    states = [result.state for result in tuning.results]
    assert "pruned" in states
    assert states == sorted(states)  # those given up come last
    more = zoo.tune("mlp-pima", grid, optuna=11, resume=True, **arguments)
    assert len(more.results) == 11
    assert set(map(repr, tuning.results)) < set(map(repr, more.results))
