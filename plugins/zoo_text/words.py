"""The base of all preprocessors of texts: it turns words into numbers and has the vocabulary."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from zoo import InputError, Preprocessor
from zoo.data.tokens import SHIFT, UNKNOWN, Tokens, count_words, tokens_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Words(Preprocessor):
    """Turns texts into word numbers, which a subclass turns into tensors.

    Raw input is a text, or its word numbers as in Keras's datasets. The vocabulary is that of the
    dataset, or is counted from the training texts; it is fitted state.

    Parameters
    ----------
    words
        Limit of the word numbers: from it on they become 2, unknown. So the ``words - 4`` most
        frequent words are known; 0, 1 and 2 are padding, start and unknown, 3 is not used.
    """

    kind: ClassVar[Literal["text"]] = "text"

    def __init__(self, words: int = 10_000) -> None:
        if words <= SHIFT + 1:
            msg = f"words must be at least {SHIFT + 2}, so that one word is known, received {words}"
            raise ValueError(msg)
        self.words = words
        self.ranks: Mapping[str, int] = {}

    @abc.abstractmethod
    def tensors(self, texts: Tokens) -> NDArray[Any]:
        """Return the tensors of texts whose word numbers are below `words`."""

    def fit(self, raws: Sequence[Any]) -> None:
        """Use the vocabulary of the dataset, or count the words of the training texts."""
        if isinstance(raws, Tokens):
            ranks = raws.words or {}
        else:
            ranks = count_words(raw for raw in raws if isinstance(raw, str))
        self.ranks = {word: rank for word, rank in ranks.items() if rank + SHIFT < self.words}

    def one(self, raw: Any) -> NDArray[Any]:
        """Return the tensor of one text, or of its word numbers."""
        tensor: NDArray[Any] = self.tensors(Tokens.of([self._word_numbers(raw)]))[0]
        return tensor

    def many(self, raws: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the tensors of the usable texts, and one error or None for each input."""
        if isinstance(raws, Tokens):
            texts = Tokens(self._cap(raws.flat), raws.offsets)
            return self.tensors(texts), [None] * len(raws)
        rows: list[Any] = []
        errors: list[InputError | None] = []
        for raw in raws:
            try:
                rows.append(self._word_numbers(raw))
                errors.append(None)
            except InputError as error:
                errors.append(error)
        return self.tensors(Tokens.of(rows)), errors

    def _word_numbers(self, raw: Any) -> Any:
        import numpy as np

        if isinstance(raw, str):
            if not raw.strip():
                msg = "is empty, expected a text"
                raise InputError(msg, kind="empty-text")
            if not self.ranks:
                msg = "the words have no numbers: the model was trained on numbers, or not at all"
                raise InputError(msg, kind="not-fitted")
            return tokens_of(raw, self.ranks, self.words)
        try:
            numbers = np.asarray(raw)
        except ValueError:  # lists of several lengths
            numbers = np.empty(())
        if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
            msg = f"expected a text or a list of word numbers, received {str(raw)[:60]!r}"
            raise InputError(msg, kind="not-a-text")
        if numbers.min() < 0:
            msg = f"word numbers start from 0, received {numbers.min()}"
            raise InputError(msg, kind="bad-number")
        return self._cap(numbers)

    def _cap(self, numbers: NDArray[Any]) -> NDArray[np.int32]:
        import numpy as np

        return np.where(numbers < self.words, numbers, UNKNOWN).astype(np.int32)

    def state(self) -> dict[str, Any]:
        """Return the rank of each word."""
        return {"ranks": dict(self.ranks)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the rank of each word."""
        self.ranks = msgspec.convert(state["ranks"], dict[str, int])
