"""Values by row: predicted against true ones, or both over a single input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from zoo.plots.side_by_side import Drawing
from zoo.plots.style import BLUE, GREY, ORANGE, note_emptiness

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SHAPES = 5000
"""Above this many points, they are pixels in an SVG too: as shapes they would fill megabytes."""


def scatter(
    true: NDArray[Any], predicted: NDArray[Any], *, unit: str = "", lines: Iterable[str] = ()
) -> Drawing:
    """Return the drawing of predicted against true values, with the diagonal of equal ones.

    Parameters
    ----------
    true, predicted
        The values, by row; rows with one that is not finite are left out.
    unit
        Unit of the values, for the axes.
    lines
        Texts to write above the plot, where no point can be.
    """
    import numpy as np

    true, predicted = true.ravel(), predicted.ravel()
    finite = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[finite], predicted[finite]
    unit = f" ({unit})" if unit else ""

    def fill(panel: Any) -> None:
        panel.set(xlabel=f"true value{unit}", ylabel=f"predicted value{unit}")
        if not len(true):
            note_emptiness(panel, "no finite values")
            return
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

    return Drawing((5.4, 5.6), fill, " · ".join(lines))


def fitted(
    inputs: NDArray[Any],
    true: NDArray[Any],
    predicted: NDArray[Any],
    *,
    axes: tuple[str, str],
    lines: Iterable[str] = (),
) -> Drawing:
    """Return the drawing of values over a single input, with the predictions as a line.

    Parameters
    ----------
    inputs, true, predicted
        Input, true and predicted value of each row; rows with one that is not finite are left out.
    axes
        Names of the input and of the value.
    lines
        Texts to write above the plot.
    """
    import numpy as np

    rows = np.stack([inputs, true, predicted])
    rows = rows[:, np.isfinite(rows).all(axis=0)]
    inputs, true, predicted = rows[:, rows[0].argsort(kind="stable")]

    def fill(panel: Any) -> None:
        panel.set(xlabel=axes[0], ylabel=axes[1])
        if not len(true):
            note_emptiness(panel, "no finite values")
            return
        panel.scatter(
            inputs, true,
            s=18, color=BLUE, linewidths=0, alpha=0.7, rasterized=len(true) > MAX_SHAPES,
        )  # fmt: skip
        panel.plot(inputs, predicted, color=ORANGE)

    return Drawing((6.4, 4.8), fill, " · ".join([_describe_line(inputs, predicted), *lines]))


def _describe_line(inputs: NDArray[Any], predicted: NDArray[Any]) -> str:
    """Return the equation of a straight line, and what else it is."""
    import numpy as np

    if not len(inputs) or inputs[0] == inputs[-1]:
        return "fitted"
    slope = (predicted[-1] - predicted[0]) / (inputs[-1] - inputs[0])
    start = predicted[0] - slope * inputs[0]
    if not np.allclose(start + slope * inputs, predicted, rtol=1e-4, atol=1e-4 * np.ptp(predicted)):
        return "fitted curve"
    return f"fitted line {start:.4g} {'-' if slope < 0 else '+'} {abs(slope):.4g} x"
