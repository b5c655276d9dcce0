"""Logarithmic axes: which numbers need one, and marks that read 0.01, 0.1, 1, 10."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

FAR = 100
"""Ratio of the largest to the smallest number above which an axis is logarithmic."""

OUTLIER = 5
"""Ratio of the largest to the median number above which it is, too."""


def span_decades(values: Sequence[float]) -> bool:
    """Return whether finite numbers need a logarithmic axis, and can have one.

    They do if they span two powers of ten, or if the largest would flatten half of the others:
    the loss of a bad first epoch, for instance.
    """
    if not values or min(values) <= 0:
        return False
    largest = max(values)
    return largest > FAR * min(values) or largest > OUTLIER * median(values)


def decade_marks(values: Sequence[float]) -> dict[str, Any]:
    """Return where a logarithmic axis of such numbers has marks, and how they are written.

    The keys are those of ``Figure.colorbar``: ``ticks``, a locator, and ``format``.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator

    # A power of ten or two would be too few marks.
    parts = (1.0,) if max(values) > FAR * min(values) else (1.0, 2.0, 5.0)
    # Matplotlib's own formatter writes formulas, which are drawn as they are.
    return {"ticks": LogLocator(subs=parts), "format": FuncFormatter(lambda x, _: f"{x:,.6g}")}


def use_decades(axis: Any, values: Sequence[float]) -> None:
    """Make the y axis of a panel logarithmic, with marks that can be read."""
    from matplotlib.ticker import NullFormatter

    axis.axes.set_yscale("log")
    marks = decade_marks(values)
    axis.set_major_locator(marks["ticks"])
    axis.set_major_formatter(marks["format"])
    axis.set_minor_formatter(NullFormatter())
