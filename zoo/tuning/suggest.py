"""Configurations that Optuna suggests, given up early where they fall behind the others."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

from zoo.tuning.board import Board, Result
from zoo.tuning.space import Range, Space
from zoo.tuning.work import Work

TRIES = 20
"""How often a configuration that is known already may be suggested again in a row."""


def suggested(work: Work, space: Space, board: Board, count: int, seed: int) -> Iterator[Result]:
    """Yield the results of configurations that Optuna suggests, until the board has `count`.

    What is on the board already is what it learns from first.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spaces = _distributions(space)
    study: Any = None
    tries = 0
    while len(board.results) < count and tries < TRIES:
        if study is None:  # what is compared is known with the first result
            study = _study(space, spaces, board, seed)
        trial = study.ask(spaces)
        settings = {
            key: axis[trial.params[key]] if isinstance(axis, list) else trial.params[key]
            for key, axis in space.axes.items()
        }
        known = board.of(settings)
        if known is not None:
            tries += 1
            _tell(study, trial, known, board)
            continue
        tries = 0

        def report(step: int, figures: dict[str, list[float]]) -> bool:
            name = board.compared(figures)
            trial.report(sum(figures[name]) / len(figures[name]), step)  # noqa: B023  # called now
            return bool(trial.should_prune())  # noqa: B023

        [group] = work.groups([settings])
        for result in work.solve(group, report):
            first = board.metric is None
            yield result
            if first:
                study = None  # begun before it was known whether to go up or down
            else:
                _tell(study, trial, result, board)


def _study(space: Space, spaces: dict[str, Any], board: Board, seed: int) -> Any:
    """Return a study that knows of the results so far."""
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
        kept = optuna.trial.create_trial(params=drawn, distributions=spaces, value=value)
        study.add_trial(kept)
    return study


def _distributions(space: Space) -> dict[str, Any]:
    """Return what Optuna draws from; of listed values the place, since they may be lists."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def of(axis: list[Any] | Range) -> Any:
        if isinstance(axis, list):
            return CategoricalDistribution(range(len(axis)))
        if axis.whole:
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
    """Return what a configuration reached; None where there is nothing to learn from."""
    value = result.mean(board.metric or "loss")
    return value if result.state == "finished" and not isnan(value) else None
