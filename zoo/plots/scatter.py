"""Predicted against true values, with the diagonal on which they would be equal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plots.style import BLUE, GREY, note_emptiness, save_figure, set_subtitle

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SHAPES = 5000
"""Above this many points, they are pixels in an SVG too: as shapes they would fill megabytes."""


def draw_scatter(
    true: NDArray[Any],
    predicted: NDArray[Any],
    title: str,
    path: Path,
    *,
    unit: str = "",
    lines: Iterable[str] = (),
) -> Path:
    """Draw predicted against true values and return the path.

    Parameters
    ----------
    true, predicted
        The values, by row; rows with one that is not finite are left out.
    title
        Title of the plot.
    path
        File to write, ``.png`` or ``.svg``.
    unit
        Unit of the values, for the axes.
    lines
        Texts to write above the plot.
    """
    import numpy as np

    true, predicted = true.ravel(), predicted.ravel()
    finite = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[finite], predicted[finite]
    unit = f" ({unit})" if unit else ""
    size = (5.4, 5.6)
    with save_figure(path, 1, title, size=size) as [panel]:
        set_subtitle(panel, " · ".join(lines), size[0])  # where no point can be
        panel.set(xlabel=f"true value{unit}", ylabel=f"predicted value{unit}")
        if not len(true):
            note_emptiness(panel, "no finite values")
            return path
        panel.scatter(
            true, predicted,
            s=18, color=BLUE, linewidths=0, alpha=float(np.clip(150 / len(true), 0.1, 0.7)),
            rasterized=len(true) > MAX_SHAPES,
        )  # fmt: skip
        both = np.concatenate([true, predicted])
        margin = 0.04 * (both.max() - both.min()) or 1.0
        ends = (both.min() - margin, both.max() + margin)
        panel.plot(ends, ends, color=GREY, linewidth=1, linestyle="--")
        panel.set(xlim=ends, ylim=ends, aspect="equal")
        panel.xaxis.set_major_locator(panel.yaxis.get_major_locator())
    return path
