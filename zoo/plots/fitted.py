"""Data of one number as input and one as output, with the line that a model fitted to them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plots.scatter import MAX_SHAPES
from zoo.plots.style import BLUE, ORANGE, save_figure

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw_fitted(
    inputs: NDArray[Any],
    true: NDArray[Any],
    predicted: NDArray[Any],
    title: str,
    path: Path,
    *,
    axes: tuple[str, str],
    lines: Iterable[str] = (),
) -> Path:
    """Draw values over inputs, with the predictions as a line, and return the path.

    Parameters
    ----------
    inputs, true, predicted
        Input, true and predicted value of each row; rows with one that is not finite are left out.
    title
        Title of the plot.
    path
        File to write, ``.png`` or ``.svg``.
    axes
        Names of the input and of the value.
    lines
        Lines of text to write into the plot.
    """
    import numpy as np

    rows = np.stack([inputs, true, predicted])
    rows = rows[:, np.isfinite(rows).all(axis=0)]
    inputs, true, predicted = rows[:, rows[0].argsort(kind="stable")]
    with save_figure(path, 1, title, size=(6.4, 4.8)) as [panel]:
        panel.scatter(
            inputs, true, s=18, color=BLUE, linewidths=0, alpha=0.7, label="data",
            rasterized=len(true) > MAX_SHAPES,
        )  # fmt: skip
        panel.plot(inputs, predicted, color=ORANGE, label=_name(inputs, predicted))
        panel.set(xlabel=axes[0], ylabel=axes[1])
        panel.legend(title="\n".join(lines), alignment="left")
    return path


def _name(inputs: NDArray[Any], predicted: NDArray[Any]) -> str:
    """Return the equation of a straight line, and what else it is."""
    import numpy as np

    if not len(inputs) or inputs[0] == inputs[-1]:
        return "fitted"
    slope = (predicted[-1] - predicted[0]) / (inputs[-1] - inputs[0])
    start = predicted[0] - slope * inputs[0]
    if not np.allclose(start + slope * inputs, predicted, rtol=1e-4, atol=1e-4 * np.ptp(predicted)):
        return "fitted curve"
    return f"fitted line {start:.4g} {'-' if slope < 0 else '+'} {abs(slope):.4g} x"
