"""Texts as sequences of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from zoo.data.tokens import PADDING, Tokens, steps
from zoo_text.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Padded(Words):
    """Word numbers in order; short texts are filled with 0, long ones are cut.

    Parameters
    ----------
    words
        See `zoo_text.words.Words`.
    length
        How many numbers a sample has.
    pad, cut
        At which end short texts are filled, and long ones are cut. In front is where it harms a
        recurrent network least: it reads the end of the text last.
    """

    def __init__(
        self,
        words: int = 10_000,
        length: int = 200,
        pad: Literal["front", "back"] = "front",
        cut: Literal["front", "back"] = "front",
    ) -> None:
        super().__init__(words)
        if length < 1:
            msg = f"length must be at least 1, received {length}"
            raise ValueError(msg)
        self.length = length
        self.pad = pad
        self.cut = cut

    @property
    def shape(self) -> tuple[int]:
        """(length,)"""
        return (self.length,)

    def steps(self, raw: Any) -> NDArray[Any]:
        """Return the numbers of a text of any length, int32 of shape (words,)."""
        import numpy as np

        return np.asarray(self._numbers(raw), np.int32)

    def tensors(self, texts: Tokens) -> NDArray[np.int32]:
        """Return int32 of shape (texts, length)."""
        import numpy as np

        matrix = np.full((len(texts), self.length), PADDING, np.int32)
        kept = np.minimum(texts.lengths, self.length)
        first = texts.offsets[:-1] + (texts.lengths - kept if self.cut == "front" else 0)
        column = self.length - kept if self.pad == "front" else np.zeros_like(kept)
        step = steps(kept)
        rows = np.repeat(np.arange(len(texts)), kept)
        matrix[rows, np.repeat(column, kept) + step] = texts.flat[np.repeat(first, kept) + step]
        return matrix
