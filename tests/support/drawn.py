"""What a figure shows: its texts, and which of them lie over each other or are cut off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any


def texts_of(figure: Any) -> Iterator[Any]:
    """Yield the visible texts of a drawn figure that are not empty."""
    figure.draw_without_rendering()  # writing a file had cut off its margins
    for panel in figure.axes:
        yield from _tick_labels(panel.xaxis)
        yield from _tick_labels(panel.yaxis)
        labels = [panel.xaxis.label, panel.yaxis.label, panel.title]
        yield from (text for text in (*panel.texts, *labels) if text.get_text())
    yield from (text for text in figure.texts if text.get_text())
    for legend in figure.legends:
        yield from legend.get_texts()


def _tick_labels(axis: Any) -> Iterator[Any]:
    low, high = sorted(axis.get_view_interval())
    for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False):
        if low <= place <= high and label.get_text() and label.get_visible():
            yield label


def box_of(text: Any) -> Any:
    """Return the box of a text in pixels, without the line that may lead from it."""
    from matplotlib.text import Text

    return Text.get_window_extent(text)


def overlaps(figure: Any) -> list[tuple[str, str]]:
    """Return the pairs of texts that overlap, by more than a pixel."""
    boxes = [(text.get_text(), box_of(text)) for text in texts_of(figure)]
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
