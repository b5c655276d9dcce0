"""The results of a tuning: kept in its folder as they come, the best first."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import UsageError
from zoo.numeric import deviation, finite, to_json
from zoo.runs.run import csv_text, write_text
from zoo.spec.component import component_from
from zoo.spec.metrics import Mode, mode_of
from zoo.training.identity import check_same
from zoo.tuning.space import written

RESULTS, LEADERBOARD = "tune.json", "leaderboard.csv"


@dataclass(frozen=True)
class Result:
    """What one configuration reached.

    Attributes
    ----------
    settings
        Its values, by setting.
    figures
        Loss and metrics on the held-out rows, by Keras's name: a value for each fold, seed by seed.
    epochs
        Epochs after which it was given up, where it was.
    problem
        Why it has no figures.
    """

    settings: dict[str, Any]
    figures: dict[str, list[float]] = field(default_factory=dict)
    epochs: int | None = None
    problem: str | None = None

    @property
    def state(self) -> str:
        """``"finished"``, ``"pruned"`` (given up early) or ``"failed"``."""
        if self.problem is not None:
            return "failed"
        return "finished" if self.epochs is None else "pruned"

    def mean(self, metric: str) -> float:
        """Return the mean of a figure over the folds, NaN where it was not measured."""
        values = self.figures.get(metric)
        return statistics.fmean(values) if values else math.nan

    def text(self) -> str:
        """Return the settings in one line."""
        return " ".join(f"{key}={written(value)}" for key, value in self.settings.items())


def kept_in(folder: Path) -> Any:
    """Return what is kept of the tuning in a folder, None where there is none."""
    path = folder / RESULTS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def results_in(kept: dict[str, Any]) -> list[Result]:
    """Return the results of a ``tune.json``."""
    records = ({**record, "figures": finite(record["figures"], math.nan)}
               for record in kept["results"])  # fmt: skip
    return [Result(**record) for record in records]


@dataclass
class Board:
    """All results so far.

    Parameters
    ----------
    folder
        Where they are kept.
    identity
        What has to be the same when the tuning goes on.
    metric
        What is compared; the first metric of the first result, if not given.
    asked_mode
        Whether the most or the least of it is the best, where Keras does not say.
    """

    folder: Path
    identity: dict[str, Any]
    metric: str | None = None
    asked_mode: Mode | None = None
    results: list[Result] = field(default_factory=list, init=False)

    def read(self) -> None:
        """Take up the results of the folder, where there are some.

        Raises
        ------
        OtherTraining
            If they belong to another tuning.
        """
        kept = kept_in(self.folder)
        if kept is None:
            return
        check_same(self.folder / RESULTS, kept["identity"], self.identity)
        self.metric = self.metric or kept["metric"]
        if self.metric == kept["metric"]:
            self.asked_mode = self.asked_mode or kept.get("mode")
        self.results = results_in(kept)
        self._write()

    @property
    def mode(self) -> Mode:
        """Whether the most or the least of what is compared is the best.

        Raises
        ------
        UsageError
            If nobody says.
        """
        recipe = self.identity.get("spec", {}).get("training", {})
        metrics = map(component_from, recipe.get("metrics", ()))
        return mode_of(self.metric or "loss", metrics, self.asked_mode)

    def of(self, settings: dict[str, Any]) -> Result | None:
        """Return the result of a configuration, where there is one."""
        return next((result for result in self.results if result.settings == settings), None)

    def add(self, result: Result) -> None:
        """Keep a result; when this returns, it is on the disk.

        Raises
        ------
        UsageError
            If the metric to compare was not measured.
        """
        if result.figures:
            self.metric = self.compared(result.figures)
        self.results.append(result)
        self._write()

    def compared(self, figures: dict[str, list[float]]) -> str:
        """Return the name of the figure that is compared.

        Raises
        ------
        UsageError
            If it was not measured.
        """
        name = self.metric or next((name for name in figures if name != "loss"), "loss")
        if name not in figures:
            msg = f"metric {name!r} is not measured; there are {', '.join(figures)}"
            raise UsageError(msg)
        return name

    def ranked(self) -> list[Result]:
        """Return the results, the best first; then those given up early, then those that failed."""
        metric = self.metric or "loss"
        sign = -1.0 if self.mode == "max" else 1.0
        order = {"finished": 0, "pruned": 1, "failed": 2}

        def rank(result: Result) -> tuple[bool, int, float]:
            mean = result.mean(metric)
            useless = math.isnan(mean)
            return useless, order[result.state], 0.0 if useless else sign * mean

        return sorted(self.results, key=rank)

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {
            "identity": self.identity,
            "metric": self.metric,
            "mode": self.mode if self.metric else self.asked_mode,
            "results": [asdict(result) for result in self.results],
        }
        write_text(self.folder / RESULTS, to_json(record, indent=1) + "\n")
        write_text(self.folder / LEADERBOARD, csv_text(self._table()))

    def _table(self) -> list[list[Any]]:
        metric = self.metric or "loss"
        keys = dict.fromkeys(key for result in self.results for key in result.settings)
        names = dict.fromkeys(name for result in self.results for name in result.figures)
        others = [name for name in names if name != metric]
        folds = max((len(result.figures.get(metric, ())) for result in self.results), default=0)
        each = [f"{metric}_{number}" for number in range(1, folds + 1)]
        head = ["rank", *keys, metric, f"{metric}_deviation", *each, *others, "state", "problem"]
        table: list[list[Any]] = [head]
        for rank, result in enumerate(self.ranked(), 1):
            values = result.figures.get(metric, [])
            spread = deviation(values) if len(values) > 1 else ""
            row: list[Any] = [rank, *(written(result.settings.get(key, "")) for key in keys)]
            row += [result.mean(metric), spread] if values else ["", ""]
            row += [*values, *[""] * (folds - len(values))]
            row += [result.mean(name) if name in result.figures else "" for name in others]
            table.append([*row, result.state, result.problem])
        return table
