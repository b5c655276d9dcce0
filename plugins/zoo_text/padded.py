"""The preprocessor that turns texts into sequences of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from zoo.data.tokens import PADDING, Tokens, steps
from zoo_text.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Padded(Words):
    """Word numbers in order; short texts are padded with 0, long ones are cut.

    Parameters
    ----------
    words
        See `zoo_text.words.Words`.
    length
        Number of word numbers in a sample.
    pad, cut
        At which end short texts are padded, and long ones are cut. The front suits a recurrent
        network, which reads the end of the text last.
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

        return np.asarray(self._word_numbers(raw), np.int32)

    def tensors(self, texts: Tokens) -> NDArray[np.int32]:
        """Return int32 of shape (texts, length)."""
        import numpy as np

        matrix = np.full((len(texts), self.length), PADDING, np.int32)
        counts = np.minimum(texts.lengths, self.length)
        first = texts.offsets[:-1] + (texts.lengths - counts if self.cut == "front" else 0)
        column = self.length - counts if self.pad == "front" else np.zeros_like(counts)
        step = steps(counts)
        rows = np.repeat(np.arange(len(texts)), counts)
        matrix[rows, np.repeat(column, counts) + step] = texts.flat[np.repeat(first, counts) + step]
        return matrix
