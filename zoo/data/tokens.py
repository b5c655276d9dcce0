"""Texts: read one per line, and as sequences of word numbers.

Numbers are stored flat: one array for all texts, and the offset of each text in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

from zoo.errors import InputError, unreadable
from zoo.files import open_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.data.table import RowNumbers

PADDING, START, UNKNOWN, SHIFT = 0, 1, 2, 3
"""Numbers that are not words; a word of rank r (1 is the most frequent) has the number r + SHIFT.

This is Keras's convention for its text datasets.
"""

LINE = 1 << 24
"""Maximum bytes of a line: a file without line ends must not fill the memory."""

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
        Rank of each word, if known.
    """

    flat: NDArray[np.int32]
    offsets: NDArray[np.int64]
    words: Mapping[str, int] | None = None

    @classmethod
    def of(cls, texts: Sequence[Any]) -> Tokens:
        """Concatenate texts given as sequences of numbers."""
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
        rows = range(len(self))[index]  # like a list: negative from the end, else IndexError
        if isinstance(rows, range):
            return self.take(rows)
        return self.flat[self.offsets[rows] : self.offsets[rows + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each text."""
        import numpy as np

        return np.diff(self.offsets)

    def take(self, rows: RowNumbers) -> Tokens:
        """Return the texts at these positions, in this order."""
        import numpy as np

        chosen = np.asarray(rows, np.int64)
        lengths = self.lengths[chosen]
        places = np.repeat(self.offsets[:-1][chosen], lengths) + steps(lengths)
        return Tokens(self.flat[places], np.append(0, np.cumsum(lengths)), self.words)


def steps(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count up from 0 for each length: 2, 3 gives 0, 1, 0, 1, 2."""
    import numpy as np

    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def words_of(text: str) -> list[str]:
    """Return the words of a text: letters, digits and apostrophes, in lower case."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def tokens_of(text: str, words: Mapping[str, int], limit: int) -> list[int]:
    """Return the word numbers of a text, as in the datasets.

    Parameters
    ----------
    text
        Any text; case and punctuation are ignored.
    words
        Rank of each word.
    limit
        Numbers from this one up become `UNKNOWN`.
    """
    # An apostrophe belongs to "don't" and "'em", but not to a quoted 'word'.
    ranks = (words.get(word) or words.get(word.strip("'")) for word in words_of(text))
    numbers = (UNKNOWN if rank is None else rank + SHIFT for rank in ranks)
    return [START, *(number if number < limit else UNKNOWN for number in numbers)]


def count_words(texts: Iterable[str]) -> dict[str, int]:
    """Return the rank of each word: 1 for the most frequent, ties in alphabetical order."""
    counts = Counter(word for text in texts for word in words_of(text))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(ordered, 1)}


def shifted(flat: NDArray[Any], offsets: NDArray[Any]) -> Tokens:
    """Return raw ranks as the texts of Keras's loaders: shifted, each with `START` in front."""
    import numpy as np

    moved = np.insert(flat.astype(np.int32) + SHIFT, offsets[:-1], START)
    return Tokens(moved, offsets + np.arange(len(offsets)))


def read_lines(source: Path | IO[bytes]) -> Iterator[str | InputError]:
    """Yield each line of a file as a text, or as an error if it is not UTF-8.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if isinstance(source, Path):
        with open_regular(source, "a file with one text per line") as file:
            yield from read_lines(file)
        return
    try:
        yield from _decode_lines(iter(partial(source.readline, LINE), b""))
    except OSError as error:
        raise unreadable(getattr(source, "name", "standard input"), error) from None


def _decode_lines(lines: Iterable[bytes]) -> Iterator[str | InputError]:
    for number, line in enumerate(lines):
        if len(line) == LINE:
            msg = f"has more than {LINE:,} bytes, expected a text; what follows is not read"
            yield InputError(msg, kind="too-large")
            return
        if number == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            msg = f"is not UTF-8 text, it holds the byte {line[error.start]:#04x}"
            yield InputError(msg, kind="not-text")
