"""Finding runs: by date, by what they reached, by identity; and their figures side by side."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, did_you_mean
from zoo.runs.lineage import described, with_members
from zoo.runs.records import PARTS, RunRecord, differences, find_runs, is_run
from zoo.spec.metrics import Mode, mode_of

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip

SHORTEST = 4
"""Letters of an identity that may stand for all of it."""


def figure_of(run: RunRecord, name: str) -> float | None:
    """Return a figure of a run: ``accuracy`` of its most telling part, or ``train.accuracy``."""
    part, dot, metric = name.rpartition(".")
    for place in (part,) if dot else PARTS:
        value = run.metrics.get(place, {}).get(metric)
        if isinstance(value, int | float) and isfinite(value):
            return float(value)
    return None


def chosen(
    runs: Sequence[RunRecord],
    *,
    since: str | None = None,
    where: Sequence[str] = (),
    sort: str | None = None,
    mode: Mode | None = None,
) -> list[RunRecord]:
    """Return those of the runs that are meant, in their order, or the best first.

    Parameters
    ----------
    runs
        All of them.
    since
        A date, ``2026-11-21``, or with a time, ``2026-11-21T16:30``, local: those written then or
        later.
    where
        Conditions on figures, such as ``accuracy>=0.9`` or ``train.loss<0.1``; all must hold.
    sort
        A figure: the best comes first, runs without it last.
    mode
        Whether the most or the least of it is the best, where Keras does not say.

    Raises
    ------
    UsageError
        If a date or a condition cannot be read, or no run has the figure.
    """
    kept = list(runs)
    if since is not None:
        moment = _moment(since)
        kept = [run for run in kept if run.time and datetime.fromisoformat(run.time) >= moment]
    for condition in where:
        kept = [run for run in kept if _holds(condition, run, runs)]
    if sort is not None:
        _check_figure(sort, runs)
        recipes = [run.spec.training for run in kept if run.spec and run.spec.training]
        metrics = [metric for recipe in recipes for metric in recipe.metrics]
        sign = -1.0 if mode_of(sort, metrics, mode) == "max" else 1.0
        values = {id(run): figure_of(run, sort) for run in kept}
        kept.sort(key=lambda run: (values[id(run)] is None, sign * (values[id(run)] or 0.0)))
    return kept


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        msg = f"expected a date such as 2026-11-21 or 2026-11-21T16:30, received {text!r}"
        raise UsageError(msg) from None


def _holds(condition: str, run: RunRecord, runs: Sequence[RunRecord]) -> bool:
    found = re.fullmatch(r"\s*([\w.]+)\s*(>=|<=|>|<|=)\s*(\S+)\s*", condition)
    try:
        name, sign, bound = (found[1], found[2], float(found[3])) if found else ("", "", 0.0)
    except ValueError:
        found = None
    if not found:
        msg = f"expected a condition such as accuracy>=0.9, received {condition!r}"
        raise UsageError(msg)
    _check_figure(name, runs)
    value = figure_of(run, name)
    return value is not None and _COMPARE[sign](value, bound)


def _check_figure(name: str, runs: Sequence[RunRecord]) -> None:
    """Raise `UsageError` where a figure is in none of the runs, though they have others."""
    known = {metric for run in runs for part in PARTS for metric in run.metrics.get(part, ())}
    known |= {f"{part}.{m}" for run in runs for part, values in run.metrics.items() for m in values}
    if known and name not in known:
        plain = ", ".join(sorted(metric for metric in known if "." not in metric))
        msg = f"no run has the figure {name!r}; there are {plain}.{did_you_mean(name, known)}"
        raise UsageError(msg)


def folder_of(name: Path, below: Path = Path("runs")) -> Path:
    """Return the run folder that a path or an identity names.

    Parameters
    ----------
    name
        A path; or the identity of a run, or its beginning.
    below
        Where runs are looked for by identity.

    Raises
    ------
    UsageError
        If several runs have that identity: copies of one run.
    """
    text = str(name)
    if is_run(name) or name.exists() or not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},12}}", text):
        return name
    runs = find_runs(below) if below.is_dir() else []
    found = [run.path for run in runs if str(run.identity or "").startswith(text)]
    if len(found) > 1:
        msg = f"{text}: several runs are called so, {', '.join(map(str, found))}; name the folder"
        raise UsageError(msg)
    return found[0] if found else name


def side_by_side(runs: Sequence[RunRecord]) -> list[list[str]]:
    """Return a table with a column for each run: what it is, what was set, what it reached."""
    lines = [["", *(str(run.path) for run in runs)], ["model", *(str(run.model) for run in runs)]]
    known = with_members(runs)
    lines.append(["from", *(described(run, known) or "-" for run in runs)])
    lines.append(["epochs", *(str(run.epochs or "-") for run in runs)])
    lines.append(["seed", *(str(run.seed) for run in runs)])
    if len({run.model for run in runs}) == 1:  # of different models nearly everything differs
        settings = differences([run.spec for run in runs if run.spec])
        keys = dict.fromkeys(key for own in settings for key in own if key != "epochs")
        lines += [[f"set {key}", *(own.get(key, "-") for own in settings)] for key in keys]
    for part, metric in figures_of(runs):
        values = (run.metrics.get(part, {}).get(metric) for run in runs)
        lines.append([f"{part} {metric}", *(_number(value) for value in values)])
    return lines


def figures_of(runs: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Return parts and metrics that any of the runs has, the most telling parts first."""
    found = [
        (part, metric)
        for run in runs
        for part, values in run.metrics.items()
        for metric, value in values.items()
        if isinstance(value, int | float)
    ]
    places = {part: place for place, part in enumerate(PARTS)}
    return sorted(dict.fromkeys(found), key=lambda pair: places.get(pair[0], len(PARTS)))


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
