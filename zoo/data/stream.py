"""Rows that do not fit into memory: read anew for every epoch, piece by piece."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.content import add
from zoo.data.files import stream_table
from zoo.data.labelled import Labelled
from zoo.data.split import drawn
from zoo.data.table import Table
from zoo.errors import InputError, TrainingError
from zoo.spec.training import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BYTES = 256 << 20
"""Size of a file from which on it is streamed instead of held in memory."""

SAMPLE = 100_000
"""Rows of the random sample that preprocessing is fitted to."""

CLASSES = 10_000
"""How many different labels are remembered; a target with more is a number."""


@dataclass(eq=False)
class Stream:
    """Labelled rows in pieces, as often as they are asked for.

    Parameters
    ----------
    pieces
        Returns an iterator over the pieces, the same ones at every call.
    source
        What people call the data.
    held
        Share of the rows that `part` ``"validation"`` yields; 0 for none.
    seed
        Seed of which rows these are.
    part
        ``"train"`` or ``"validation"``.
    """

    pieces: Callable[[], Iterator[Labelled]]
    source: str
    held: float = 0.0
    seed: int = 0
    part: str = "train"

    def __iter__(self) -> Iterator[Labelled]:
        """Yield the pieces of this part."""
        import numpy as np

        start = 0
        for number, piece in enumerate(self.pieces()):
            piece = replace(piece, numbers=range(start, start + len(piece)))
            start += len(piece)
            if not self.held:
                yield piece
                continue
            held = np.random.default_rng([self.seed, number]).random(len(piece)) < self.held
            yield piece.take(np.flatnonzero(held if self.part == "validation" else ~held))

    def divide(self, split: Split | float, seed: int) -> tuple[Stream, Stream]:
        """Return the part to train on and the part held out, drawn row by row with the seed.

        Raises
        ------
        TrainingError
            If the split is no share in random order: that would need all rows at once.
        """
        split = drawn(split, seed)
        if isinstance(split.held, int) or split.order != "random":
            msg = (
                f"{self.source} is streamed: a share of its rows can be held out in random order, "
                f"received {split}"
            )
            raise TrainingError(msg)
        train = replace(self, held=split.held, seed=split.seed or 0, part="train")
        return train, replace(train, part="validation")

    def share_of(self, rows: int) -> int:
        """Return how many rows of this part go with `rows` rows to train on."""
        if self.part == "train":
            return rows
        return max(1, round(rows * self.held / (1.0 - self.held)))

    def first(self, rows: int) -> Stream:
        """Return the part's first rows; where the stream ends before, it starts anew."""
        return Stream(lambda: iter(next(in_epochs(self, rows))), self.source)

    def look(self, seed: int) -> tuple[dict[str, Any], Labelled, set[Any]]:
        """Read everything once.

        Returns
        -------
        content : dict
            As `Labelled.content`.
        sample : Labelled
            A random sample of them.
        labels : set
            All different labels, or nothing where they are too many to be classes.

        Raises
        ------
        InputError
            If there are no rows.
        """
        import numpy as np

        draw = np.random.default_rng(seed).spawn(1)[0]  # of its own: the seed also cuts the pieces
        labels: set[Any] = set()
        rows = 0
        # Each row draws a number; those with the smallest ones are the sample.
        kept: list[Labelled] = []
        numbers = np.empty(0)
        below = 1.0
        digest = hashlib.sha256()
        for piece in self:
            rows += len(piece)
            add(digest, piece.inputs)
            add(digest, piece.labels)
            if len(labels) <= CLASSES:
                labels.update(piece.labels)
            drawn = draw.random(len(piece))
            chosen = np.flatnonzero(drawn < below)
            kept.append(piece.take(chosen))
            numbers = np.append(numbers, drawn[chosen])
            if len(numbers) > 2 * SAMPLE:
                kept, numbers = _smallest(kept, numbers)
                below = numbers[-1]
        if not rows:
            msg = f"{self.source}: has no rows"
            raise InputError(msg, kind="no-rows")
        (sample,), _ = _smallest(kept, numbers)
        content = {"source": self.source, "rows": rows, "sha256": digest.hexdigest()}
        return content, sample, labels if len(labels) <= CLASSES else set()


def in_epochs(
    stream: Iterable[Labelled], rows: int, first: int = 0
) -> Iterator[Iterator[Labelled]]:
    """Yield the pieces of one epoch after the other; each has to be read to its end.

    Parameters
    ----------
    stream
        Pieces; an end is followed by the beginning.
    rows
        Rows of an epoch.
    first
        Epochs to pass over.
    """
    pieces = itertools.chain.from_iterable(itertools.repeat(stream))
    rest: Labelled | None = None

    def one() -> Iterator[Labelled]:
        nonlocal rest
        left = rows
        while left:
            piece, rest = next(pieces) if rest is None else rest, None
            if len(piece) > left:
                piece, rest = piece.take(range(left)), piece.take(range(left, len(piece)))
            left -= len(piece)
            yield piece

    for _ in range(first):
        for _ in one():
            pass
    while True:
        yield one()


def _smallest(
    pieces: list[Labelled], numbers: NDArray[np.float64]
) -> tuple[list[Labelled], NDArray[np.float64]]:
    """Return the rows of the smallest numbers, in their order, and these numbers."""
    order = numbers.argsort()[:SAMPLE]
    return [Labelled.join(pieces).take(order)], numbers[order]


def file_stream(path: Path, target: str, label: Callable[[Table, str, str], Labelled]) -> Stream:
    """Return the rows of a file as a stream.

    Parameters
    ----------
    path
        The file.
    target
        Column to learn.
    label
        Takes the labels out of a piece: (table, target, name of the source) to labelled rows.
    """

    return Stream(
        lambda: (label(table, target, str(path)) for table in stream_table(path)), str(path)
    )


def generated(
    make: Callable[[], Iterable[Any]], target: str, label: Callable[[Table, str, str], Labelled]
) -> Stream:
    """Return the rows that a function of the caller generates as a stream.

    Parameters
    ----------
    make
        Returns an iterable of pieces, the same ones at every call: frames, lists of dicts, or
        tables, the target column among them. It need not end where the recipe says how many steps
        an epoch has.
    target, label
        As for `file_stream`.
    """
    name = getattr(make, "__name__", "the generator")
    return Stream(lambda: (label(Table.of(piece), target, name) for piece in make()), name)
