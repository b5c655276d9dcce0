"""Texts as sequences of word numbers, kept flat: one array of numbers, and where texts start."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.data.table import Rows

PADDING, START, UNKNOWN, SHIFT = 0, 1, 2, 3
"""Numbers that are no words; a word of rank r (1 is the most frequent) has the number r + SHIFT.

This is Keras's convention for its text datasets.
"""

_WORD = re.compile(r"[a-z0-9']+")


class Tokens(Sequence["NDArray[np.int32]"]):
    """Texts as word numbers.

    Parameters
    ----------
    flat
        The numbers of all texts, one after the other, int32.
    offsets
        Where each text starts in `flat`, and the end: int64 of shape (texts + 1,).
    words
        Rank of each word, where it is known.
    """

    def __init__(
        self,
        flat: NDArray[np.int32],
        offsets: NDArray[np.int64],
        words: Mapping[str, int] | None = None,
    ) -> None:
        self.flat = flat
        self.offsets = offsets
        self.words = words

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> NDArray[np.int32]: ...
    @overload
    def __getitem__(self, index: slice) -> Tokens: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.int32] | Tokens:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return self.flat[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: Rows) -> Tokens:
        """Return some of the texts, in the order given."""
        import numpy as np

        chosen = np.asarray(rows, np.int64)
        starts, lengths = self.offsets[chosen], np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # Position of every number: its place within its text, moved to where the text was.
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Tokens(self.flat[places], offsets, self.words)


def tokens_of(text: str, words: Mapping[str, int], limit: int) -> list[int]:
    """Return the word numbers of a text, as the datasets have them.

    Parameters
    ----------
    text
        Any text; upper case and punctuation do not count.
    words
        Rank of each word.
    limit
        Numbers from here on are `UNKNOWN`.
    """
    found = (words.get(word) for word in _WORD.findall(text.lower()))
    numbers = (UNKNOWN if rank is None else rank + SHIFT for rank in found)
    return [START, *(number if number < limit else UNKNOWN for number in numbers)]


def shifted(flat: NDArray[Any], offsets: NDArray[Any]) -> Tokens:
    """Return texts of raw ranks as Keras's loaders do: shifted, each with `START` in front."""
    import numpy as np

    texts = len(offsets) - 1
    moved = np.empty(len(flat) + texts, np.int32)
    starts = offsets[:-1] + np.arange(texts)
    moved[starts] = START
    mask = np.ones(len(moved), bool)
    mask[starts] = False
    moved[mask] = flat.astype(np.int32) + SHIFT
    return Tokens(moved, offsets + np.arange(texts + 1))
