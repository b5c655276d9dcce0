"""Results of a tuning as a heat map of its grid, or as lines over parallel axes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from zoo.plots.decades import decade_marks, span_decades
from zoo.plots.parallel import draw_parallel, value_text
from zoo.plots.style import (
    GREY,
    ORANGE,
    check_path,
    draw_cells,
    note_emptiness,
    save_figure,
    text_width,
)

Mode = Literal["min", "max"]
Settings = dict[str, Any]
Means = Sequence[tuple[Settings, float]]

MAX_SIDE = 40
"""Rows or columns of a heat map, at most."""

CELL, ROW = 0.6, 0.32
"""Width and height of a cell of a heat map, in inches."""

SMALL = 8.0
"""Font size of names and figures, in points."""


def draw_tuning(
    results: Means,
    axes: dict[str, list[Any] | str],
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
        The values of each setting, or a text for the range from which they are drawn.
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
    if not results:
        with save_figure(path, 1, title, size=(4.5, 2.0)) as [panel]:
            note_emptiness(panel, "no finite results")
        return path
    keys = list(axes)
    if grid:
        half = (len(keys) + 1) // 2 if len(keys) > 1 else 0
        down, across = _combinations(axes, keys[:half]), _combinations(axes, keys[half:])
        if max(len(down), len(across)) <= MAX_SIDE:
            return _draw_heat_map(results, down, across, title, metric, mode, path)
    return draw_parallel(results, axes, path, title=title, metric=metric, mode=mode)


def _combinations(axes: dict[str, list[Any] | str], keys: Sequence[str]) -> list[Settings]:
    values = itertools.product(*(axes[key] for key in keys))
    return [dict(zip(keys, combination, strict=True)) for combination in values]


def _draw_heat_map(
    means: Means, down: list[Settings], across: list[Settings],
    title: str, metric: str, mode: Mode, path: Path,
) -> Path:  # fmt: skip
    values = _cells(means, down, across)
    rows = [", ".join(map(value_text, part.values())) for part in down]
    columns = ["\n".join(map(value_text, part.values())) for part in across]
    lines = max(len(part) for part in across)
    longest, wide = (max(text_width(text, SMALL) for text in texts) for texts in (rows, columns))
    upright = wide > 0.9 * CELL
    size = (
        max(4.5, CELL * len(across) + longest + 2.0),
        ROW * len(down) + (wide if upright else 0.17 * lines) + 1.4,
    )
    with save_figure(path, 1, title, size=size) as [panel]:
        bar: dict[str, Any] = {"fraction": 0.04}
        colours: dict[str, Any] = {"cmap": "viridis" if mode == "max" else "viridis_r"}
        figures = [value for _, value in means]
        if mode == "min" and span_decades(figures):  # one that diverged would flatten the others
            bar |= decade_marks(figures)
            colours["norm"] = "log"
        shown = draw_cells(panel, values, metric, bar=bar, aspect="auto", **colours)
        style = {"fontsize": SMALL, "rotation": 90 if upright else 0}
        panel.set_xticks(range(len(columns)), columns, **style)
        panel.set_yticks(range(len(rows)), rows, fontsize=SMALL)
        names = [" and ".join(parts[0]) for parts in (across, down)]
        panel.set(xlabel=names[0], ylabel=names[1])
        _write_figures(panel, values, shown)
        _frame_best(panel, values if mode == "max" else -values)
    return path


def _cells(means: Means, down: list[Settings], across: list[Settings]) -> Any:
    """Return the means as an array of shape (rows, columns), NaN where there is none."""
    import numpy as np

    values = np.full((len(down), len(across)), np.nan)
    for settings, value in means:
        row = next(i for i, part in enumerate(down) if part.items() <= settings.items())
        column = next(i for i, part in enumerate(across) if part.items() <= settings.items())
        values[row, column] = value
    return values


def _write_figures(panel: Any, values: Any, shown: Any) -> None:
    """Write each mean into its cell, in a colour that its background leaves readable."""
    import numpy as np

    for (row, column), value in np.ndenumerate(values):
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL}
        if not np.isfinite(value):
            panel.text(column, row, "–", color=GREY, **style)  # noqa: RUF001  # a dash
            continue
        red, green, blue, _ = shown.cmap(shown.norm(value))
        dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
        panel.text(column, row, _format_mean(value), color="white" if dark else "black", **style)


def _frame_best(panel: Any, scores: Any) -> None:
    import numpy as np
    from matplotlib.patches import Rectangle

    row, column = divmod(int(np.nanargmax(scores)), scores.shape[1])
    corner = (column - 0.5, row - 0.5)
    panel.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ORANGE, linewidth=2.5))


def _format_mean(value: float) -> str:
    """Return a mean as a text that fits into its cell."""
    if value == 0 or 0.1 <= abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
