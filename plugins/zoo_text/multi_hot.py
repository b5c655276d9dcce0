"""The preprocessor that turns a text into the set of its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.data.tokens import Tokens
from zoo_text.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MultiHot(Words):
    """One column per word number: 1 if the text has the word, in any position.

    The parameters are those of `zoo_text.words.Words`.
    """

    @property
    def shape(self) -> tuple[int]:
        """(words,)"""
        return (self.words,)

    def tensors(self, texts: Tokens) -> NDArray[np.uint8]:
        """Return uint8 of shape (texts, words); as float32 a dataset would fill the memory."""
        import numpy as np

        matrix: NDArray[Any] = np.zeros((len(texts), self.words), np.uint8)
        matrix[np.repeat(np.arange(len(texts)), texts.lengths), texts.flat] = 1
        return matrix
