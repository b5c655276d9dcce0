"""The results of a tuning, ranked, and saved in its folder as they come."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Required, TypedDict

from zoo.display import one_line
from zoo.errors import UsageError, report_damage
from zoo.files import read_json
from zoo.numeric import deviation, replace_nonfinite, to_json
from zoo.runs.run import START_AGAIN, csv_text, write_text
from zoo.spec.files import convert_data
from zoo.spec.model import Training
from zoo.spec.watch import Mode, mode_of
from zoo.training.checkpoint import check_same
from zoo.tuning.space import format_value
from zoo_weights.files import make_folder

RESULTS, LEADERBOARD = "tune.json", "leaderboard.csv"


class _Identity(TypedDict, total=False):
    seeds: list[int]
    spec: dict[str, Any]


class _Result(TypedDict, total=False):
    settings: Required[dict[str, Any]]
    figures: Required[dict[str, list[float | None]]]
    epochs: int | None
    problem: str | None


class _Record(TypedDict, total=False):
    """What is read of a ``tune.json``, and its types."""

    identity: Required[_Identity]
    metric: Required[str | None]
    mode: Mode | None
    results: Required[list[_Result]]


@dataclass(frozen=True)
class Result:
    """The figures of one configuration.

    Attributes
    ----------
    settings
        Its values, by setting.
    figures
        Loss and metrics on the held-out rows, by Keras's name: a value for each fold, seed by seed.
    epochs
        Epochs after which it was pruned; None if it was not.
    problem
        Why it has no figures; None if it has.
    """

    settings: dict[str, Any]
    figures: dict[str, list[float]] = field(default_factory=dict)
    epochs: int | None = None
    problem: str | None = None

    @property
    def state(self) -> str:
        """``"finished"``, ``"pruned"`` (stopped early) or ``"failed"``."""
        if self.problem is not None:
            return "failed"
        return "finished" if self.epochs is None else "pruned"

    def __repr__(self) -> str:
        measured = [f"{name} {self.mean(name):.4g}" for name in self.figures]
        return one_line(self, self.text(), *measured, self.problem)

    def mean(self, metric: str) -> float:
        """Return the mean of a figure over the folds; NaN if it was not measured."""
        values = self.figures.get(metric)
        return statistics.fmean(values) if values else math.nan

    def text(self) -> str:
        """Return the settings as one line."""
        return " ".join(f"{key}={format_value(value)}" for key, value in self.settings.items())


def read_record(folder: Path) -> Any:
    """Read the ``tune.json`` of a folder; None if there is none."""
    path = folder / RESULTS
    with report_damage(path, START_AGAIN):
        return read_json(path, _Record) if path.exists() else None


def parse_results(tuning: dict[str, Any]) -> list[Result]:
    """Return the results in a ``tune.json``."""
    records = ({**record, "figures": replace_nonfinite(record["figures"], math.nan)}
               for record in tuning["results"])  # fmt: skip
    return [Result(**record) for record in records]


@dataclass
class Board:
    """The results so far.

    Parameters
    ----------
    folder
        The tuning's folder.
    identity
        What must be the same when the tuning resumes.
    metric
        The figure to compare; the first metric of the first result, if not given.
    requested_mode
        Whether the highest or the lowest value is the best, where Keras does not say.
    """

    folder: Path
    identity: dict[str, Any]
    metric: str | None = None
    requested_mode: Mode | None = None
    results: list[Result] = field(default_factory=list, init=False)

    def read(self) -> None:
        """Read the results in the folder, if there are any.

        Raises
        ------
        OtherTraining
            If they belong to another tuning.
        """
        record = read_record(self.folder)
        if record is None:
            return
        with report_damage(self.folder / RESULTS, START_AGAIN):
            check_same(self.folder / RESULTS, record["identity"], self.identity)
            self.metric = self.metric or record["metric"]
            if self.metric == record["metric"]:
                self.requested_mode = self.requested_mode or record.get("mode")
            self.results = parse_results(record)
        self._write()

    @property
    def mode(self) -> Mode:
        """Whether the highest or the lowest value of the metric is the best.

        Raises
        ------
        UsageError
            If it is not known.
        """
        recipe = self.identity.get("spec", {}).get("training")
        recipes = [convert_data(recipe, Training, "the recipe")] if recipe else []
        return mode_of(self.metric or "loss", recipes, self.requested_mode)

    def of(self, settings: dict[str, Any]) -> Result | None:
        """Return the result of a configuration; None if there is none."""
        return next((result for result in self.results if result.settings == settings), None)

    def add(self, result: Result) -> None:
        """Add a result; when this returns, it is on disk.

        Raises
        ------
        UsageError
            If the metric to compare was not measured.
        """
        if result.figures:
            self.metric = self.compared_metric(result.figures)
        self.results.append(result)
        self._write()

    def compared_metric(self, figures: dict[str, list[float]]) -> str:
        """Return the name of the figure to compare.

        Raises
        ------
        UsageError
            If it was not measured.
        """
        name = self.metric or next((name for name in figures if name != "loss"), "loss")
        if name not in figures:
            msg = f"metric {name!r} is not measured; choose from {', '.join(figures)}"
            raise UsageError(msg)
        return name

    def ranked(self) -> list[Result]:
        """Return the finished results, the best first, then the pruned, then those not measured."""
        metric = self.metric or "loss"
        sign = -1.0 if self.mode == "max" else 1.0
        order = {"finished": 0, "pruned": 1, "failed": 2}

        def rank(result: Result) -> tuple[bool, int, float]:
            mean = result.mean(metric)
            undefined = math.isnan(mean)
            return undefined, order[result.state], 0.0 if undefined else sign * mean

        return sorted(self.results, key=rank)

    def _write(self) -> None:
        make_folder(self.folder)
        record = {
            "identity": self.identity,
            "metric": self.metric,
            "mode": self.mode if self.metric else self.requested_mode,
            "results": [asdict(result) for result in self.results],
        }
        write_text(self.folder / RESULTS, to_json(record, indent=1) + "\n")
        head, *rows = leaderboard(self.ranked(), self.metric or "loss")
        keys = {key for result in self.results for key in result.settings}
        places = [place for place, name in enumerate(head) if name in keys]
        for row in rows:
            for place in places:
                row[place] = "" if row[place] is None else format_value(row[place])
        write_text(self.folder / LEADERBOARD, csv_text([head, *rows]))


def leaderboard(ranked: Sequence[Result], metric: str) -> list[list[Any]]:
    """Return results as a table: the names of its columns, then a row each.

    Parameters
    ----------
    ranked
        The results, the best first.
    metric
        The figure that is compared; its values on the folds have a column each.
    """
    keys = dict.fromkeys(key for result in ranked for key in result.settings)
    names = dict.fromkeys(name for result in ranked for name in result.figures)
    others = [name for name in names if name != metric]
    folds = max((len(result.figures.get(metric, ())) for result in ranked), default=0)
    columns = [f"{metric}_{number}" for number in range(1, folds + 1)]
    head = ["rank", *keys, metric, f"{metric}_deviation", *columns, *others, "state", "problem"]
    table: list[list[Any]] = [head]
    for rank, result in enumerate(ranked, 1):
        values = result.figures.get(metric, [])
        spread = deviation(values) if len(values) > 1 else None
        row: list[Any] = [rank, *(result.settings.get(key) for key in keys)]
        row += [result.mean(metric) if values else None, spread]
        row += [*values, *[None] * (folds - len(values))]
        row += [result.mean(name) if name in result.figures else None for name in others]
        table.append([*row, result.state, result.problem])
    return table
