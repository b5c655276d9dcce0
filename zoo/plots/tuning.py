"""Results of a tuning: a heat map of a grid, or a line for each configuration."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from zoo.plots.style import GREY, ORANGE, check_path, draw_cells, hide_frame, save_figure, shorten

Mode = Literal["min", "max"]
Settings = dict[str, Any]
Means = Sequence[tuple[Settings, float]]

MAX_SIDE = 40
"""Rows or columns of a heat map, at most."""


def draw_tuning(
    results: Means,
    axes: dict[str, list[Any]],
    path: Path,
    *,
    title: str,
    metric: str,
    mode: Mode,
    grid: bool,
) -> Path:
    """Draw the results of a tuning and return the path.

    Parameters
    ----------
    results
        Settings, and the mean they reach.
    axes
        The values of each setting.
    path
        File to write, ``.png`` or ``.svg``.
    title
        Title of the plot.
    metric, mode
        Name of the metric, and whether more of it (``"max"``) or less (``"min"``) is better.
    grid
        Whether every combination has a result. These are drawn as a heat map: the first settings
        down, the others across, the best combination framed; others as lines over parallel axes.
    """
    check_path(path)
    keys = list(axes)
    if grid:
        half = (len(keys) + 1) // 2 if len(keys) > 1 else 0
        down, across = _combinations(axes, keys[:half]), _combinations(axes, keys[half:])
        if max(len(down), len(across)) <= MAX_SIDE:
            return _draw_heat_map(results, down, across, title, metric, mode, path)
    return _draw_parallel(results, keys, title, metric, mode, path)


def _combinations(axes: dict[str, list[Any]], keys: Sequence[str]) -> list[Settings]:
    values = itertools.product(*(axes[key] for key in keys))
    return [dict(zip(keys, combination, strict=True)) for combination in values]


def _draw_heat_map(
    means: Means, down: list[Settings], across: list[Settings],
    title: str, metric: str, mode: Mode, path: Path,
) -> Path:  # fmt: skip
    import numpy as np

    higher_is_better = mode == "max"
    values = np.full((len(down), len(across)), np.nan)
    for settings, value in means:
        row = next(i for i, part in enumerate(down) if part.items() <= settings.items())
        column = next(i for i, part in enumerate(across) if part.items() <= settings.items())
        values[row, column] = value
    rows = [", ".join(_value_texts(part)) for part in down]
    columns = ["\n".join(_value_texts(part)) for part in across]
    longest = max(map(len, rows), default=0) * 0.075
    high = max((text.count("\n") + 1 for text in columns), default=1) * 0.17
    size = (0.58 * len(across) + longest + 2.0, 0.32 * len(down) + high + 1.4)
    with save_figure(path, 1, title, size=(max(size[0], 4.5), size[1])) as [panel]:
        colours = "viridis" if higher_is_better else "viridis_r"
        draw_cells(panel, values, metric, bar={"fraction": 0.04}, cmap=colours, aspect="auto")
        panel.set_xticks(range(len(columns)), columns, fontsize=8)
        panel.set_yticks(range(len(rows)), rows, fontsize=8)
        names = [" and ".join(parts[0]) for parts in (across, down)]
        panel.set(xlabel=names[0], ylabel=names[1])
        low, high = np.nanmin(values), np.nanmax(values)
        middle = (low + high) / 2
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                dark = (value < middle) == higher_is_better
                style = {"ha": "center", "va": "center", "fontsize": 8}
                text = f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"
                panel.text(column, row, text, color="white" if dark else "black", **style)
        best = np.nanargmax(values if higher_is_better else -values)
        row, column = divmod(int(best), len(across))
        from matplotlib.patches import Rectangle

        corner = (column - 0.5, row - 0.5)
        panel.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ORANGE, linewidth=2.5))
    return path


def _value_texts(settings: Settings) -> list[str]:
    """Return the values of a row or column as texts."""
    return [shorten(_text(value), 20) for value in settings.values()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_text, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw_parallel(
    means: Means, keys: Sequence[str], title: str, metric: str, mode: Mode, path: Path
) -> Path:
    from matplotlib import colormaps

    higher_is_better = mode == "max"
    scales = [_scale([settings[key] for settings, _ in means]) for key in keys]
    scales.append(_scale([value for _, value in means]))
    order = sorted(means, key=lambda result: result[1], reverse=not higher_is_better)
    with save_figure(path, 1, title, size=(1.6 * len(scales) + 1.5, 4.2)) as [panel]:
        colours = colormaps["viridis"]
        for place, (settings, value) in enumerate(order, 1):  # the best last, above the others
            values = [*(settings[key] for key in keys), value]
            heights = [scale[json.dumps(v)] for (scale, _), v in zip(scales, values, strict=True)]
            best = place == len(order)
            share = heights[-1] if higher_is_better else 1 - heights[-1]
            style = {"color": ORANGE, "linewidth": 2.5} if best else {"color": colours(share)}
            panel.plot(range(len(heights)), heights, alpha=1 if best else 0.6, **style)
        for place, (_, ticks) in enumerate(scales):
            panel.axvline(place, color=GREY, linewidth=1)
            for height, text in ticks:
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
                panel.text(place + 0.03, height, text, fontsize=8, va="center", bbox=box)
        hide_frame(panel)
        panel.set_xticks(range(len(scales)), [*(shorten(key, 18) for key in keys), metric])
        panel.set(yticks=[], xlim=(-0.1, len(scales) - 0.6))
    return path


def _scale(values: Sequence[Any]) -> tuple[dict[str, float], list[tuple[float, str]]]:
    """Return the height of each value, 0 to 1, and the ticks of its axis."""
    distinct = {json.dumps(value): value for value in values}
    numbers = [value for value in distinct.values() if isinstance(value, int | float)]
    if len(numbers) < len(distinct) or any(isinstance(value, bool) for value in numbers):
        places = {key: i / max(1, len(distinct) - 1) for i, key in enumerate(distinct)}
        return places, [(places[key], _text(value)) for key, value in distinct.items()]
    low, high = min(numbers), max(numbers)
    logarithmic = low > 0 and high / low >= 50
    scale = math.log if logarithmic else float
    width = (scale(high) - scale(low)) or 1.0
    heights = {key: (scale(value) - scale(low)) / width for key, value in distinct.items()}
    if len(distinct) <= 6:
        return heights, [(heights[key], _text(value)) for key, value in distinct.items()]
    middle = math.exp((scale(low) + scale(high)) / 2) if logarithmic else (low + high) / 2
    return heights, [(0.0, _text(low)), (0.5, _text(float(middle))), (1.0, _text(high))]
