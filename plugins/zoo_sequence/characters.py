"""Texts as characters: what a network reads, and what it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo import Decoder, InputError, Preprocessor
from zoo.decoders import as_cell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PADDING = 0
"""Number of the symbol that fills a text up; the characters of the alphabet follow it."""


class Characters(Preprocessor):
    """The characters of a text, each a step; short texts are padded, long ones are errors.

    Parameters
    ----------
    alphabet
        All characters; those of the training texts, sorted, if not given.
    length
        Number of steps.
    layout
        Whether a step is a vector with a 1 for its character, of zeros for padding; or a number for
        an embedding: 0 for padding, and 1 for the first character of the alphabet.
    pad
        At which end short texts are padded. The front suits a recurrent network, which reads the
        end of the text last.
    """

    kind = "text"

    def __init__(
        self,
        alphabet: str | None = None,
        length: int = 32,
        layout: Literal["one-hot", "numbers"] = "one-hot",
        pad: Literal["front", "back"] = "front",
    ) -> None:
        _check_options(alphabet, length)
        self.alphabet = alphabet
        self.length = length
        self.layout = layout
        self.pad = pad

    @property
    def shape(self) -> tuple[int, ...]:
        """(length, size of the alphabet), or (length,) for numbers."""
        if self.layout == "numbers":
            return (self.length,)
        return self.length, len(_fitted(self.alphabet))

    def one(self, raw: Any) -> NDArray[Any]:
        """Return float32 of shape `shape`, or int32 for numbers."""
        import numpy as np

        if not isinstance(raw, str):
            msg = f"expected a text, received {str(raw)[:60]!r}"
            raise InputError(msg, kind="not-a-text")
        alphabet = _fitted(self.alphabet)
        numbers = _numbers(raw, alphabet, self.length)
        if self.pad == "front":
            numbers = np.roll(numbers, self.length - len(raw))
        if self.layout == "numbers":
            return numbers
        one_hot: NDArray[np.float32] = np.eye(len(alphabet) + 1, dtype=np.float32)[numbers]
        return one_hot[:, PADDING + 1 :]

    def fit(self, raws: Sequence[Any]) -> None:
        """Learn the alphabet from the training texts, unless the spec gives it."""
        if self.alphabet is None:
            self.alphabet = _alphabet_of(raw for raw in raws if isinstance(raw, str))

    def state(self) -> dict[str, Any]:
        """Return the alphabet."""
        return {"alphabet": self.alphabet}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the alphabet."""
        self.alphabet = msgspec.convert(state["alphabet"], str | None)


class Text(Decoder):
    """A text, written character by character: one softmax for each place.

    Behind the end of a text, the network gives a symbol of its own.

    Parameters
    ----------
    alphabet
        All characters; those of the training targets, sorted, if not given.
    length
        Number of places; that of the longest training target if not given. Longer ones are errors.
    """

    output_activation = "softmax"

    def __init__(self, alphabet: str | None = None, length: int | None = None) -> None:
        _check_options(alphabet, length)
        self.alphabet = alphabet
        self.length = length

    @property
    def units(self) -> int | None:
        """One output for each character, after that for the end."""
        return None if self.alphabet is None else len(self.alphabet) + 1

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn alphabet and length from the training targets, unless the spec gives them."""
        texts = list(map(as_cell, labels))
        if self.alphabet is None:
            self.alphabet = _alphabet_of(texts)
        if self.length is None:
            self.length = max(map(len, texts), default=0)

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the number of the character at each place, int32 (rows, length)."""
        import numpy as np

        alphabet, length = _fitted(self.alphabet), self.length or 0
        targets: list[NDArray[np.int32]] = []
        errors: list[InputError | None] = []
        for label in labels:
            try:
                targets.append(_numbers(as_cell(label), alphabet, length))
                errors.append(None)
            except InputError as error:
                errors.append(InputError(f"the target: {error.message}", kind="bad-target"))
        return np.array(targets, np.int32).reshape(len(targets), length), errors

    def decode(self, outputs: NDArray[np.floating[Any]]) -> list[Any]:
        """Return the likeliest text of each row of `outputs` (rows, length, characters)."""
        # A space stands for the end; it is cut off before anybody could take it for a character.
        symbols = " " + _fitted(self.alphabet)
        texts = []
        for numbers in outputs.argmax(axis=-1).tolist():
            end = numbers.index(PADDING) if PADDING in numbers else len(numbers)
            texts.append("".join(symbols[number] for number in numbers[:end]))
        return texts

    def state(self) -> dict[str, Any]:
        """Return alphabet and length."""
        return {"alphabet": self.alphabet, "length": self.length}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore alphabet and length."""
        self.alphabet = msgspec.convert(state["alphabet"], str | None)
        self.length = msgspec.convert(state["length"], int | None)


def _numbers(text: str, alphabet: str, length: int) -> NDArray[np.int32]:
    """Return the numbers of a text's characters, padded to a length."""
    import numpy as np

    if not text:
        msg = "is empty, expected a text"
        raise InputError(msg, kind="empty-text")
    if len(text) > length:
        msg = f"{text[:60]!r} has {len(text)} characters, expected at most {length}"
        raise InputError(msg, kind="bad-length")
    places = {character: place for place, character in enumerate(alphabet, PADDING + 1)}
    unknown = next((character for character in text if character not in places), None)
    if unknown is not None:
        msg = f"{unknown!r} in {text!r} is not in the alphabet {alphabet!r}"
        raise InputError(msg, kind="unknown-letter")
    numbers = np.full(length, PADDING, np.int32)
    numbers[: len(text)] = [places[character] for character in text]
    return numbers


def _alphabet_of(texts: Iterable[str]) -> str:
    """Return the characters of training texts, sorted."""
    alphabet = "".join(sorted({character for text in texts for character in text}))
    if not alphabet:
        msg = "the training rows hold no text"
        raise InputError(msg, kind="not-a-text")
    return alphabet


def _fitted(alphabet: str | None) -> str:
    """Return an alphabet that is known."""
    if alphabet is None:
        msg = "the alphabet is learnt from training data; nothing was fitted yet"
        raise InputError(msg, kind="not-fitted")
    return alphabet


def _check_options(alphabet: str | None, length: int | None) -> None:
    """Raise `ValueError` if an alphabet repeats a character, or a length is not positive."""
    if alphabet is not None and (not alphabet or len(set(alphabet)) != len(alphabet)):
        msg = f"alphabet must be different characters, received {alphabet!r}"
        raise ValueError(msg)
    if length is not None and length < 1:
        msg = f"length must be at least 1, received {length}"
        raise ValueError(msg)
