"""Texts: one per line of a file, and as sequences of word numbers.

Numbers are kept flat: one array of the numbers of all texts, and where each text starts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

from zoo.errors import InputError, unreadable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.data.table import Rows

PADDING, START, UNKNOWN, SHIFT = 0, 1, 2, 3
"""Numbers that are no words; a word of rank r (1 is the most frequent) has the number r + SHIFT.

This is Keras's convention for its text datasets.
"""

_WORD = re.compile(r"(?:[^\W_]|')+")


@dataclass(eq=False)
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

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]
    words: Mapping[str, int] | None = None

    @classmethod
    def of(cls, texts: Sequence[Any]) -> Tokens:
        """Join texts that are sequences of numbers."""
        import numpy as np

        flat = np.concatenate([np.empty(0, np.int32), *texts]).astype(np.int32)
        return cls(flat, np.cumsum([0, *map(len, texts)], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> NDArray[np.int32]: ...
    @overload
    def __getitem__(self, index: slice) -> Tokens: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.int32] | Tokens:
        rows = range(len(self))[index]  # as every sequence: from the end, and IndexError beyond
        if isinstance(rows, range):
            return self.take(rows)
        return self.flat[self.offsets[rows] : self.offsets[rows + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many numbers each text has."""
        import numpy as np

        return np.diff(self.offsets)

    def take(self, rows: Rows) -> Tokens:
        """Return some of the texts, in the order given."""
        import numpy as np

        chosen = np.asarray(rows, np.int64)
        lengths = self.lengths[chosen]
        places = np.repeat(self.offsets[:-1][chosen], lengths) + steps(lengths)
        return Tokens(self.flat[places], np.append(0, np.cumsum(lengths)), self.words)


def steps(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count from 0 to each of the lengths: 2, 3 gives 0, 1, 0, 1, 2."""
    import numpy as np

    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def words_of(text: str) -> list[str]:
    """Return the words of a text: letters, digits and apostrophes, in lower case."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


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
    # An apostrophe belongs to "don't" and "'em", but not to a quoted 'word'.
    found = (words.get(word) or words.get(word.strip("'")) for word in words_of(text))
    numbers = (UNKNOWN if rank is None else rank + SHIFT for rank in found)
    return [START, *(number if number < limit else UNKNOWN for number in numbers)]


def count_words(texts: Iterable[str]) -> dict[str, int]:
    """Return the rank of each word: 1 for the most frequent, ties in the order of the alphabet."""
    counts = Counter(word for text in texts for word in words_of(text))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(ordered, 1)}


def shifted(flat: NDArray[Any], offsets: NDArray[Any]) -> Tokens:
    """Return texts of raw ranks as Keras's loaders do: shifted, each with `START` in front."""
    import numpy as np

    moved = np.insert(flat.astype(np.int32) + SHIFT, offsets[:-1], START)
    return Tokens(moved, offsets + np.arange(len(offsets)))


def read_lines(source: Path | IO[bytes]) -> Iterator[str | InputError]:
    """Yield a text for each line of a file; a line that is no UTF-8 is an error in its place.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield from read_lines(file)
        except OSError as error:
            raise unreadable(source, error) from None
        return
    for number, line in enumerate(source):
        if number == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            msg = f"is not UTF-8 text, byte {line[error.start]:#04x} is not text"
            yield InputError(msg, kind="not-text")
