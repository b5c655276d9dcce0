"""Results of a tuning as lines over parallel axes, one axis for each setting and one for the mean.

Each axis is a band with the values written inside; the lines lead from band to band, so that no
text covers a line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from zoo.plots.decades import span_decades
from zoo.plots.style import GREY, ORANGE, hide_frame, save_figure, set_subtitle, shorten, text_width

GAP = 1.1
"""Distance between two bands, at least, in inches."""

LINE = 0.17
"""Height of a value, in inches."""

HEIGHT = 3.2
"""Height of the axes, at least, in inches."""

TEXT, NAME = 8.0, 9.0
"""Font sizes of values and names, in points."""

FEW = 6
"""Up to this many numbers, each is written; of more, the ends and the middle."""

FAR = 50
"""Ratio of the largest to the smallest of the listed values for which an axis is logarithmic."""

PALE = 0.85
"""The colours above this share of the colour map are too pale for lines on white."""

Scale = tuple[dict[str, float], list[tuple[float, str]]]
"""Height of each value by its JSON, 0 to 1, and the heights and texts of the marks."""


def draw_parallel(
    results: Sequence[tuple[dict[str, Any], float]],
    axes: dict[str, list[Any] | str],
    path: Path,
    *,
    title: str,
    metric: str,
    mode: Literal["min", "max"],
) -> Path:
    """Draw a line for each result, the best one above the others, and return the path.

    The parameters are those of `draw_tuning`.
    """
    scales = [
        _scale([settings[key] for settings, _ in results], axis) for key, axis in axes.items()
    ]
    means = [value for _, value in results]
    decades = mode == "min" and span_decades(means)
    scales.append(_scale(means, ":log" if decades else ""))
    names = [shorten(name, 30) for name in (*axes, metric)]
    bands = _place_bands(names, scales)
    height = max(HEIGHT, LINE * max(len(marks) for _, marks in scales))
    size = (max(4.5, bands[-1][1] + 0.3), height + 0.9)
    order = sorted(results, key=lambda result: result[1], reverse=mode == "min")
    with save_figure(path, 1, title, size=size) as [panel]:
        set_subtitle(panel, "orange: the best", size[0])
        hide_frame(panel)
        panel.set(yticks=[], xlim=(0, bands[-1][1]), ylim=(-0.03, 1.03))
        panel.set_xticks([(left + right) / 2 for left, right in bands], names, fontsize=NAME)
        for settings, value in order:  # the best last, above the others
            values = [*(settings[key] for key in axes), value]
            heights = [scale[json.dumps(v)] for (scale, _), v in zip(scales, values, strict=True)]
            share = heights[-1] if mode == "max" else 1 - heights[-1]
            _draw_line(panel, heights, bands, share, best=settings is order[-1][0])
        for band, (_, marks) in zip(bands, scales, strict=True):
            _write_marks(panel, band, _thin_out(marks, LINE / height))
        # The first axis has no lines to its left, the last one none to its right.
        panel.vlines([left for left, _ in bands[1:]], 0, 1, color=GREY, linewidth=1)
        panel.vlines([right for _, right in bands[:-1]], 0, 1, color=GREY, linewidth=1)
    return path


def value_text(value: Any) -> str:
    """Return a value of a setting as a short text."""
    if isinstance(value, list):
        return shorten("-".join(map(value_text, value)), 20)
    return shorten(f"{value:.4g}" if isinstance(value, float) else str(value), 20)


def _scale(values: Sequence[Any], axis: list[Any] | str) -> Scale:
    """Return the height of each value and the marks of its axis.

    Parameters
    ----------
    values
        The values that occur.
    axis
        Those that were to be tried, or the text of their range.
    """
    distinct = {json.dumps(value): value for value in values}
    numbers = [value for value in distinct.values() if isinstance(value, int | float)]
    if len(numbers) < len(distinct) or any(isinstance(value, bool) for value in numbers):
        places = {key: i / max(1, len(distinct) - 1) for i, key in enumerate(distinct)}
        return places, [(places[key], value_text(value)) for key, value in distinct.items()]
    low, high = min(numbers), max(numbers)
    far = axis.endswith(":log") if isinstance(axis, str) else high >= FAR * low
    logarithmic = low > 0 and far
    scale = math.log if logarithmic else float
    width = (scale(high) - scale(low)) or 1.0
    heights = {key: (scale(value) - scale(low)) / width for key, value in distinct.items()}
    if len(distinct) <= FEW:
        return heights, [(heights[key], value_text(value)) for key, value in distinct.items()]
    middle = math.exp((scale(low) + scale(high)) / 2) if logarithmic else (low + high) / 2
    return heights, [(0.0, value_text(low)), (0.5, value_text(middle)), (1.0, value_text(high))]


def _thin_out(marks: list[tuple[float, str]], room: float) -> list[tuple[float, str]]:
    """Return the marks without those that would overlap others; the ends stay."""
    kept: list[tuple[float, str]] = []
    for mark in sorted(marks, key=lambda mark: -abs(mark[0] - 0.5)):
        if all(abs(mark[0] - other[0]) > 0.99 * room for other in kept):
            kept.append(mark)
    return kept


def _place_bands(names: Sequence[str], scales: Sequence[Scale]) -> list[tuple[float, float]]:
    """Return the left and right end of each band, in inches; names below do not overlap."""
    widths = [max(text_width(text, TEXT) for _, text in marks) + 0.16 for _, marks in scales]
    below = [text_width(name, NAME) + 0.2 for name in names]
    centre = max(widths[0], below[0]) / 2
    centres = [centre]
    for (width, name), (next_width, next_name) in pairwise(zip(widths, below, strict=True)):
        centre += max((width + next_width) / 2 + GAP, (name + next_name) / 2)
        centres.append(centre)
    return [(c - width / 2, c + width / 2) for c, width in zip(centres, widths, strict=True)]


def _draw_line(
    panel: Any, heights: Sequence[float], bands: Sequence[tuple[float, float]], share: float,
    *, best: bool,
) -> None:  # fmt: skip
    from matplotlib import colormaps

    colour = ORANGE if best else colormaps["viridis"](PALE * share)
    style = {"color": colour, "linewidth": 2.5 if best else 1.2, "alpha": 1 if best else 0.6}
    x = [(right, left) for (_, right), (left, _) in pairwise(bands)]
    panel.plot(list(zip(*x, strict=True)), list(zip(*pairwise(heights), strict=True)), **style)


def _write_marks(panel: Any, band: tuple[float, float], marks: Sequence[tuple[float, str]]) -> None:
    for height, text in marks:
        panel.text(sum(band) / 2, height, text, ha="center", va="center", fontsize=TEXT)
