"""Learning curves of several runs in one plot, each labelled at its end."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, did_you_mean
from zoo.plots.curves import History, draw_curve, label_axes, metric_names
from zoo.plots.spread import spread
from zoo.plots.style import COLOURS, GREY, save_figure
from zoo_weights.text import printable

LINE = 0.17
"""Height of a line of a label, in inches."""

MARKS = (None, "s", "^", "v")


def draw_overlay(
    runs: Sequence[tuple[str, History]], path: Path, *, title: str = "", metric: str | None = None
) -> Path:
    """Draw the loss and a metric of several runs by epoch, and return the path.

    Parameters
    ----------
    runs
        Label and history of each run.
    path
        File to write, ``.png`` or ``.svg``.
    title
        Title of the plot.
    metric
        Keras's name of the only metric to draw, with ``val_`` for its validation curve alone; if
        not given, the loss and the first metric that all runs have.

    Raises
    ------
    UsageError
        If a run lacks the metric, or has not finished an epoch.
    """
    for label, history in runs:
        if not history.get("loss"):
            msg = f"{label}: no epoch has finished, there is nothing to draw"
            raise UsageError(msg)
    shared = (name for name in metric_names(runs[0][1]) if all(name in logs for _, logs in runs))
    names = [_check_metric(metric, runs)] if metric else ["loss", *itertools.islice(shared, 1)]
    both = [("", "-"), ("val_", "--")]
    parts = [("val_", "-")] if metric and metric.startswith("val_") else both
    labels = [textwrap.fill(printable(label, None), 34) for label, _ in runs]
    histories = [history for _, history in runs]
    height = max(2.9, 0.9 + sum(_height(label) for label in labels))
    size = (8.4, 0.7 + height * len(names))
    with save_figure(path, len(names), title, size=size, columns=1) as panels:
        for panel, name in zip(panels, names, strict=True):
            _draw(panel, name, histories, parts)
            _label_ends(panel, name, labels, histories, height - 0.9)
        for panel in panels[:-1]:
            panel.set_xlabel("")
        if parts == both:
            _explain_dashes(panels[0], histories)
    return path


def _check_metric(metric: str, runs: Sequence[tuple[str, History]]) -> str:
    """Return a metric without ``val_``, or raise `UsageError` if a run lacks it."""
    for label, history in runs:
        if metric not in history:
            names = sorted(history, key="loss".__ne__)
            hint = did_you_mean(metric, names)
            msg = f"{label}: has no metric {metric!r}; it has {', '.join(names)}.{hint}"
            raise UsageError(msg)
    return metric.removeprefix("val_")


def _draw(panel: Any, name: str, histories: list[History], parts: list[tuple[str, str]]) -> None:
    shown: list[float] = []
    for number, history in enumerate(histories):
        colour = COLOURS[number % len(COLOURS)]
        # Where colours repeat, marks on the lines distinguish them.
        mark = MARKS[number // len(COLOURS) % len(MARKS)]
        for prefix, dashes in parts:
            if values := history.get(prefix + name):
                shown += values
                draw_curve(panel, values, dashes, colour, mark=mark)
    label_axes(panel, name, shown)
    if len(parts) == 1:
        panel.set_ylabel(f"validation {panel.get_ylabel()}")


def _label_ends(
    panel: Any, name: str, labels: list[str], histories: list[History], room: float
) -> None:
    """Write each run's label to the right of its curves, with a hairline to their end."""
    ends = []
    for label, history in zip(labels, histories, strict=True):
        values = history.get(f"val_{name}") or history[name]
        finite = [(epoch, value) for epoch, value in enumerate(values, 1) if isfinite(value)]
        ends.append((label, finite[-1] if finite else None))
    # Labels in the order of the ends, pushed apart where they would overlap.
    panel.autoscale_view()  # the scale is settled now, not when the figure is saved
    place = panel.transAxes.inverted()
    heights = [
        place.transform(panel.transData.transform(end))[1] if end else 0.0 for _, end in ends
    ]
    sizes = [_height(label) / room for label in labels]
    places = _keep_inside(spread(heights, sizes), sizes)
    for number, (label, end) in enumerate(ends):
        height, colour = places[number], COLOURS[number % len(COLOURS)]
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6}
        panel.annotate(
            label if end else f"{label} (not finite)",
            xy=end or (1.0, height),
            xycoords="data" if end else "axes fraction",
            xytext=(1.05, height),
            textcoords="axes fraction",
            arrowprops={**line, "relpos": (0, 0.5)} if end else None,
            va="center",
            fontsize=9,
            color=colour,
            annotation_clip=False,
        )


def _keep_inside(centres: list[float], sizes: list[float]) -> list[float]:
    """Return centres of intervals moved until all lie between 0 and 1, in the same order."""
    placed, order = [*centres], sorted(range(len(centres)), key=centres.__getitem__)
    floor, ceiling = 0.0, 1.0
    for i in order:
        placed[i] = max(placed[i], floor + sizes[i] / 2)
        floor = placed[i] + sizes[i] / 2
    for i in reversed(order):
        placed[i] = min(placed[i], ceiling - sizes[i] / 2)
        ceiling = placed[i] - sizes[i] / 2
    return placed


def _height(label: str) -> float:
    return LINE * (1.25 + label.count("\n"))


def _explain_dashes(panel: Any, histories: list[History]) -> None:
    from matplotlib.lines import Line2D

    if any("val_loss" in history for history in histories):
        handles = [
            Line2D([], [], color=GREY, linestyle=dashes, label=label)
            for dashes, label in (("-", "training"), ("--", "validation"))
        ]
        panel.legend(handles=handles, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
