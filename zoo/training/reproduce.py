"""Reproducing a model's published figures: train anew, measure, compare."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any, cast

from msgspec.structs import asdict

from zoo.backend.choose import chosen_backend
from zoo.errors import UsageError
from zoo.numeric import finite
from zoo.registry.registry import spec_and_base
from zoo.runs.run import Run
from zoo.spec.model import Figure
from zoo.training.train import train


@dataclass(frozen=True)
class Measured:
    """A published figure and what the runs of a reproduction reached.

    Attributes
    ----------
    figure
        The claim.
    values
        What each run reached, in the order of the seeds.
    """

    figure: Figure
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value that is judged; what is no number is worse than any."""
        worst = -inf if self.figure.at_most is None else inf
        return statistics.median(value if isfinite(value) else worst for value in self.values)

    @property
    def passed(self) -> bool:
        """Whether the median is within the bounds; a better figure passes."""
        low, high = self.figure.at_least, self.figure.at_most
        return (low is None or self.median >= low) and (high is None or self.median <= high)


@dataclass(frozen=True)
class Reproduction:
    """All figures of one model, measured anew.

    Attributes
    ----------
    model, backend
        What was trained on what.
    settings
        What was changed of the spec, as ``--set`` takes it.
    seeds
        Seeds of the runs, fixed in advance: 1, 2 and so on.
    dead
        Those of them with which the training saw no learning; they count like the others.
    runs
        Folders of the runs that were judged.
    figures
        Every figure with its measurements.
    environment
        Versions and machine, as the first run tells them.
    """

    model: str
    backend: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    dead: tuple[int, ...]
    runs: tuple[Path, ...]
    figures: tuple[Measured, ...]
    environment: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every figure is within its bounds."""
        return all(measured.passed for measured in self.figures)

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``zoo reproduce --format json`` prints."""
        told = self.environment
        record = {
            "model": self.model,
            "settings": list(self.settings),
            "backend": self.backend,
            "versions": {name: told["versions"][name] for name in ("keras", self.backend)},
            "python": told["python"],
            "machine": told["machine"],
            "seeds": list(self.seeds),
            "dead": list(self.dead),
            "runs": [str(path) for path in self.runs],
            "passed": self.passed,
            "figures": [
                {
                    **asdict(measured.figure),
                    "values": list(measured.values),
                    "median": measured.median,
                    "passed": measured.passed,
                }
                for measured in self.figures
            ],
        }
        return cast("dict[str, Any]", finite(record))


def reproducible() -> list[str]:
    """Return the names of the models that have a recipe and figures to reach."""
    from zoo.registry.registry import registry

    specs = {name: registry().models.find(name).value for name in registry().models.names()}
    return [name for name, spec in specs.items() if spec.training and spec.figures]


def reproduce(
    name: str,
    *,
    seeds: int | None = None,
    settings: Sequence[str] = (),
    figures: Sequence[Figure] = (),
    finished: Callable[[Run], None] = lambda run: None,
) -> Reproduction:
    """Train a model by its recipe, once for each seed, and compare its figures.

    Parameters
    ----------
    name
        Name of a model, or path of a ``SPEC.toml``.
    seeds
        How many starts, with seeds 1, 2 and so on; as many as the spec says if not given.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    figures
        What to compare with; the spec's own figures if not given.
    finished
        Called with each run.

    Raises
    ------
    UsageError
        If the model has no recipe or no figures.
    """
    spec, base = spec_and_base(name)
    figures = figures or spec.figures
    if spec.training is None or not figures:
        msg = f"{name} has no {'recipe' if spec.training is None else 'figures'} to reproduce"
        raise UsageError(msg)
    chosen = range(1, (seeds or spec.training.starts) + 1)
    runs = []
    for seed in chosen:
        runs.append(train(spec, seed=seed, settings=settings, base=base))
        finished(runs[-1])
        if runs[-1].environment.get("interrupted"):
            raise KeyboardInterrupt
    measured = tuple(
        Measured(figure, tuple(value_of(figure, run) for run in runs)) for figure in figures
    )
    return Reproduction(
        spec.name,
        chosen_backend(),
        tuple(settings),
        tuple(chosen),
        tuple(run.seed for run in runs if run.dead),
        tuple(run.path for run in runs),
        measured,
        runs[0].environment,
    )


def value_of(figure: Figure, run: Run) -> float:
    """Return what a run reached of a figure.

    Raises
    ------
    UsageError
        If the run did not measure it.
    """
    if figure.on == "weights":
        return _weight(run, figure.metric)
    if figure.best:
        name = figure.metric if figure.on == "train" else f"val_{figure.metric}"
        if name in run.history:
            return (max if figure.at_most is None else min)(run.history[name])
    values = run.metrics.get(figure.on, {})
    if figure.metric not in values:
        known = ", ".join(f"{part}: {'/'.join(found)}" for part, found in run.metrics.items())
        msg = f"{run.spec.name}: {figure.metric} on {figure.on} was not measured; there are {known}"
        raise UsageError(msg)
    return float(values[figure.metric])


def _weight(run: Run, name: str) -> float:
    from zoo.backend.network import values

    for slot, array in values(run.model.keras):
        if f"{slot.layer}/{slot.name}" == name and array.size == 1:
            return float(array.reshape(()))
    msg = f"{run.spec.name}: has no weight {name!r} of one number"
    raise UsageError(msg)
