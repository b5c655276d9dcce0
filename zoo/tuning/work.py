"""Training configurations on folds: those of one shape together, the others one after the other."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend
from zoo.data.labelled import Labelled
from zoo.data.split import folds, stratified_folds
from zoo.errors import ZooError
from zoo.inference.model import Model
from zoo.parts.base import Classifier
from zoo.parts.settings import trainable, with_settings
from zoo.runs.run import Run
from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_to
from zoo.spec.training import Training
from zoo.training.fit import fit
from zoo.training.rows import InMemory
from zoo.training.train import starting
from zoo.tuning.board import Result
from zoo.tuning.trial import Trial

Settings = dict[str, Any]
"""Values by setting: one configuration."""

Report = Callable[[int, dict[str, list[float]]], bool]
"""Takes a step and the figures so far; says whether the configuration is to be given up."""

MAX_TRIALS = 128
"""Trainings side by side, at most: what is lost when the process is killed."""

BYTES = 1 << 30
"""Memory of the rows of trainings side by side, at most."""

REPORTS = 8
"""How often a training is judged on its way, at most."""


@dataclass(frozen=True)
class Group:
    """Configurations that are trained as one piece of work.

    Attributes
    ----------
    configurations
        Several only where they are trained in one program.
    vectorized
        Whether their folds, too, are trained in one program.
    """

    configurations: tuple[Settings, ...]
    vectorized: bool = False


@dataclass
class Work:
    """What is trained: everything but the settings. It can be sent to another machine.

    Attributes
    ----------
    spec
        The model.
    rows
        All training rows.
    fold_count
        Into how many folds they are cut.
    seeds
        Each configuration is trained with each of them.
    base
        Folder that paths in the spec start from.
    """

    spec: ModelSpec
    rows: Labelled
    fold_count: int
    seeds: tuple[int, ...]
    base: Path | None = None
    _prepared: dict[str, list[tuple[dict[str, Any], InMemory]]] = field(
        default_factory=dict, repr=False
    )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_prepared": {}}

    def groups(self, configurations: Sequence[Settings]) -> list[Group]:
        """Return the configurations in pieces of work."""
        if not keras_private.fast() or chosen_backend() != "jax":
            return [Group((settings,)) for settings in configurations]
        programs: dict[str, str | None] = {}
        found: dict[str, list[Settings]] = {}
        alone = []
        for settings in configurations:
            start = self._start(settings)
            if start not in programs:
                programs[start] = self._program(settings)
            if program := programs[start]:
                found.setdefault(program, []).append(settings)
            else:
                alone.append(Group((settings,)))
        limit = max(1, MAX_TRIALS // (self.fold_count * len(self.seeds)))
        vectorized = []
        for group in found.values():
            starts = list(dict.fromkeys(map(self._start, group)))
            for place in range(0, len(starts), limit):
                chosen = starts[place : place + limit]
                own = tuple(settings for settings in group if self._start(settings) in chosen)
                vectorized.append(Group(own, vectorized=True))
        return [*vectorized, *alone]

    def solve(self, group: Group, report: Report | None = None) -> Iterator[Result]:
        """Train a group, and yield each result as soon as it is there.

        Parameters
        ----------
        group
            As `groups` made it.
        report
            Asked now and then whether to give up, where the group is of one configuration.
        """
        solve = self._vectorized if group.vectorized else self._alone
        try:
            yield from solve(group.configurations, report)
        except ZooError as error:
            if len(group.configurations) == 1:
                yield Result(group.configurations[0], problem=str(error))
                return
            for settings in group.configurations:  # whose fault is it?
                yield from self.solve(Group((settings,)), report)

    def _vectorized(self, group: Sequence[Settings], report: Report | None) -> Iterator[Result]:
        from zoo.tuning.vectorized import VectorizedTrials

        trials: list[Trial] = []
        places: dict[str, slice] = {}
        for settings in group:  # those that differ in their epochs alone are one training
            if (start := self._start(settings)) not in places:
                own = self._trials(settings)
                places[start] = slice(len(trials), len(trials) + len(own))
                trials += own
        side_by_side = VectorizedTrials(trials)
        ends = [trainable(with_settings(self.spec, settings))[1].epochs for settings in group]
        for epochs in sorted(set(ends)):
            for step in _steps(epochs) if report else ():
                side_by_side.train(step)
                figures = _by_name(side_by_side.measure())
                if report is not None and report(step, figures):
                    yield Result(group[0], figures, epochs=step)
                    return
            side_by_side.train(epochs)
            measured = side_by_side.measure()
            for settings, end in zip(group, ends, strict=True):
                if end == epochs:
                    yield Result(settings, _by_name(measured[places[self._start(settings)]]))

    def _alone(self, group: Sequence[Settings], report: Report | None) -> Iterator[Result]:
        for settings in group:
            measured: list[dict[str, float]] = []
            for trial in self._trials(settings):
                measured.append(_train(trial))
                figures = _by_name(measured)
                if report is not None and report(len(measured), figures):
                    yield Result(settings, figures, epochs=trial.data.training.epochs)
                    return
            yield Result(settings, _by_name(measured))

    def _trials(self, settings: Settings) -> list[Trial]:
        """Return a training for each seed and fold; rows that look the same are prepared once."""
        spec, start = starting(with_settings(self.spec, settings), "default")
        training = cast("Training", spec.training)
        key = _seen(spec)
        if key not in self._prepared:
            self._prepared[key] = [self._fold(spec, *cut) for cut in self.cuts(spec)]
        return [
            Trial(
                Model(spec, weights=start, base=self.base, state=state),
                data.with_recipe(training, seed),
                seed,
            )
            for seed in self.seeds
            for state, data in self._prepared[key]
        ]

    def cuts(self, spec: ModelSpec) -> list[tuple[Any, Any]]:
        """Return the rows to train on and those held out of each fold.

        They are consecutive; of classes, each has its share in every fold.

        Raises
        ------
        TrainingError
            If there are too few rows.
        """
        if isinstance(Model(spec, weights=None).decoder, Classifier):
            return stratified_folds(self.rows.labels, self.fold_count)
        return folds(len(self.rows), self.fold_count)

    def _fold(self, spec: ModelSpec, kept: Any, held: Any) -> tuple[dict[str, Any], InMemory]:
        model = Model(spec, weights=None, base=self.base)
        content = {"train": self.rows.take(kept), "validation": self.rows.take(held)}
        data = InMemory(model, content, 0)
        return model.fitted_state, data

    def _program(self, settings: Settings) -> str | None:
        """Return what tells the compiled program of a configuration; None if it is to be alone."""
        from zoo.tuning.vectorized import program_of

        try:
            trials = self._trials(settings)
            if sum(map(_bytes, trials)) > BYTES * len(self.seeds):
                return None
            if len({trial.shapes for trial in trials}) > 1:  # a fold lacks a name of a column
                return None
            # A network may have constants of its own that its seed draws.
            starts = {trial.start: trial for trial in trials}.values()
            programs = {program_of(trial) for trial in starts}
        except Exception:  # it is said when the configuration is trained
            return None
        program = programs.pop()
        if programs or program is None:
            return None
        return json.dumps([program, _seen(trials[0].model.spec)])

    def _start(self, settings: Settings) -> str:
        """Return what tells trainings apart that start differently, or go another way."""
        spec = with_settings(self.spec, {**settings, "training.epochs": 1})
        return json.dumps(spec_to(spec))


def _seen(spec: ModelSpec) -> str:
    """Return what decides how the rows look to the network."""
    training = cast("Training", spec.training)
    fields = (spec.input, spec.output, training.loss, training.class_weights)
    return repr((*fields, training.skip_bad_rows, training.carry_state))


def _train(trial: Trial) -> dict[str, float]:
    """Train one fold by itself, and return its figures on the rows held out."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.begin(Path(folder), trial.model.spec, trial.seed)
        fit(run, trial.model, trial.data, keep=False)
    if run.environment.get("interrupted"):
        raise KeyboardInterrupt
    return run.metrics["validation"]


def _steps(epochs: int) -> list[int]:
    """Return the epochs after which a training is judged on its way."""
    stride = max(1, epochs // REPORTS)
    return list(range(stride, epochs, stride))


def _by_name(measured: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [figures[name] for figures in measured] for name in measured[0]}


def _bytes(trial: Trial) -> int:
    arrays: list[Any] = []
    for part in (*trial.data.feed.arrays, *trial.data.arrays["validation"]):
        arrays += part.values() if isinstance(part, dict) else [part]
    return sum(array.nbytes for array in arrays)
