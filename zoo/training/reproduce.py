"""Reproducing a model's published figures: train again, measure, compare."""

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
from zoo.numeric import replace_nonfinite
from zoo.registry.registry import spec_and_base
from zoo.runs.run import Run
from zoo.spec.model import Figure
from zoo.training.train import train


@dataclass(frozen=True)
class Measurement:
    """A published figure, and its values in the runs of a reproduction.

    Attributes
    ----------
    figure
        The published figure.
    values
        The value of each run, in the order of the seeds.
    """

    figure: Figure
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The value that is judged; one that is not finite counts as the worst."""
        worst = -inf if self.figure.at_most is None else inf
        return statistics.median(value if isfinite(value) else worst for value in self.values)

    @property
    def passed(self) -> bool:
        """Whether the median is within the bounds; a better figure passes."""
        low, high = self.figure.at_least, self.figure.at_most
        return (low is None or self.median >= low) and (high is None or self.median <= high)


@dataclass(frozen=True)
class Reproduction:
    """All figures of one model, measured again.

    Attributes
    ----------
    model, backend
        The model that was trained, and the backend it was trained on.
    settings
        Changes to the spec, as ``--set`` takes them.
    seeds
        Seeds of the runs, fixed in advance: 1, 2 and so on.
    dead
        Seeds of the runs that did not learn; they count like the others.
    runs
        Folders of the runs.
    figures
        Every figure with its values.
    environment
        Versions and machine of the first run.
    """

    model: str
    backend: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    dead: tuple[int, ...]
    runs: tuple[Path, ...]
    figures: tuple[Measurement, ...]
    environment: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every figure is within its bounds."""
        return all(measured.passed for measured in self.figures)

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``zoo reproduce --format json`` prints."""
        environment = self.environment
        record = {
            "model": self.model,
            "settings": list(self.settings),
            "backend": self.backend,
            "versions": {name: environment["versions"][name] for name in ("keras", self.backend)},
            "python": environment["python"],
            "machine": environment["machine"],
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
        return cast("dict[str, Any]", replace_nonfinite(record))


def reproducible_models() -> list[str]:
    """Return the names of the models that have a recipe and published figures."""
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
    """Train a model by its recipe, once per seed, and compare its figures.

    Parameters
    ----------
    name
        Name of a model, or path of a ``SPEC.toml``.
    seeds
        Number of runs, with seeds 1, 2 and so on; the spec's if not given.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    figures
        Figures to compare with; the spec's if not given.
    finished
        Called with each finished run.

    Raises
    ------
    UsageError
        If the model has no recipe or no figures.
    """
    spec, base = spec_and_base(name)
    figures = figures or [figure for figure in spec.figures if figure.on != "photo"]
    if spec.training is None or not figures:
        msg = f"{name} has no {'recipe' if spec.training is None else 'figures'} to reproduce"
        raise UsageError(msg)
    seed_range = range(1, (seeds or spec.training.starts) + 1)
    runs = []
    for seed in seed_range:
        runs.append(train(spec, seed=seed, settings=settings, base=base))
        finished(runs[-1])
        if runs[-1].environment.get("interrupted"):
            raise KeyboardInterrupt
    measured = tuple(
        Measurement(figure, tuple(reached_value(figure, run) for run in runs)) for figure in figures
    )
    return Reproduction(
        spec.name,
        chosen_backend(),
        tuple(settings),
        tuple(seed_range),
        tuple(run.seed for run in runs if run.dead),
        tuple(run.path for run in runs),
        measured,
        runs[0].environment,
    )


def reached_value(figure: Figure, run: Run) -> float:
    """Return the value of a figure in a run.

    Raises
    ------
    UsageError
        If the run did not measure it.
    """
    if figure.on == "weights":
        return _scalar_weight(run, figure.metric)
    if figure.best:
        name = figure.metric if figure.on == "train" else f"val_{figure.metric}"
        if name in run.history:
            return (max if figure.at_most is None else min)(run.history[name])
    values = run.metrics.get(figure.on, {})
    if figure.metric not in values:
        names = ", ".join(f"{part}: {'/'.join(values)}" for part, values in run.metrics.items())
        msg = f"{run.spec.name}: {figure.metric} on {figure.on} was not measured; choose from "
        raise UsageError(msg + names)
    return float(values[figure.metric])


def _scalar_weight(run: Run, name: str) -> float:
    from zoo.backend.network import weight_arrays

    for slot, array in weight_arrays(run.model.keras):
        if f"{slot.layer}/{slot.name}" == name and array.size == 1:
            return float(array.reshape(()))
    msg = f"{run.spec.name}: has no scalar weight {name!r}"
    raise UsageError(msg)
