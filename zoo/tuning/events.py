"""Trainings side by side, as plugins see them: each has a run, and events of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zoo.parts.settings import with_settings
from zoo.registry.registry import registry
from zoo.runs.run import Run
from zoo.training.fit import announce_failure
from zoo.tuning.trial import Trial

EVENTS = ("training_started", "epoch_ended", "training_finished", "training_failed")

Figures = dict[str, float]
"""Loss and metrics of one training."""


@contextmanager
def announced_trials(trials: Sequence[Trial], ends: Sequence[int]) -> Iterator[Announcer | None]:
    """Tell plugins that trainings start, and which of them fail; yield what tells them the rest.

    Parameters
    ----------
    trials
        The trainings.
    ends
        The number of epochs of each.

    Yields
    ------
    Announcer or None
        None if no plugin listens.
    """
    if not registry().listens(*EVENTS):
        yield None
        return
    runs = [
        Run.begin(None, with_settings(trial.model.spec, {"training.epochs": end}), trial.seed)
        for trial, end in zip(trials, ends, strict=True)
    ]
    announcer = Announcer(runs, ends)
    try:
        for run in runs:
            registry().notify("training_started", run=run)
        yield announcer
    except BaseException as error:
        for run in announcer.running.values():
            announce_failure(run, error)
        raise


class Announcer:
    """Tells plugins of the epochs and the ends of trainings; see `announced_trials`.

    Attributes
    ----------
    running
        The runs that have not ended, by their place.
    """

    def __init__(self, runs: Sequence[Run], ends: Sequence[int]) -> None:
        self.running = dict(enumerate(runs))
        self._ends = ends

    def epoch(self, epoch: int, logs: Sequence[Figures]) -> None:
        """Tell of an epoch, counted from 0, with the logs of every training."""
        for place, run in self.running.items():
            for name, value in logs[place].items():
                run.history.setdefault(name, []).append(value)
            registry().notify("epoch_ended", run=run, epoch=epoch, logs=logs[place])

    def finish(self, measured: Sequence[Figures], *, epochs: int, pruned: bool = False) -> None:
        """Tell of the trainings that end after `epochs`, or of all if they are pruned."""
        for place, run in list(self.running.items()):
            if pruned or self._ends[place] == epochs:
                run.metrics["validation"] = measured[place]
                if pruned:
                    run.environment["pruned"] = True
                del self.running[place]
                registry().notify("training_finished", run=run)
