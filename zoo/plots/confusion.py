"""A confusion matrix: how often each class is taken for another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.plots.side_by_side import Drawing
from zoo.plots.style import GREY, draw_cells, shorten, text_width

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CELL = 0.33
"""Side of the smallest cell that holds a count, in inches."""

MAX_NAMED = 80
"""Up to this many classes, cells hold counts and every class is named."""


def confusion_matrix(confusion: NDArray[np.int64], labels: Sequence[str]) -> Drawing:
    """Return the drawing of a confusion matrix.

    Each cell holds its count; its colour is its share of the row, that is of the true class, so
    that rare classes show as well as frequent ones.

    Parameters
    ----------
    confusion
        Rows by true class (first axis) and predicted class.
    labels
        Name of each class.
    """
    count = len(labels)
    named = count <= MAX_NAMED
    digits = max(2, len(f"{confusion.max():,}"))
    cell = min(1.3, max(MIN_CELL, 0.07 * digits, 5.5 / count)) if named else 12 / count
    names = [shorten(label, 24) for label in labels]
    long = max(text_width(name, 10) for name in names) if named else 0.5
    upright = long > 0.9 * cell
    side = cell * count
    size = (side + long + 2.8, side + (long if upright else 0.3) + 1.2)
    totals = confusion.sum(axis=1)
    shares = confusion / totals.clip(1)[:, None]

    def fill(panel: Any) -> None:
        bar = {"fraction": 0.05, "shrink": min(1, 4 / side)}
        style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "aspect": "equal"}
        draw_cells(panel, shares, "share of the true class", bar=bar, **style)
        panel.set(xlabel="predicted class", ylabel="true class (rows)")
        if named:
            panel.set_xticks(range(count), names, rotation=90 if upright else 0)
            rows = [f"{name} ({total:,})" for name, total in zip(names, totals, strict=True)]
            panel.set_yticks(range(count), rows)
            _write_counts(panel, confusion, shares, min(11.0, 72 * cell * 1.3 / digits))
        else:
            panel.set(xlabel="predicted class, by number", ylabel="true class, by number")

    right = confusion.trace() / confusion.sum()
    return Drawing(size, fill, f"{right:.1%} of {confusion.sum():,} right")


def _write_counts(panel: Any, confusion: Any, shares: Any, size: float) -> None:
    for row, counts in enumerate(confusion):
        for column, number in enumerate(counts):
            if not number and len(confusion) > 12:
                continue  # a field of zeros hides the rest
            colour = "white" if shares[row, column] > 0.5 else "black" if number else GREY
            style = {"ha": "center", "va": "center", "fontsize": size, "color": colour}
            panel.text(column, row, f"{number:,}", **style)
