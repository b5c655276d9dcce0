"""Training configurations on folds: those of one program together, the others one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend
from zoo.data.labelled import LabelledRows
from zoo.data.split import folds, stratified_folds
from zoo.errors import ZooError
from zoo.inference.model import Model
from zoo.parts.base import Classifier
from zoo.parts.schedules import schedule_of
from zoo.parts.settings import resolve_recipe, with_settings
from zoo.runs.run import Run
from zoo.spec.files import spec_to_data
from zoo.spec.model import ModelSpec, Training
from zoo.training.fit import fit
from zoo.training.photos import rows_in_memory
from zoo.training.rows import InMemory
from zoo.training.train import resolve_start
from zoo.tuning.board import Result
from zoo.tuning.events import announced_trials
from zoo.tuning.trial import Trial

Settings = dict[str, Any]
"""A configuration: values by setting."""

Report = Callable[[int, dict[str, list[float]]], bool]
"""Receives a step and the figures so far; returns whether to prune the configuration."""

MAX_TRIALS = 128
"""Trainings side by side, at most: they are lost if the process is killed."""

BYTES = 1 << 30
"""Memory of the rows of trainings side by side, at most."""

MAX_REPORTS = 8
"""How often a training is reported on the way, at most."""


@dataclass(frozen=True)
class Group:
    """Configurations that are trained together.

    Attributes
    ----------
    configurations
        More than one only if they are trained in one program.
    vectorized
        Whether all their folds and seeds are trained in one program.
    """

    configurations: tuple[Settings, ...]
    vectorized: bool = False


@dataclass
class Work:
    """What all trainings of a tuning share. It can be sent to another machine.

    Attributes
    ----------
    spec
        The model.
    rows
        All training rows.
    fold_count
        Number of folds.
    seeds
        Seeds to train each configuration with.
    base
        Folder that relative paths in the spec start from.
    """

    spec: ModelSpec
    rows: LabelledRows
    fold_count: int
    seeds: tuple[int, ...]
    base: Path | None = None
    _prepared: dict[str, list[tuple[dict[str, Any], InMemory]]] = field(
        default_factory=dict, repr=False
    )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_prepared": {}}

    def groups(self, configurations: Sequence[Settings]) -> list[Group]:
        """Group configurations by compiled program."""
        if not keras_private.fast_paths_allowed() or chosen_backend() != "jax":
            return [Group((settings,)) for settings in configurations]
        programs: dict[str, str | None] = {}
        by_program: dict[str, list[Settings]] = {}
        singles = []
        for settings in configurations:
            start = self._start_key(settings)
            if start not in programs:
                programs[start] = self._program_key(settings)
            if program := programs[start]:
                by_program.setdefault(program, []).append(settings)
            else:
                singles.append(Group((settings,)))
        limit = max(1, MAX_TRIALS // (self.fold_count * len(self.seeds)))
        vectorized = []
        for group in by_program.values():
            starts = list(dict.fromkeys(map(self._start_key, group)))
            for place in range(0, len(starts), limit):
                chunk = starts[place : place + limit]
                members = tuple(item for item in group if self._start_key(item) in chunk)
                vectorized.append(Group(members, vectorized=True))
        return [*vectorized, *singles]

    def solve(self, group: Group, report: Report | None = None) -> Iterator[Result]:
        """Train a group, and yield each result as soon as it is available.

        Parameters
        ----------
        group
            A group that `groups` returned.
        report
            Called on the way if the group has one configuration; decides whether to prune it.
        """
        solve = self._solve_many if group.vectorized else self._solve_each
        try:
            yield from solve(group.configurations, report)
        except ZooError as error:
            if len(group.configurations) == 1:
                yield Result(group.configurations[0], problem=str(error))
                return
            for settings in group.configurations:  # find the one that fails
                yield from self.solve(Group((settings,)), report)

    def _solve_many(self, group: Sequence[Settings], report: Report | None) -> Iterator[Result]:
        from zoo.tuning.vectorized import VectorizedTrials

        trials: list[Trial] = []
        places: dict[str, slice] = {}
        starts = list(map(self._start_key, group))
        ends = [resolve_recipe(with_settings(self.spec, settings))[1].epochs for settings in group]
        last: list[int] = []
        for settings, start in zip(group, starts, strict=True):
            if start not in places:  # those that differ only in their epochs are one training
                folds_and_seeds = self._trials(settings)
                places[start] = slice(len(trials), len(trials) + len(folds_and_seeds))
                trials += folds_and_seeds
                own = [end for end, other in zip(ends, starts, strict=True) if other == start]
                last += [max(own)] * len(folds_and_seeds)
        with announced_trials(trials, last) as told:
            listen = told.epoch if told else None
            vectorized = VectorizedTrials(trials)
            for epochs in sorted(set(ends)):
                for step in _report_epochs(epochs) if report else ():
                    vectorized.train(step, listen)
                    measured = vectorized.measure()
                    if report is not None and report(step, _by_name(measured)):
                        if told:
                            told.finish(measured, epochs=step, pruned=True)
                        yield Result(group[0], _by_name(measured), epochs=step)
                        return
                vectorized.train(epochs, listen)
                measured = vectorized.measure()
                if told:
                    told.finish(measured, epochs=epochs)
                for settings, start, end in zip(group, starts, ends, strict=True):
                    if end == epochs:
                        yield Result(settings, _by_name(measured[places[start]]))

    def _solve_each(self, group: Sequence[Settings], report: Report | None) -> Iterator[Result]:
        for settings in group:
            measured: list[dict[str, float]] = []
            for trial in self._trials(settings):
                measured.append(_train_trial(trial))
                figures = _by_name(measured)
                if report is not None and report(len(measured), figures):
                    yield Result(settings, figures, epochs=trial.data.training.epochs)
                    return
            yield Result(settings, _by_name(measured))

    def _trials(self, settings: Settings) -> list[Trial]:
        """Return a trial for each seed and fold; rows prepared in the same way are shared."""
        spec, start = resolve_start(with_settings(self.spec, settings), "default")
        training = cast("Training", spec.training)
        key = _data_key(spec)
        if key not in self._prepared:
            self._prepared[key] = [self._prepare(spec, *fold) for fold in self.fold_rows(spec)]
        return [
            Trial(
                Model(spec, weights=start, base=self.base, state=state),
                data.with_recipe(training, seed),
                seed,
            )
            for seed in self.seeds
            for state, data in self._prepared[key]
        ]

    def fold_rows(self, spec: ModelSpec) -> list[tuple[Any, Any]]:
        """Return the training and the held-out rows of each fold.

        Held-out rows are consecutive; for a classifier they are stratified.

        Raises
        ------
        TrainingError
            If there are too few rows.
        """
        if isinstance(Model(spec, weights=None).decoder, Classifier):
            return stratified_folds(self.rows.labels, self.fold_count)
        return folds(len(self.rows), self.fold_count)

    def _prepare(self, spec: ModelSpec, train: Any, held: Any) -> tuple[dict[str, Any], InMemory]:
        model = Model(spec, weights=None, base=self.base)
        content = {"train": self.rows.take(train), "validation": self.rows.take(held)}
        data = rows_in_memory(model, content, 0)
        return model.fitted_state, data

    def _program_key(self, settings: Settings) -> str | None:
        """Return the key of a configuration's compiled program; None if it is trained alone."""
        from zoo.tuning.vectorized import program_hash

        try:
            trials = self._trials(settings)
            if sum(map(_row_bytes, trials)) > BYTES * len(self.seeds):
                return None
            if len({trial.shapes for trial in trials}) > 1:  # a fold lacks a category of a column
                return None
            # A network may have constants that its seed draws.
            starts = {trial.start: trial for trial in trials}.values()
            programs = {program_hash(trial) for trial in starts}
        except Exception:  # training the configuration reports it
            return None
        program = programs.pop()
        if programs or program is None:
            return None
        return json.dumps([program, _data_key(trials[0].model.spec)])

    def _start_key(self, settings: Settings) -> str:
        """Return the key of a configuration, ignoring its epochs unless a schedule counts them."""
        spec, training = resolve_recipe(with_settings(self.spec, settings))
        if schedule_of(training.optimizer) is None:
            spec = with_settings(spec, {"training.epochs": 1})
        return json.dumps(spec_to_data(spec))


def _data_key(spec: ModelSpec) -> str:
    """Return the key of how the rows are prepared for the network."""
    training = cast("Training", spec.training)
    fields = (spec.input, spec.output, training.objectives, training.class_weights)
    return repr((*fields, training.skip_bad_rows, training.carry_state))


def _train_trial(trial: Trial) -> dict[str, float]:
    """Train one trial alone, and return its figures on the held-out rows."""
    run = Run.begin(None, trial.model.spec, trial.seed)
    fit(run, trial.model, trial.data)
    if run.environment.get("interrupted"):
        raise KeyboardInterrupt
    return run.metrics["validation"]


def _report_epochs(epochs: int) -> list[int]:
    """Return the epochs after which a training is reported on the way."""
    stride = max(1, epochs // MAX_REPORTS)
    return list(range(stride, epochs, stride))


def _by_name(measured: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [figures[name] for figures in measured] for name in measured[0]}


def _row_bytes(trial: Trial) -> int:
    arrays: list[Any] = []
    for part in (*trial.data.feed.arrays, *trial.data.arrays["validation"]):
        arrays += part.values() if isinstance(part, dict) else [part]
    return sum(array.nbytes for array in arrays)
