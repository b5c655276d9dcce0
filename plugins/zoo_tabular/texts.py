"""Encode a column of texts as the words that occur in them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo.data.tokens import words_of
from zoo.errors import InputError
from zoo_tabular.cells import Encoder, Markers

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weighting = Literal["rare", "counts", "presence"]


class TextEncoder(Encoder):
    """Encodes a text as one feature for each frequent word of the training rows.

    Parameters
    ----------
    name, markers
        As for `zoo_tabular.cells.Encoder`.
    words
        Number of words with a feature: those in the most rows. A word of one row has none.
    weighting
        As for `zoo_tabular.columns.TextColumn`.
    """

    def __init__(self, name: str, markers: Markers, words: int, weighting: Weighting) -> None:
        super().__init__(name, markers)
        self.limit = words
        self.weighting = weighting
        self.weights: dict[str, float] = {}

    @property
    def width(self) -> int:
        return len(self.weights)

    @property
    def fitted(self) -> bool:
        return bool(self.weights)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the words, and how rare each is."""
        counts = Counter(word for cell in cells for word in set(self._words(cell)))
        ordered = sorted(counts, key=lambda word: (-counts[word], word))[: self.limit]
        known = [word for word in ordered if counts[word] > 1]
        if not known:
            msg = f"column {self.name!r} holds no word that occurs in two of the training rows"
            raise InputError(msg, kind="no-words")
        self.weights = {word: self._weight(counts[word], len(cells)) for word in known}

    def _weight(self, rows: int, total: int) -> float:
        # As scikit-learn's TfidfVectorizer weighs words: smoothed as if one more row had them all.
        return math.log((1 + total) / (1 + rows)) + 1 if self.weighting == "rare" else 1.0

    def encode(self, cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]) -> None:
        """Write the weighted count of each known word; a text without any is all zeros."""
        column = {word: number for number, word in enumerate(self.weights)}
        for row, cell in enumerate(cells):
            counts = Counter(word for word in self._words(cell) if word in column)
            values = {
                word: self.weights[word] * (1 if self.weighting == "presence" else count)
                for word, count in counts.items()
            }
            # Long and short texts weigh the same.
            length = math.hypot(*values.values()) if self.weighting == "rare" else 1.0
            for word, value in values.items():
                out[row, column[word]] = value / length

    def _words(self, cell: Any) -> list[str]:
        return [] if self.markers.match(cell) else words_of(str(cell))

    def state(self) -> dict[str, Any]:
        return {"words": list(self.weights), "weights": list(self.weights.values())}

    def restore(self, state: Mapping[str, Any]) -> None:
        words = msgspec.convert(state["words"], list[str])
        weights = msgspec.convert(state["weights"], list[float])
        self.weights = dict(zip(words, weights, strict=True))
