"""The layers of a network from input to output: boxes and arrows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from zoo.plots.grid import Grid, column_breaks, lay_out
from zoo.plots.layers import Box, group_layers, read_network
from zoo.plots.style import GREY, check_path, save_figure, shorten, text_width

MAX_BOXES = 72
"""Up to this many boxes, every layer has its own."""

MAX_PIXELS = 10_000
"""Longest side of an image that viewers still open."""

HEIGHT, PITCH, GUTTER = 0.56, 0.8, 0.45
"""Height of a box, distance from row to row, and gap between columns, in inches."""

TITLE, SUBTITLE, NAME, SMALL = 12.0, 9.0, 8.0, 7.0
"""Font sizes in points."""

WEIGHTED, WEIGHTLESS, GROUP = "#D6E8F5", "#FFFFFF", "#FBE6D4"


def draw_diagram(network: Any, title: str, path: Path) -> Path:
    """Draw the layers of a built Keras model, and return the path.

    Data flows from top to bottom, then into the next column. In a large network, layers whose
    names start alike are drawn as one box.

    Parameters
    ----------
    network
        The model; its weights need no values.
    title
        Title of the plot.
    path
        File to write, ``.png`` or ``.svg``.
    """
    check_path(path)
    layers, flow = read_network(network)
    boxes, edges = group_layers(layers, flow, MAX_BOXES)
    grid = lay_out(len(boxes), edges)
    texts = [_box_lines(box) for box in boxes]
    width = 0.2 + max(text_width(t, size, bold=bold) for lines in texts for t, size, bold in lines)
    centres, lefts, (across, down) = _place_boxes(grid, width)
    count = sum(box.parameters for box in boxes)
    subtitle = f"{len(layers)} layers, {count:,} parameters"
    if len(boxes) < len(layers):
        subtitle += "; orange: layers drawn as one"
    title = shorten(title, 80)
    across = max(across, text_width(title, TITLE, bold=True), text_width(subtitle, SUBTITLE))
    with save_figure(path, 1, "", size=(across + 0.4, down + 0.92)) as [panel]:
        panel.figure.set_dpi(min(panel.figure.dpi, MAX_PIXELS / max(across, down)))
        panel.set_position((0, 0, 1, 1))  # one unit of the axes is an inch
        panel.set(xlim=(-0.2, across + 0.2), ylim=(-down - 0.02, 0.9))
        panel.axis("off")
        panel.text(0, 0.62, title, fontsize=TITLE, fontweight="bold", va="baseline")
        panel.text(0, 0.42, subtitle, fontsize=SUBTITLE, color=GREY, va="baseline")
        for route in _route_arrows(grid, centres, lefts):
            _draw_arrow(panel, route)
        for box, lines, centre in zip(boxes, texts, centres, strict=False):
            _draw_box(panel, box, lines, centre, width)
    return path


Text = tuple[str, float, bool]
Point = tuple[float, float]


def _box_lines(box: Box) -> list[Text]:
    """Return the lines of a box, each with its font size and whether it is bold."""
    kind = f"{box.layers} layers" if box.layers > 1 else box.kind
    lines = [(shorten(box.name, 40), NAME, True)]
    lines.append((f"{kind} · {box.shape}" if box.shape else kind, SMALL, False))
    if box.parameters:
        lines.append((f"{box.parameters:,} parameters", SMALL, False))
    return lines


def _place_boxes(grid: Grid, width: float) -> tuple[list[Point], list[float], Point]:
    """Return where the places of the grid are, in inches, y upwards from 0.

    Returns
    -------
    list of (float, float)
        The centre of each place.
    list of float
        Left edge of the column of each place.
    (float, float)
        Width and height of the diagram.
    """
    rows = grid.rows
    ends = [_row_ends(grid, places, width) for places in rows]
    widest = max(high - low for low, high in ends)
    # Somewhat wider than high, like a screen or a landscape page.
    columns = round((1.3 * len(rows) * PITCH / (widest + GUTTER)) ** 0.5) if len(rows) > 9 else 1
    breaks = [*column_breaks(grid, max(1, columns)), len(rows)]
    left = 0.0
    centres, lefts = [(0.0, 0.0)] * len(grid.row), [0.0] * len(grid.row)
    for start, end in pairwise(breaks):
        low, high = min(low for low, _ in ends[start:end]), max(high for _, high in ends[start:end])
        for place in (place for row in rows[start:end] for place in row):
            y = -(grid.row[place] - start) * PITCH - HEIGHT / 2
            centres[place] = (left + grid.x[place] * width - low, y)
            lefts[place] = left
        left += high - low + GUTTER
    longest = max(end - start for start, end in pairwise(breaks))
    return centres, lefts, (left - GUTTER, longest * PITCH)


def _row_ends(grid: Grid, places: Sequence[int], width: float) -> tuple[float, float]:
    """Return the left and right end of a row, in inches."""
    sides = [(grid.x[p] * width, width / 2 if p < grid.boxes else 0.05) for p in places]
    return min(x - half for x, half in sides), max(x + half for x, half in sides)


def _route_arrows(grid: Grid, centres: list[Point], lefts: list[float]) -> Iterator[list[Point]]:
    """Yield each arrow as the points it passes through."""
    across = 0
    for path in grid.paths:
        route: list[Point] = []
        for place, following in pairwise(path):
            (x, y), (next_x, next_y) = centres[place], centres[following]
            if place >= grid.boxes:
                route.append((x, y + HEIGHT / 2))
            route.append((x, y - HEIGHT / 2))
            if next_y > y:  # to the next column: below this one, up in between, in from above
                lane = 0.06 * (across % 3)
                across += 1
                bottom, top = y - HEIGHT / 2 - 0.08 - lane, next_y + HEIGHT / 2 + 0.14 + lane
                edge = lefts[following] - GUTTER / 2 + lane
                route += [(x, bottom), (edge, bottom), (edge, top), (next_x, top)]
        x, y = centres[path[-1]]
        yield [*route, (x, y + HEIGHT / 2)]


def _draw_arrow(panel: Any, route: list[Point]) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Line

    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 7, "linewidth": 0.8}
    panel.add_patch(FancyArrowPatch(path=Line(route), color=GREY, shrinkA=0, shrinkB=0, **style))


def _draw_box(panel: Any, box: Box, lines: list[Text], centre: Point, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = centre
    colour = GROUP if box.layers > 1 else WEIGHTED if box.parameters else WEIGHTLESS
    panel.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - HEIGHT / 2), width, HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=colour, edgecolor=GREY, linewidth=0.8,
        )
    )  # fmt: skip
    step = 0.155
    top = y + step * (len(lines) - 1) / 2
    for number, (text, size, bold) in enumerate(lines):
        weight = "bold" if bold else "normal"
        place = {"ha": "center", "va": "center_baseline", "fontsize": size, "fontweight": weight}
        panel.text(x, top - number * step, text, **place)
