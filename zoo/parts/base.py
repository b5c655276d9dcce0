"""The two hooks between raw data and tensors: ``Preprocessor`` and ``Decoder``.

Both may have fitted state, learnt from the training part of the data alone; it is plain data
(numbers, strings, lists), stored in the bundle next to the weights.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from zoo.backend.runner import map_arrays
from zoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.backend.runner import Shape, Tensors
    from zoo.parts.results import Prediction


class Choice(NamedTuple):
    """A value that was chosen for an option of a spec, and why.

    Attributes
    ----------
    value
        The value; None leaves the option out. A dictionary of choices is a table.
    reason
        A comment for people.
    """

    value: Any
    reason: str


Kind = Literal["image", "table", "text", "sequence", "array"]


class Preprocessor(abc.ABC):
    """Turns raw input into the float32 tensor that the network takes.

    A subclass is constructed with the options of the spec's ``input`` and defines `kind`, `shape`
    and `one`; it overrides `many` where a batch is cheaper than its rows one by one.

    Attributes
    ----------
    kind
        What raw input is: ``"image"`` (path, bytes, Pillow image or uint8 array), ``"table"``
        (rows of a `zoo.Table`), ``"text"`` (str), ``"sequence"`` (str, read letter
        by letter) or ``"array"``.
    value_range
        Lowest and highest value of a pixel, for images whose colours are scaled in one way. Random
        changes of colours in training need it.
    """

    kind: ClassVar[Kind]
    value_range: tuple[float, float] | None = None

    @property
    @abc.abstractmethod
    def shape(self) -> Shape | dict[str, Shape]:
        """Shape of one sample, without the batch axis; by name, where there are several inputs."""

    @abc.abstractmethod
    def one(self, raw: Any) -> Tensors:
        """Return the tensor of one raw input, of shape `shape`.

        Raises
        ------
        InputError
            If the input cannot be used.
        """

    def many(self, raws: Sequence[Any]) -> tuple[Tensors, list[InputError | None]]:
        """Return the tensors of the usable inputs, stacked, and one error or None per input."""
        import numpy as np

        tensors: list[Any] = []
        errors: list[InputError | None] = []
        for raw in raws:
            try:
                tensors.append(self.one(raw))
                errors.append(None)
            except InputError as error:
                errors.append(error)
        if tensors:
            return map_arrays(lambda *arrays: np.stack(arrays), *tensors), errors
        return empty_tensors(self.shape), errors

    def steps(self, raw: Any) -> NDArray[np.float32]:
        """Return a raw input as the steps that a session feeds to a recurrent network.

        Returns
        -------
        ndarray
            Of shape (steps, ...): what `one` returns, but of any length and never padded.
        """
        return self.one(raw)  # type: ignore[return-value]  # sessions have one input

    @classmethod
    def propose(cls, raws: Sequence[Any], labels: Sequence[Any]) -> dict[str, Choice] | None:
        """Return options for data like these, or None if it has no opinion; ``zoo init`` asks.

        Parameters
        ----------
        raws
            Raw inputs, or a sample of them.
        labels
            The label of each.
        """
        return None

    def time_column(self, raws: Sequence[Any]) -> tuple[str, str] | None:
        """Return the column that says when each row was, and its format; ``zoo init`` asks.

        The format is that of `zoo.Split`. None if there is no such column.
        """
        return None

    def fit(self, raws: Sequence[Any]) -> None:  # noqa: B027  # nothing to learn is the usual case
        """Learn state (means, vocabulary, columns) from the training part of the data."""

    def outside(self, raws: Sequence[Any]) -> list[str]:
        """Return a sentence for each fitted range that these inputs leave."""
        return []

    def state(self) -> dict[str, Any]:
        """Return the fitted state as plain data."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore what `state` returned."""


def empty_tensors(shape: Shape | dict[str, Shape]) -> Tensors:
    """Return the tensors of no inputs, float32."""
    import numpy as np

    def make(sides: Shape) -> NDArray[Any]:
        return np.empty((0, *(side or 0 for side in sides)), np.float32)

    return map_arrays(make, shape)  # type: ignore[no-any-return]


class Sequencer(Preprocessor):
    """A preprocessor of sequences that are learnt in pieces and continued letter by letter.

    Raw input is a text. Its letters are the labels of the model's decoder.

    Attributes
    ----------
    length
        Maximum number of letters that the network sees, where no state carries earlier ones.
    """

    kind: ClassVar[Literal["sequence"]] = "sequence"
    length: int

    @abc.abstractmethod
    def samples(self, raw: Any) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return pieces of a sequence to train on, and what follows each.

        Raises
        ------
        InputError
            If the sequence is too short for one piece.
        """

    @abc.abstractmethod
    def before(self, raw: Any) -> Any:
        """Return what comes before a piece in the order of the alphabet; it may be empty."""


Units = int | None | dict[str, int | None]
"""Width of an output, None if it is open; of each output by name, where there are several."""


class Decoder(abc.ABC):
    """Turns the network's output into labels and numbers, and labels into training targets.

    Attributes
    ----------
    output_activation
        Keras name of the activation behind the outputs that it decodes, for instance
        ``"softmax"`` (one class of many), ``"sigmoid"`` (each label by itself) or ``"linear"``. An
        architecture with a parameter of that name receives it, and networks and losses that do
        not fit are refused; None leaves it to the architecture.
    """

    output_activation: str | None = None

    @property
    @abc.abstractmethod
    def units(self) -> Units:
        """Width of the network's last axis; ``None`` while it is open (nothing fitted yet).

        By name, where there are several outputs.
        """

    @abc.abstractmethod
    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the targets of the usable labels, and one error or None per label.

        Classes are encoded as int32 indices (two classes behind one sigmoid unit: 0.0 or 1.0);
        they are made one-hot where the loss needs that.
        """

    @abc.abstractmethod
    def decode(self, outputs: NDArray[np.floating[Any]]) -> list[Any]:
        """Return, for each row of `outputs`, a text, a number, or nested lists of them."""

    def fit(self, labels: Sequence[Any]) -> None:  # noqa: B027
        """Learn the classes from the training labels, where the spec does not fix them."""

    def state(self) -> dict[str, Any]:
        """Return the fitted state as plain data."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore what `state` returned."""


class Classifier(Decoder):
    """A decoder whose outputs are classes with probabilities.

    Attributes
    ----------
    one_class
        Whether each row has one class; it may have several, or none, otherwise.
    """

    one_class: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def units(self) -> int | None:
        """Number of the network's outputs; None while the classes are not known."""

    @abc.abstractmethod
    def decode(
        self, outputs: NDArray[np.floating[Any]], top: int | None = None
    ) -> list[tuple[Prediction, ...]]:
        """Return, for each row of `outputs`, the `top` classes, best first (all, if None)."""


class Regressor(Decoder):
    """A decoder whose outputs are numbers."""

    @abc.abstractmethod
    def decode(self, outputs: NDArray[np.floating[Any]]) -> list[float | list[float]]:
        """Return, for each row of `outputs`, a number, or a list of numbers."""
