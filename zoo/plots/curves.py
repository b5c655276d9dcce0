"""Learning curves of a training: its loss and a metric by epoch."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from zoo.plots.style import BLUE, GREY, ORANGE, save_figure

History = dict[str, list[float]]
"""Keras's logs by name, one value per epoch."""

LOG_RATIO = 5
"""Ratio of the largest to the smallest loss above which its axis is logarithmic."""


def draw_curves(path: Path, title: str, history: History, best: int | None) -> Path:
    """Draw the loss and the first metric of a history, and return the path.

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
    """
    names = ["loss", *metric_names(history)[:1]]
    with save_figure(path, len(names), title, size=(5.0 * len(names), 3.6)) as panels:
        for panel, name in zip(panels, names, strict=True):
            _draw_curves(panel, history, name, best)
    return path


def metric_names(history: History) -> list[str]:
    """Return the names of the metrics, without the loss and the validation metrics."""
    return [name for name in history if name != "loss" and not name.startswith("val_")]


def label_axes(panel: Any, name: str, values: Iterable[float]) -> None:
    """Label the axes of a panel of curves; a loss that falls far gets a logarithmic axis."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

    shown = [value for value in values if isfinite(value)]
    panel.set(xlabel="epoch", ylabel=name.replace("_", " "))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if not shown:
        note = {"ha": "center", "va": "center", "color": GREY, "transform": panel.transAxes}
        panel.text(0.5, 0.5, "no finite values", **note)
        panel.set(xticks=[], yticks=[])
    elif name == "loss" and min(shown) > 0 and max(shown) > LOG_RATIO * min(shown):
        panel.set_yscale("log")  # a bad first epoch would flatten all the others
        if max(shown) < 50 * min(shown):  # one power of ten has too few ticks, and 1 beats 10⁰
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(ScalarFormatter())
            panel.yaxis.set_minor_formatter(NullFormatter())


def draw_curve(
    panel: Any,
    values: list[float],
    dashes: str,
    colour: str,
    label: str = "",
    mark: str | None = None,
) -> None:
    """Draw one curve over the epochs, as points where a line would not show."""
    few = sum(isfinite(value) for value in values) < 3
    style = {"marker": mark or ("o" if few else None), "markevery": 1 + len(values) // 12}
    style |= {"markersize": 4 if mark else 6}
    panel.plot(range(1, len(values) + 1), values, dashes, color=colour, label=label, **style)


def _draw_curves(panel: Any, history: History, name: str, best: int | None) -> None:
    shown: list[float] = []
    lines = (("training", name, BLUE, "-"), ("validation", f"val_{name}", ORANGE, "--"))
    for label, key, colour, dashes in lines:
        values = history.get(key)
        if not values:
            continue
        shown += values
        draw_curve(panel, values, dashes, colour, label)
        if best is not None:
            panel.plot([best], [values[best - 1]], "o", color=colour)
    label_axes(panel, name, shown)
    if not any(isfinite(value) for value in shown):
        return
    _shade_nonfinite(panel, history[name])
    if best is not None:
        panel.axvline(best, color=GREY, linewidth=1, linestyle=":", label=f"best epoch, {best}")
    panel.legend()


def _shade_nonfinite(panel: Any, values: list[float]) -> None:
    """Shade the last epochs if their values are not finite: there is no curve to see."""
    count = len(values)
    first = next((i for i in range(count, 0, -1) if isfinite(values[i - 1])), 0) + 1
    if first <= count:
        panel.axvspan(first - 0.5, count + 0.5, color=GREY, alpha=0.15, label="not finite")
        panel.set_xlim(0.5, count + 0.5)
