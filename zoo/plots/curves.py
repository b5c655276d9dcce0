"""Learning curves of a training: its loss and metrics by epoch, and those of its folds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from zoo.plots.decades import span_decades, use_decades
from zoo.plots.style import BLUE, GREEN, GREY, ORANGE, note_emptiness, save_figure

History = dict[str, list[float]]
"""Keras's logs by name, one value per epoch."""

PARTS = (("", "training", BLUE, "-"), ("val_", "validation", ORANGE, "--"))
"""Prefix of the logs of each part of the data, its name, colour and dashes."""

FALLING = ("loss", "learning_rate")
"""Ends of the names of logs that may be logarithmic even where they are below 1."""

MANY = 1000
"""Above this many epochs, lines are thinner: each goes up and down within a point's width."""

MAX_COLUMNS = 3
"""Panels side by side, at most."""

THIN, THICK = {"linewidth": 0.7, "alpha": 0.45}, {"linewidth": 2.4}


@dataclass(frozen=True)
class Curve:
    """A curve over the epochs.

    Attributes
    ----------
    values
        By epoch.
    label
        For the legend; a text may be shared by several curves.
    colour, dashes
        Its look.
    style
        More of it, as for ``Axes.plot``.
    """

    values: Sequence[float]
    label: str
    colour: str
    dashes: str
    style: dict[str, Any] = field(default_factory=dict)


def draw_curves(
    path: Path, title: str, history: History, best: int | None, folds: Sequence[History] = ()
) -> Path:
    """Draw the loss and the metrics of a history, and return the path.

    Parameters
    ----------
    path
        File to write, ``.png`` or ``.svg``.
    title
        Title of the plot.
    history
        Values to draw.
    best
        Epoch to mark as the best, counted from 1.
    folds
        The histories of a cross-validation: a thin line for each fold, a thick one for their mean.
    """
    names = ["loss", *metric_names(history)]
    rows = -(-len(names) // MAX_COLUMNS)
    columns = -(-len(names) // rows)
    size = (4.8 * columns, 3.2 * rows + 0.5)
    with save_figure(path, len(names), title, size=size, columns=columns) as panels:
        legend: dict[str, Any] = {}
        for panel, name in zip(panels, names, strict=True):
            _draw_panel(panel, name, _curves(name, history, folds), best)
            handles, labels = panel.get_legend_handles_labels()
            legend |= dict(zip(labels, handles, strict=True))
        # One legend outside the panels covers no curve.
        wide = len(legend) if len(legend) <= 3 else -(-len(legend) // 2)
        place = {"loc": "outside lower center", "ncols": max(1, wide)}
        panels[0].figure.legend(legend.values(), legend.keys(), **place)
    return path


def metric_names(history: History) -> list[str]:
    """Return what is drawn besides the loss: the metrics, then losses of outputs and the rate."""
    names = [name for name in history if name != "loss" and not name.startswith("val_")]
    return sorted(names, key=lambda name: name.endswith(FALLING))


def label_axes(panel: Any, name: str, values: Iterable[float]) -> None:
    """Label the axes of a panel of curves, and choose the scale of the y axis."""
    from matplotlib.ticker import MaxNLocator

    shown = [value for value in values if isfinite(value)]
    panel.set(xlabel="epoch", ylabel=name.replace("_", " "))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if not shown:
        note_emptiness(panel, "no finite values")
    # Shares, such as the accuracy, are compared on a linear axis.
    elif (name.endswith(FALLING) or max(shown) > 1) and span_decades(shown):
        use_decades(panel.yaxis, shown)


def draw_curve(
    panel: Any,
    values: Sequence[float],
    dashes: str,
    colour: str,
    label: str = "",
    mark: str | None = None,
    **style: Any,
) -> None:
    """Draw one curve over the epochs, as points where a line would not show."""
    few = sum(isfinite(value) for value in values) < 3
    look = {
        "linewidth": 0.8 if len(values) > MANY else 1.5,
        "marker": mark or ("o" if few else None),
        "markersize": 4 if mark else 6,
        "markevery": 1 + len(values) // 12,
        **style,
    }
    panel.plot(range(1, len(values) + 1), values, dashes, color=colour, label=label, **look)


def _curves(name: str, history: History, folds: Sequence[History]) -> list[Curve]:
    """Return the curves of a panel: those of a training, below them those of its folds."""
    whole = [
        Curve(history[prefix + name], part, colour, dashes)
        for prefix, part, colour, dashes in PARTS
        if history.get(prefix + name)
    ]
    if not folds:
        return whole
    curves: list[Curve] = []
    for prefix, _, colour, dashes in PARTS:
        label = "held out" if prefix else "training"
        each = [fold[prefix + name] for fold in folds if fold.get(prefix + name)]
        curves += [Curve(values, f"{label}, one fold", colour, "-", THIN) for values in each]
        if each:  # as far as all of them go: some may have stopped early
            mean = [fmean(values) for values in zip(*each, strict=False)]
            curves.append(Curve(mean, f"{label}, mean of {len(each)} folds", colour, dashes, THICK))
    return curves + [replace(c, label=f"{c.label}, all rows", colour=GREEN) for c in whole]


def _draw_panel(panel: Any, name: str, curves: Sequence[Curve], best: int | None) -> None:
    shown = list(itertools.chain.from_iterable(curve.values for curve in curves))
    for curve in curves:
        draw_curve(panel, curve.values, curve.dashes, curve.colour, curve.label, **curve.style)
    label_axes(panel, name, shown)
    if not any(map(isfinite, shown)):
        return
    whole = [curve for curve in curves if not curve.style]  # not of folds
    _shade_nonfinite(panel, next(curve.values for curve in whole))
    if best is None:
        return
    for curve in whole:
        panel.plot([best], [curve.values[best - 1]], "o", color=curve.colour)
    panel.axvline(best, color=GREY, linewidth=1, linestyle=":", label=f"best epoch, {best}")


def _shade_nonfinite(panel: Any, values: Sequence[float]) -> None:
    """Shade the last epochs if their values are not finite: there is no curve to see."""
    count = len(values)
    first = next((i for i in range(count, 0, -1) if isfinite(values[i - 1])), 0) + 1
    if first <= count:
        panel.axvspan(first - 0.5, count + 0.5, color=GREY, alpha=0.15, label="not finite")
        panel.set_xlim(0.5, count + 0.5)
