"""The layers of a network from input to output: boxes and arrows."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from zoo.plots.grid import Grid, column_breaks, lay_out
from zoo.plots.layers import Box, grouped, read_network
from zoo.plots.style import GREY, check_picture, figure, save, shortened
from zoo_weights import printable

MOST = 64
"""Boxes up to which every layer has its own."""

HEIGHT, PITCH, GUTTER = 0.56, 0.8, 0.45
"""Height of a box, from one row to the next, and between columns, in inches."""

NAME, SMALL = 8.0, 7.0
"""Sizes of the fonts in points."""

WITH, WITHOUT, GROUP = "#D6E8F5", "#FFFFFF", "#FBE6D4"


def draw_diagram(network: Any, title: str, path: Path) -> Path:
    """Draw the layers of a built Keras model, and return the path.

    Data flow from top to bottom and then on in the next column. In a large network, layers whose
    names begin alike are drawn as one box.

    Parameters
    ----------
    network
        The model; its weights need no values.
    title
        What stands above.
    path
        The picture, ``.png`` or ``.svg``.
    """
    check_picture(path)
    layers, flow = read_network(network)
    boxes, edges = grouped(layers, flow, MOST)
    grid = lay_out(len(boxes), edges)
    texts = [_texts(box) for box in boxes]
    width = 0.2 + max(_width(text, size, bold) for lines in texts for text, size, bold in lines)
    places, size = _places(grid, width)
    count = sum(box.parameters for box in boxes)
    told = f"{len(layers)} layers, {count:,} parameters"
    if len(boxes) < len(layers):
        told += ", some drawn as one"
    with figure(1, "", size=(size[0] + 0.4, size[1] + 0.9)) as (picture, [panel]):
        panel.set_position((0, 0, 1, 1))  # one unit of the axes is an inch
        panel.set(xlim=(-0.2, size[0] + 0.2), ylim=(-size[1] - 0.2, 0.7))
        panel.axis("off")
        panel.text(0, 0.44, title, fontsize=12, fontweight="bold", va="bottom")
        panel.text(0, 0.36, told, fontsize=9, color=GREY, va="top")
        for way in _ways(grid, places, size[1]):
            _arrow(panel, way)
        for box, lines, centre in zip(boxes, texts, places, strict=False):
            _draw_box(panel, box, lines, centre, width)
        return save(picture, path)


Text = tuple[str, float, bool]
Point = tuple[float, float]


def _texts(box: Box) -> list[Text]:
    """Return the lines of a box, each with the size of its font and whether it is bold."""
    kind = f"{box.layers} layers" if box.layers > 1 else box.kind
    lines = [(shortened(printable(box.name), 40), NAME, True)]
    lines.append((f"{kind} · {box.shape}" if box.shape else kind, SMALL, False))
    if box.parameters:
        lines.append((f"{box.parameters:,} parameters", SMALL, False))
    return lines


def _width(text: str, size: float, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(weight="bold" if bold else "normal")
    extent: float = TextPath((0, 0), text, size=size, prop=font).get_extents().width
    return extent / 72


def _places(grid: Grid, width: float) -> tuple[list[Point], Point]:
    """Return the centre of each place in inches, y upwards from 0, and the size of the whole."""
    rows = grid.rows
    widest = max(
        (_extent(grid, places, width)[1] - _extent(grid, places, width)[0]) for places in rows
    )
    # Somewhat wider than high, as screens and pages on their side are.
    columns = round((1.3 * len(rows) * PITCH / (widest + GUTTER)) ** 0.5) if len(rows) > 9 else 1
    breaks = column_breaks(grid, max(1, columns))
    left, centres = 0.0, [(0.0, 0.0)] * len(grid.row)
    for begin, end in pairwise([*breaks, len(rows)]):
        inside = [place for row in rows[begin:end] for place in row]
        low, high = _extent(grid, inside, width)
        for place in inside:
            y = -(grid.row[place] - begin) * PITCH - HEIGHT / 2
            centres[place] = (left + grid.x[place] * width - low, y)
        left += high - low + GUTTER
    longest = max(end - begin for begin, end in pairwise([*breaks, len(rows)]))
    return centres, (left - GUTTER, longest * PITCH)


def _extent(grid: Grid, places: Sequence[int], width: float) -> tuple[float, float]:
    """Return the left and right end of places, in inches."""
    sides = [
        (grid.x[place] * width, width / 2 if place < grid.boxes else 0.05) for place in places
    ]
    return min(x - half for x, half in sides), max(x + half for x, half in sides)


def _ways(grid: Grid, centres: list[Point], height: float) -> list[list[Point]]:
    """Return each arrow as the points it leads through."""
    ways = []
    across = 0
    for path in grid.paths:
        way: list[Point] = []
        for place, following in pairwise(path):
            (x, y), (next_x, next_y) = centres[place], centres[following]
            if place >= grid.boxes:
                way.append((x, y + HEIGHT / 2))
            way.append((x, y - HEIGHT / 2))
            if next_y > y:  # the next column: below this one, up between both, and in from above
                lane = 0.07 * (across % 3)
                across += 1
                edge = _left_end(grid, centres, following) - GUTTER / 2 + lane
                bottom, top = y - HEIGHT / 2 - 0.1 - lane, next_y + HEIGHT / 2 + 0.12 + lane
                way += [(x, bottom), (edge, bottom), (edge, top), (next_x, top)]
        way.append((centres[path[-1]][0], centres[path[-1]][1] + HEIGHT / 2))
        ways.append(way)
    return ways
