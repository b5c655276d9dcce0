"""What each setting of a tuning reaches: a heat map of a grid, or a line for each configuration."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from zoo.plots.style import GREY, ORANGE, bare, check_picture, draw_cells, figure, shortened

Mode = Literal["min", "max"]
Settings = dict[str, Any]
Means = Sequence[tuple[Settings, float]]

LARGEST = 40
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
        Settings, and what they reach.
    axes
        The values of each setting.
    path
        The picture, ``.png`` or ``.svg``.
    title
        What stands above.
    metric, mode
        What is reached, and whether more of it (``"max"``) or less (``"min"``) is better.
    grid
        Whether every combination has a result. Those are a heat map: the first settings downwards,
        the others across, the best combination framed. Others are lines over parallel axes.
    """
    check_picture(path)
    keys = list(axes)
    if grid:
        half = (len(keys) + 1) // 2 if len(keys) > 1 else 0
        down, across = _combinations(axes, keys[:half]), _combinations(axes, keys[half:])
        if max(len(down), len(across)) <= LARGEST:
            return _heat_map(results, down, across, title, metric, mode, path)
    return _parallel(results, keys, title, metric, mode, path)


def _combinations(axes: dict[str, list[Any]], keys: Sequence[str]) -> list[Settings]:
    values = itertools.product(*(axes[key] for key in keys))
    return [dict(zip(keys, combination, strict=True)) for combination in values]


def _heat_map(
    means: Means, down: list[Settings], across: list[Settings],
    title: str, metric: str, mode: Mode, path: Path,
) -> Path:  # fmt: skip
    import numpy as np

    rises = mode == "max"
    values = np.full((len(down), len(across)), np.nan)
    for settings, value in means:
        row = next(i for i, own in enumerate(down) if own.items() <= settings.items())
        column = next(i for i, own in enumerate(across) if own.items() <= settings.items())
        values[row, column] = value
    rows = [", ".join(_texts(own)) for own in down]
    columns = ["\n".join(_texts(own)) for own in across]
    longest = max(map(len, rows), default=0) * 0.075
    high = max((text.count("\n") + 1 for text in columns), default=1) * 0.17
    size = (0.58 * len(across) + longest + 2.0, 0.32 * len(down) + high + 1.4)
    with figure(path, 1, title, size=(max(size[0], 4.5), size[1])) as [panel]:
        better = "viridis" if rises else "viridis_r"
        draw_cells(panel, values, metric, bar={"fraction": 0.04}, cmap=better, aspect="auto")
        panel.set_xticks(range(len(columns)), columns, fontsize=8)
        panel.set_yticks(range(len(rows)), rows, fontsize=8)
        names = [" and ".join(own[0]) for own in (across, down)]
        panel.set(xlabel=names[0], ylabel=names[1])
        low, high = np.nanmin(values), np.nanmax(values)
        middle = (low + high) / 2
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                dark = (value < middle) == rises
                style = {"ha": "center", "va": "center", "fontsize": 8}
                text = f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"
                panel.text(column, row, text, color="white" if dark else "black", **style)
        best = np.nanargmax(values if rises else -values)
        row, column = divmod(int(best), len(across))
        from matplotlib.patches import Rectangle

        corner = (column - 0.5, row - 0.5)
        panel.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ORANGE, linewidth=2.5))
    return path


def _texts(settings: Settings) -> list[str]:
    """Return the values of a row or column."""
    return [shortened(_text(value), 20) for value in settings.values()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_text, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _parallel(
    means: Means, keys: Sequence[str], title: str, metric: str, mode: Mode, path: Path
) -> Path:
    from matplotlib import colormaps

    rises = mode == "max"
    scales = [_scale([settings[key] for settings, _ in means]) for key in keys]
    scales.append(_scale([value for _, value in means]))
    order = sorted(means, key=lambda result: result[1], reverse=not rises)
    with figure(path, 1, title, size=(1.6 * len(scales) + 1.5, 4.2)) as [panel]:
        colours = colormaps["viridis"]
        for place, (settings, value) in enumerate(order, 1):  # the best lies above the others
            values = [*(settings[key] for key in keys), value]
            heights = [own[json.dumps(v)] for (own, _), v in zip(scales, values, strict=True)]
            best = place == len(order)
            share = heights[-1] if rises else 1 - heights[-1]
            style = {"color": ORANGE, "linewidth": 2.5} if best else {"color": colours(share)}
            panel.plot(range(len(heights)), heights, alpha=1 if best else 0.6, **style)
        for place, (_, ticks) in enumerate(scales):
            panel.axvline(place, color=GREY, linewidth=1)
            for height, text in ticks:
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
                panel.text(place + 0.03, height, text, fontsize=8, va="center", bbox=box)
        bare(panel)
        panel.set_xticks(range(len(scales)), [*(shortened(key, 18) for key in keys), metric])
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
    spread = low > 0 and high / low >= 50
    of = math.log if spread else float
    width = (of(high) - of(low)) or 1.0
    heights = {key: (of(value) - of(low)) / width for key, value in distinct.items()}
    if len(distinct) <= 6:
        return heights, [(heights[key], _text(value)) for key, value in distinct.items()]
    middle = math.exp((of(low) + of(high)) / 2) if spread else (low + high) / 2
    return heights, [(0.0, _text(low)), (0.5, _text(float(middle))), (1.0, _text(high))]
