"""Things on a line, pushed apart until they no longer overlap."""

from __future__ import annotations

from collections.abc import Sequence


def spread(
    centres: Sequence[float], sizes: Sequence[float], weights: Sequence[float] | None = None
) -> list[float]:
    """Return centres of things that do not overlap, in the same order and near the ones given.

    The sum of the squared (weighted) distances to the given centres is the least possible.

    Parameters
    ----------
    centres
        Where each would be.
    sizes
        The extent of each.
    weights
        How much each resists being moved; all the same if not given.
    """
    weights = weights or [1.0] * len(centres)
    order = sorted(range(len(centres)), key=lambda i: centres[i])
    # Things that touch make a block and move together. A block knows its members, their weight,
    # its own extent, and where its begin would be by the wishes of its members.
    blocks: list[tuple[list[int], float, float, float]] = []
    for i in order:
        block = ([i], weights[i], sizes[i], centres[i] - sizes[i] / 2)
        while blocks and blocks[-1][3] + blocks[-1][2] > block[3]:
            members, weight, size, begin = blocks.pop()
            both = weight + block[1]
            wish = (weight * begin + block[1] * (block[3] - size)) / both
            block = (members + block[0], both, size + block[2], wish)
        blocks.append(block)
    placed = [0.0] * len(centres)
    for members, _, _, begin in blocks:
        for i in members:
            placed[i] = begin + sizes[i] / 2
            begin += sizes[i]
    return placed
