"""Layout of the boxes of a graph: in rows from top to bottom, in columns side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from zoo.plots.spread import spread

LANE = 0.12
"""Width of an arrow that passes a row of boxes, where a box is 1 wide."""

SWEEPS = 8


@dataclass
class Grid:
    """A graph laid out.

    Attributes
    ----------
    row, x
        Of each place: first the boxes in their order, then the lanes in which arrows pass rows.
    boxes
        Number of places that are boxes.
    paths
        Each arrow as the places it passes through.
    """

    row: list[int]
    x: list[float]
    boxes: int
    paths: list[list[int]] = field(default_factory=list)

    @property
    def rows(self) -> list[list[int]]:
        """The places of each row."""
        rows: list[list[int]] = [[] for _ in range(max(self.row) + 1)]
        for place, row in enumerate(self.row):
            rows[row].append(place)
        return rows

    def width(self, place: int) -> float:
        """Return the width of a place in boxes, with the gap to its neighbour."""
        return 1.1 if place < self.boxes else LANE


def lay_out(count: int, edges: Sequence[tuple[int, int]]) -> Grid:
    """Place boxes in rows, each below all that lead to it, with short and straight arrows.

    Parameters
    ----------
    count
        Number of boxes.
    edges
        Pairs of boxes, from and to; every arrow leads to a higher number.
    """
    row = _assign_rows(count, sorted(edges))
    grid = Grid(row, [0.0] * count, count)
    for source, target in edges:
        path = [source]
        for between in range(row[source] + 1, row[target]):
            path.append(len(grid.row))
            grid.row.append(between)
            grid.x.append(0.0)
        grid.paths.append([*path, target])
    above, below = defaultdict(list), defaultdict(list)
    for path in grid.paths:
        for upper, lower in pairwise(path):
            above[lower].append(upper)
            below[upper].append(lower)
    rows = grid.rows
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for places in rows if down else rows[::-1]:
            preferred = [_mean(grid, near[place], grid.x[place]) for place in places]
            sizes = [grid.width(place) for place in places]
            weights = [_weight(grid, place) for place in places]
            for place, x in zip(places, spread(preferred, sizes, weights), strict=True):
                grid.x[place] = x
    return grid


def _assign_rows(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    row = [0] * count
    fed = {0}  # what the first input leads to
    for source, target in edges:
        row[target] = max(row[target], row[source] + 1)
        if source in fed:
            fed.add(target)
    # Another input is placed near the box that takes it, not far above, next to the first.
    for source, _ in reversed(edges):
        if source not in fed:
            later = [row[other] for start, other in edges if start == source]
            row[source] = min(later) - 1
    return row


def _weight(grid: Grid, place: int) -> float:
    # Boxes stay in line and arrows make room, not the other way round.
    return 1.0 if place < grid.boxes else 0.02


def _mean(grid: Grid, places: Sequence[int], default: float) -> float:
    if not places:
        return default
    weights = [_weight(grid, place) for place in places]
    pairs = zip(places, weights, strict=True)
    return sum(grid.x[place] * weight for place, weight in pairs) / sum(weights)


def column_breaks(grid: Grid, columns: int) -> list[int]:
    """Return the first row of each column: about equally long, with few arrows across."""
    count = max(grid.row) + 1
    crossing = [0] * count  # arrows that lead into each row
    for path in grid.paths:
        for place in path[1:]:
            crossing[grid.row[place]] += 1
    length = count / columns
    breaks = [0]
    for number in range(1, columns):
        ideal = number * length
        near = [row for row in range(breaks[-1] + 1, count) if abs(row - ideal) <= length / 5 + 0.5]
        if near:
            breaks.append(min(near, key=lambda row: (crossing[row], abs(row - ideal))))
    return breaks
