"""Rows that do not fit into memory: read again for every epoch, piece by piece."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.labelled import LabelledRows, update_digest
from zoo.data.split import resolve_split
from zoo.data.table import Table, stream_table
from zoo.errors import InputError, TrainingError
from zoo.spec.model import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_BYTES = 256 << 20
"""Size in bytes above which a file is streamed instead of held in memory."""

SAMPLE_ROWS = 100_000
"""Rows of the random sample that preprocessing is fitted to."""

MAX_CLASSES = 10_000
"""Distinct labels to remember; a target with more is a number."""


@dataclass(eq=False)
class Stream:
    """Labelled rows in pieces, read again on every iteration.

    Parameters
    ----------
    pieces
        Returns an iterator over the pieces, the same ones at every call.
    source
        Name of the data, for messages.
    held
        Share of the rows that the part ``"validation"`` yields; 0 for none.
    seed
        Seed that decides which rows these are.
    part
        ``"train"`` or ``"validation"``.
    """

    pieces: Callable[[], Iterator[LabelledRows]]
    source: str
    held: float = 0.0
    seed: int = 0
    part: str = "train"

    def __iter__(self) -> Iterator[LabelledRows]:
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
            If the split is not a random share: any other needs all rows at once.
        """
        split = resolve_split(split, seed)
        if isinstance(split.held, int) or split.order != "random":
            msg = (
                f"{self.source} is streamed: only a random share of its rows can be held out, "
                f"received {split}"
            )
            raise TrainingError(msg)
        train = replace(self, held=split.held, seed=split.seed or 0, part="train")
        return train, replace(train, part="validation")

    def share_of(self, rows: int) -> int:
        """Return how many rows of this part go with `rows` training rows."""
        if self.part == "train":
            return rows
        return max(1, round(rows * self.held / (1.0 - self.held)))

    def first(self, rows: int) -> Stream:
        """Return the part's first rows; a stream that ends before them starts again."""
        return Stream(lambda: iter(next(iter_epochs(self, rows))), self.source)

    def scan(self, seed: int) -> tuple[dict[str, Any], LabelledRows, set[Any]]:
        """Read everything once.

        Returns
        -------
        content : dict
            As `LabelledRows.content`.
        sample : LabelledRows
            A random sample of the rows.
        labels : set
            All distinct labels; empty if there are too many to be classes.

        Raises
        ------
        InputError
            If there are no rows.
        """
        import numpy as np

        draw = np.random.default_rng(seed).spawn(1)[0]  # its own: the seed also divides the pieces
        labels: set[Any] = set()
        rows = 0
        # Each row draws a number; the rows with the smallest numbers are the sample.
        sampled: list[LabelledRows] = []
        numbers = np.empty(0)
        below = 1.0
        digest = hashlib.sha256()
        for piece in self:
            rows += len(piece)
            update_digest(digest, piece.inputs)
            update_digest(digest, piece.labels)
            if len(labels) <= MAX_CLASSES:
                labels.update(piece.labels)
            drawn = draw.random(len(piece))
            chosen = np.flatnonzero(drawn < below)
            sampled.append(piece.take(chosen))
            numbers = np.append(numbers, drawn[chosen])
            if len(numbers) > 2 * SAMPLE_ROWS:
                sampled, numbers = _keep_smallest(sampled, numbers)
                below = numbers[-1]
        if not rows:
            msg = f"{self.source}: has no rows"
            raise InputError(msg, kind="no-rows")
        (sample,), _ = _keep_smallest(sampled, numbers)
        content = {"source": self.source, "rows": rows, "sha256": digest.hexdigest()}
        return content, sample, labels if len(labels) <= MAX_CLASSES else set()


def iter_epochs(
    stream: Iterable[LabelledRows], rows: int, first: int = 0
) -> Iterator[Iterator[LabelledRows]]:
    """Yield the pieces of one epoch after another; each epoch must be read to its end.

    Parameters
    ----------
    stream
        Pieces; after the last comes the first again.
    rows
        Rows per epoch.
    first
        Epochs to skip.
    """
    pieces = itertools.chain.from_iterable(itertools.repeat(stream))
    rest: LabelledRows | None = None

    def epoch() -> Iterator[LabelledRows]:
        nonlocal rest
        left = rows
        while left:
            piece, rest = next(pieces) if rest is None else rest, None
            if len(piece) > left:
                piece, rest = piece.take(range(left)), piece.take(range(left, len(piece)))
            left -= len(piece)
            yield piece

    for _ in range(first):
        for _ in epoch():
            pass
    while True:
        yield epoch()


def _keep_smallest(
    pieces: list[LabelledRows], numbers: NDArray[np.float64]
) -> tuple[list[LabelledRows], NDArray[np.float64]]:
    """Return the rows with the smallest numbers, in order, and these numbers."""
    order = numbers.argsort()[:SAMPLE_ROWS]
    return [LabelledRows.join(pieces).take(order)], numbers[order]


def file_stream(path: Path, label: Callable[[Table, str], LabelledRows]) -> Stream:
    """Return the rows of a file as a stream.

    Parameters
    ----------
    path
        The file.
    label
        Takes the labels out of a piece: (table, name of the source) to labelled rows.
    """
    return Stream(lambda: (label(table, str(path)) for table in stream_table(path)), str(path))


def generator_stream(
    make: Callable[[], Iterable[Any]], label: Callable[[Table, str], LabelledRows]
) -> Stream:
    """Return the rows that a caller's function generates, as a stream.

    Parameters
    ----------
    make
        Returns an iterable of pieces, the same ones at every call: frames, lists of dicts, or
        tables, including the target column. It need not end if the recipe sets the steps of an
        epoch.
    label
        As for `file_stream`.
    """
    name = getattr(make, "__name__", "the generator")
    return Stream(lambda: (label(Table.of(piece), name) for piece in make()), name)
