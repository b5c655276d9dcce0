"""Drawings of one size each, side by side: one for each output of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.plots.style import save_figure, set_subtitle


@dataclass(frozen=True)
class Drawing:
    """What a panel shows.

    Attributes
    ----------
    size
        Width and height, in inches.
    fill
        Draws into the panel.
    figures
        What is written above it.
    """

    size: tuple[float, float]
    fill: Callable[[Any], None]
    figures: str


def draw_side_by_side(path: Path, title: str, drawings: Mapping[str, Drawing]) -> Path:
    """Draw a panel for each drawing, and return the path.

    Parameters
    ----------
    path
        File to write, ``.png`` or ``.svg``.
    title
        Title of the plot.
    drawings
        By name; the names are written if there are several.
    """
    widths, heights = zip(*(drawing.size for drawing in drawings.values()), strict=True)
    size = (sum(widths), max(heights))
    with save_figure(path, len(drawings), title, size=size, widths=widths) as panels:
        for panel, (name, drawing) in zip(panels, drawings.items(), strict=True):
            text = f"{name}: {drawing.figures}" if len(drawings) > 1 else drawing.figures
            set_subtitle(panel, text, drawing.size[0])
            drawing.fill(panel)
    return path
