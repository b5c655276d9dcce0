"""The preprocessor of letters: the last letters of a text, to predict the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from zoo import InputError, Sequencer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Letters(Sequencer):
    """The last letters of a text as numbers in [0, 1): position in the alphabet / its size.

    Parameters
    ----------
    alphabet
        All letters, in order.
    length
        Number of letters in a sample.
    layout
        Whether each letter is a step with one feature, or all are the features of one step.
    pad
        Whether shorter texts are padded with zeros in front; otherwise they are an error.
    substrings
        Number of random pieces of the text to learn from, of 1 to `length` letters; 0 for every
        piece of `length` letters.
    seed
        Seed of the random pieces.
    """

    def __init__(
        self,
        alphabet: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        length: int = 1,
        layout: Literal["steps", "features"] = "steps",
        pad: bool = False,
        substrings: int = 0,
        seed: int = 7,
    ) -> None:
        if not alphabet or len(set(alphabet)) != len(alphabet):
            msg = f"alphabet must be different letters, received {alphabet!r}"
            raise ValueError(msg)
        if length < 1:
            msg = f"length must be at least 1, received {length}"
            raise ValueError(msg)
        if substrings and not pad:
            msg = "substrings have different lengths; they need pad = true"
            raise ValueError(msg)
        self.alphabet = alphabet
        self.length = length
        self.layout = layout
        self.pad = pad
        self.substrings = substrings
        self.seed = seed
        self._positions = {letter: position for position, letter in enumerate(alphabet)}

    @property
    def shape(self) -> tuple[int, int]:
        """(steps, features): (length, 1), or (1, length) for letters as features."""
        return (self.length, 1) if self.layout == "steps" else (1, self.length)

    def one(self, raw: Any) -> NDArray[np.float32]:
        """Return the last letters of a text as float32 of shape `shape`."""
        import numpy as np

        numbers = self._numbers(raw)[-self.length :]
        if len(numbers) < self.length and not self.pad:
            msg = f"expected at least {self.length} letters, received {raw!r}"
            raise InputError(msg, kind="too-short")
        sample = np.zeros(self.length, np.float32)
        sample[self.length - len(numbers) :] = numbers
        return sample.reshape(self.shape)

    def steps(self, raw: Any) -> NDArray[np.float32]:
        """Return all letters of a text, float32 of shape (letters, 1); never padded.

        With the layout ``"features"``, each step has `length` letters.
        """
        numbers = self._numbers(raw)
        features = self.shape[1]
        if len(numbers) % features:
            msg = f"expected letters in groups of {features}, received {raw!r}"
            raise InputError(msg, kind="bad-length")
        return numbers.reshape(-1, features)

    def samples(self, text: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return pieces of a text, and the letter that follows each."""
        pieces = list(self._substrings(text) if self.substrings else self._windows(text))
        if not pieces:
            msg = f"expected a text of more than {self.length} letters, received {len(text)}"
            raise InputError(msg, kind="too-short")
        return [piece for piece, _ in pieces], [letter for _, letter in pieces]

    def _windows(self, text: str) -> list[tuple[str, str]]:
        ends = range(self.length, len(text))
        return [(text[end - self.length : end], text[end]) for end in ends]

    def _substrings(self, text: str) -> list[tuple[str, str]]:
        import numpy as np

        if len(text) < 3:
            return []
        # NumPy's old generator, in this order: the published pieces were drawn this way.
        random = np.random.RandomState(self.seed)
        pieces = []
        for _ in range(self.substrings):
            start = random.randint(len(text) - 2)
            end = random.randint(start, min(start + self.length, len(text) - 1))
            pieces.append((text[start : end + 1], text[end + 1]))
        return pieces

    def before(self, letter: str) -> str:
        """Return the letters of the alphabet before the first one of `letter`."""
        self._numbers(letter[:1])
        return self.alphabet[: self.alphabet.index(letter[:1])]

    def _numbers(self, raw: Any) -> NDArray[np.float32]:
        import numpy as np

        if not isinstance(raw, str) or not raw:
            msg = f"expected a text of letters, received {raw!r}"
            raise InputError(msg, kind="not-a-text")
        unknown = next((letter for letter in raw if letter not in self._positions), None)
        if unknown is not None:
            msg = f"{unknown!r} is not in the alphabet {self.alphabet}"
            raise InputError(msg, kind="unknown-letter")
        positions = np.array([self._positions[letter] for letter in raw], np.float32)
        return positions / np.float32(len(self.alphabet))
