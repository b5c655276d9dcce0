"""Intervals on a line, pushed apart until they no longer overlap."""

from __future__ import annotations

from collections.abc import Sequence


def spread(
    centres: Sequence[float], sizes: Sequence[float], weights: Sequence[float] | None = None
) -> list[float]:
    """Return centres of intervals that do not overlap, in the same order and near those given.

    The weighted sum of squared distances to the given centres is minimal.

    Parameters
    ----------
    centres
        Preferred centre of each interval.
    sizes
        Length of each.
    weights
        How much each resists being moved; all the same if not given.
    """
    weights = weights or [1.0] * len(centres)
    order = sorted(range(len(centres)), key=lambda i: centres[i])
    # Intervals that touch form a block and move together. A block holds its members, their weight,
    # its length, and the start that its members prefer.
    blocks: list[tuple[list[int], float, float, float]] = []
    for i in order:
        block = ([i], weights[i], sizes[i], centres[i] - sizes[i] / 2)
        while blocks and blocks[-1][3] + blocks[-1][2] > block[3]:
            members, weight, size, start = blocks.pop()
            both = weight + block[1]
            preferred = (weight * start + block[1] * (block[3] - size)) / both
            block = (members + block[0], both, size + block[2], preferred)
        blocks.append(block)
    placed = [0.0] * len(centres)
    for members, _, _, start in blocks:
        for i in members:
            placed[i] = start + sizes[i] / 2
            start += sizes[i]
    return placed
