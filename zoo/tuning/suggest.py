"""Configurations suggested by Optuna, and pruned if they fall behind the others."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

from zoo.tuning.board import Board, Result
from zoo.tuning.space import Range, Space
from zoo.tuning.work import Work

MAX_REPEATS = 20
"""How many known configurations in a row end the search."""


def suggest(work: Work, space: Space, board: Board, count: int, seed: int) -> Iterator[Result]:
    """Yield the results of configurations that Optuna suggests, until the board has `count`.

    Optuna starts from the results already on the board.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = _distributions(space)
    study: Any = None
    repeats = 0
    while len(board.results) < count and repeats < MAX_REPEATS:
        if study is None:  # the first result decides which metric to compare
            study = _study(space, distributions, board, seed)
        trial = study.ask(distributions)
        settings = {
            key: axis[trial.params[key]] if isinstance(axis, list) else trial.params[key]
            for key, axis in space.axes.items()
        }
        earlier = board.of(settings)
        if earlier is not None:
            repeats += 1
            _tell(study, trial, earlier, board)
            continue
        repeats = 0

        def report(step: int, figures: dict[str, list[float]]) -> bool:
            name = board.compared_metric(figures)
            trial.report(sum(figures[name]) / len(figures[name]), step)  # noqa: B023  # called now
            return bool(trial.should_prune())  # noqa: B023

        [group] = work.groups([settings])
        for result in work.solve(group, report):
            first = board.metric is None
            yield result
            if first:
                study = None  # it started before the direction was known
            else:
                _tell(study, trial, result, board)


def _study(space: Space, distributions: dict[str, Any], board: Board, seed: int) -> Any:
    """Return a study that knows the results so far."""
    import optuna

    study = optuna.create_study(
        direction="maximize" if board.mode == "max" else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    for result in board.results:
        value = _value(result, board)
        if value is None:
            continue
        drawn = {
            key: axis.index(result.settings[key]) if isinstance(axis, list)
            else result.settings[key]
            for key, axis in space.axes.items()
        }  # fmt: skip
        trial = optuna.trial.create_trial(params=drawn, distributions=distributions, value=value)
        study.add_trial(trial)
    return study


def _distributions(space: Space) -> dict[str, Any]:
    """Return Optuna's distributions; values are drawn by their places, since they may be lists."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def of(axis: list[Any] | Range) -> Any:
        if isinstance(axis, list):
            return CategoricalDistribution(range(len(axis)))
        if axis.is_integer:
            return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        return FloatDistribution(axis.low, axis.high, log=axis.log)

    return {key: of(axis) for key, axis in space.axes.items()}


def _tell(study: Any, trial: Any, result: Result, board: Board) -> None:
    from optuna.trial import TrialState

    value = _value(result, board)
    if value is not None:
        study.tell(trial, value)
    else:
        pruned = result.state == "pruned"
        study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)


def _value(result: Result, board: Board) -> float | None:
    """Return the value that a study learns from; None if the configuration has none."""
    value = result.mean(board.metric or "loss")
    return value if result.state == "finished" and not isnan(value) else None
