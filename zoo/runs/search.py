"""Finding runs by date, figures or identity, and comparing their figures."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, did_you_mean
from zoo.runs.lineage import describe_origin, with_members
from zoo.runs.records import RunRecord, differences, find_runs, is_run
from zoo.runs.run import PARTS
from zoo.spec.watch import Mode, mode_of

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip

MIN_ID_LENGTH = 4
"""Characters that an abbreviated identity has, at least."""


def find_figure(run: RunRecord, name: str) -> float | None:
    """Return a figure of a run: ``accuracy`` of its most telling part, or ``train.accuracy``."""
    prefix, dot, metric = name.rpartition(".")
    for part in (prefix,) if dot else PARTS:
        value = run.metrics.get(part, {}).get(metric)
        if isinstance(value, int | float) and isfinite(value):
            return float(value)
    return None


def filter_runs(
    runs: Sequence[RunRecord],
    *,
    since: str | None = None,
    where: Sequence[str] = (),
    sort: str | None = None,
    mode: Mode | None = None,
) -> list[RunRecord]:
    """Filter runs by date and figures, and sort them, the best first, if `sort` is given.

    Parameters
    ----------
    runs
        The runs to filter.
    since
        A local date, ``2026-11-21``, or date and time, ``2026-11-21T16:30``; earlier runs are
        left out.
    where
        Conditions on figures, such as ``accuracy>=0.9`` or ``train.loss<0.1``; all must hold.
    sort
        The figure to sort by; runs without it come last.
    mode
        Whether the highest or the lowest value is the best, where Keras does not say.

    Raises
    ------
    UsageError
        If a date or a condition cannot be read, or no run has the figure.
    """
    matches = list(runs)
    if since is not None:
        start = _parse_time(since)
        matches = [run for run in matches if run.time and datetime.fromisoformat(run.time) >= start]
    for condition in where:
        matches = [run for run in matches if _satisfies(run, condition, runs)]
    if sort is not None:
        _check_figure(sort, runs)
        recipes = [run.spec.training for run in matches if run.spec and run.spec.training]
        sign = -1.0 if mode_of(sort, recipes, mode) == "max" else 1.0
        values = {id(run): find_figure(run, sort) for run in matches}
        matches.sort(key=lambda run: (values[id(run)] is None, sign * (values[id(run)] or 0.0)))
    return matches


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        msg = f"expected a date such as 2026-11-21 or 2026-11-21T16:30, received {text!r}"
        raise UsageError(msg) from None


def _satisfies(run: RunRecord, condition: str, runs: Sequence[RunRecord]) -> bool:
    match = re.fullmatch(r"\s*([\w.]+)\s*(>=|<=|>|<|=)\s*(\S+)\s*", condition)
    try:
        name, sign, bound = (match[1], match[2], float(match[3])) if match else ("", "", 0.0)
    except ValueError:
        match = None
    if not match:
        msg = f"expected a condition such as accuracy>=0.9, received {condition!r}"
        raise UsageError(msg)
    _check_figure(name, runs)
    value = find_figure(run, name)
    return value is not None and _COMPARE[sign](value, bound)


def _check_figure(name: str, runs: Sequence[RunRecord]) -> None:
    """Raise `UsageError` if no run has a figure, but some have others."""
    known = {metric for run in runs for part in PARTS for metric in run.metrics.get(part, ())}
    known |= {f"{part}.{m}" for run in runs for part, values in run.metrics.items() for m in values}
    if known and name not in known:
        metrics = ", ".join(sorted(metric for metric in known if "." not in metric))
        msg = f"no run has the figure {name!r}; choose from {metrics}.{did_you_mean(name, known)}"
        raise UsageError(msg)


def resolve_folder(name: Path, below: Path = Path("runs")) -> Path:
    """Resolve a path or an identity to a run folder.

    Parameters
    ----------
    name
        A path; or the identity of a run, or its first characters.
    below
        Folder to search for the identity.

    Raises
    ------
    UsageError
        If several runs have that identity, such as copies of one run.
    """
    text = str(name)
    if is_run(name) or name.exists() or not re.fullmatch(rf"[0-9a-f]{{{MIN_ID_LENGTH},12}}", text):
        return name
    runs = find_runs(below) if below.is_dir() else []
    paths = [run.path for run in runs if str(run.identity or "").startswith(text)]
    if len(paths) > 1:
        msg = f"{text}: identity of several runs, {', '.join(map(str, paths))}; name a folder"
        raise UsageError(msg)
    return paths[0] if paths else name


def compare_runs(runs: Sequence[RunRecord]) -> list[list[str]]:
    """Return a table with a column for each run: its origin, its settings, its figures."""
    lines = [["", *(str(run.path) for run in runs)], ["model", *(str(run.model) for run in runs)]]
    candidates = with_members(runs)
    lines.append(["from", *(describe_origin(run, candidates) or "-" for run in runs)])
    lines.append(["epochs", *(str(run.epochs or "-") for run in runs)])
    lines.append(["seed", *(str(run.seed) for run in runs)])
    if len({run.model for run in runs}) == 1:  # of different models nearly everything differs
        settings = differences([run.spec for run in runs if run.spec])
        keys = dict.fromkeys(key for values in settings for key in values if key != "epochs")
        lines += [[f"set {key}", *(values.get(key, "-") for values in settings)] for key in keys]
    for part, metric in figure_names(runs):
        figures = (run.metrics.get(part, {}).get(metric) for run in runs)
        lines.append([f"{part} {metric}", *(_format(value) for value in figures)])
    return lines


def figure_names(runs: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Return the parts and metrics that the runs have, the most telling parts first."""
    names = [
        (part, metric)
        for run in runs
        for part, values in run.metrics.items()
        for metric, value in values.items()
        if isinstance(value, int | float)
    ]
    places = {part: place for place, part in enumerate(PARTS)}
    return sorted(dict.fromkeys(names), key=lambda pair: places.get(pair[0], len(PARTS)))


def _format(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
