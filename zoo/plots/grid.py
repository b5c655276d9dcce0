"""Where the boxes of a graph lie: in rows from top to bottom, in columns beside each other."""

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
        How many of the places are boxes.
    paths
        Each arrow as the places it leads through.
    """

    row: list[int]
    x: list[float]
    boxes: int
    paths: list[list[int]] = field(default_factory=list)

    @property
    def rows(self) -> list[list[int]]:
        """The places of each row."""
        found: list[list[int]] = [[] for _ in range(max(self.row) + 1)]
        for place, row in enumerate(self.row):
            found[row].append(place)
        return found

    def width(self, place: int) -> float:
        """Return how wide a place is, in boxes, with the gap to its neighbour."""
        return 1.1 if place < self.boxes else LANE


def lay_out(count: int, edges: Sequence[tuple[int, int]]) -> Grid:
    """Place boxes in rows, each below all that lead to it, so that arrows are short and straight.

    Parameters
    ----------
    count
        How many boxes there are.
    edges
        From which box to which; every arrow leads to a higher number.
    """
    row = _rows(count, sorted(edges))
    grid = Grid(row, [0.0] * count, count)
    for begin, end in edges:
        path = [begin]
        for between in range(row[begin] + 1, row[end]):
            path.append(len(grid.row))
            grid.row.append(between)
            grid.x.append(0.0)
        grid.paths.append([*path, end])
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
            wishes = [_mean(grid, near[place], grid.x[place]) for place in places]
            sizes = [grid.width(place) for place in places]
            weights = [_weight(grid, place) for place in places]
            for place, x in zip(places, spread(wishes, sizes, weights), strict=True):
                grid.x[place] = x
    return grid


def _rows(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    row = [0] * count
    fed = {0}  # what the first input leads to
    for begin, end in edges:
        row[end] = max(row[end], row[begin] + 1)
        if begin in fed:
            fed.add(end)
    # Another input stands near what takes it, not far above beside the first.
    for begin, _ in reversed(edges):
        if begin not in fed:
            later = [row[other] for start, other in edges if start == begin]
            row[begin] = min(later) - 1
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
    """Return the first row of each column: about equally long, and few arrows lead across."""
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
