"""Decoders of classes: one, several or none for each row, or one for each position of an array."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import InputError, join_or
from zoo.numeric import as_cell, number_of
from zoo.parts.base import Classifier, Decoder
from zoo.parts.results import LabelScores, Prediction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
"""Names of classes that are decoded as integers: ``007`` is not the name of class 7."""


class Classes(Classifier):
    """One probability for each class, as a softmax gives them.

    In the data, a class is its name or its value; an array of a 1 and zeros (one-hot) is the class
    at the place of the 1.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the outputs; learnt from the data if not given.
    values
        The value of each class in the data; the labels themselves if not given.
    ids
        The label set's own identifiers, where it has them.
    """

    output_activation = "softmax"

    def __init__(
        self,
        labels: list[str] | None = None,
        values: list[str | int] | None = None,
        ids: list[str] | None = None,
    ) -> None:
        for name, other in (("values", values), ("ids", ids)):
            if other is not None and len(other) != len(labels or ()):
                msg = f"{name} and labels must have the same length, received {len(other)} and "
                msg += str(len(labels or ()))
                raise ValueError(msg)
        self.labels = list(labels) if labels else None
        self.values = [str(value) for value in values] if values else None
        self.ids = ids

    @property
    def units(self) -> int | None:
        """One output for each class."""
        return len(self.labels) if self.labels else None

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn the classes, in sorted order (numbers as numbers), unless the spec names them."""
        if self.labels is None:
            if width := next((len(label) for label in labels if _is_vector(label)), 0):
                self.labels = [str(place) for place in range(width)]
                return
            cells = sorted({as_cell(label) for label in labels}, key=_sort_key)
            self.labels = [cell for cell in cells if cell]

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the index of each known label (int32), and an error for each unknown one."""
        import numpy as np

        names, values = self.labels or [], self.values or []
        counts = Counter(names)
        codes = {name: code for code, name in enumerate(names) if counts[name] == 1}
        codes |= {value: code for code, value in enumerate(values)}
        cells = [
            _class_of_vector(label, names) if _is_vector(label) else as_cell(label)
            for label in labels
        ]
        errors = [None if cell in codes else self._unknown(cell, counts[cell]) for cell in cells]
        return np.array([codes[cell] for cell in cells if cell in codes], np.int32), errors

    def _unknown(self, cell: str, count: int) -> InputError:
        """Return the error of a label that is the name of no class, or of several."""
        names, values = self.labels or [], self.values or []
        if count > 1:
            of = [value for name, value in zip(names, values, strict=False) if name == cell]
            msg = f"{count} classes are called {cell!r}" + (f"; use {join_or(of)}" if of else "")
            return InputError(msg, kind="ambiguous-class")
        msg = f"unknown class {cell!r}, expected one of {', '.join((values or names)[:20])}"
        return InputError(msg, kind="unknown-class")

    def decode(
        self, outputs: NDArray[np.floating[Any]], top: int | None = None
    ) -> list[tuple[Prediction, ...]]:
        """Return the `top` classes of each row of `outputs` (rows, classes), best first."""
        labels = self.labels or [str(index) for index in range(outputs.shape[-1])]
        return _rank(outputs, labels, self.ids, top)

    def state(self) -> dict[str, Any]:
        """Return the labels."""
        return {"labels": self.labels}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the labels."""
        self.labels = msgspec.convert(state["labels"], list[str] | None)


class Binary(Classes):
    """Two classes behind one sigmoid unit: its output is the probability of the second."""

    output_activation = "sigmoid"

    @property
    def units(self) -> int:
        """One output."""
        return 1

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn the two classes, unless the spec names them."""
        super().fit(labels)
        if self.labels is None or len(self.labels) != 2:
            names = ", ".join((self.labels or [])[:5])
            msg = f"the target must hold two classes, received {len(self.labels or ())}: {names}"
            raise InputError(msg, kind="wrong-classes")

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return 0.0 or 1.0 for each label, shape (rows, 1)."""
        indices, errors = super().encode(labels)
        return indices.astype("float32")[:, None], errors

    def decode(
        self, outputs: NDArray[np.floating[Any]], top: int | None = None
    ) -> list[tuple[Prediction, ...]]:
        """Return both classes of each row of `outputs` (rows, 1), the likelier first."""
        import numpy as np

        return super().decode(np.concatenate([1 - outputs, outputs], axis=-1), top)


class Labels(Classifier):
    """Any number of labels for each row, or none: the probability of each, by itself.

    In the data, the labels of a row are a list of names, a text with separators between them (an
    empty one has none), or a NumPy array with a 0 or 1 for each of `labels`.

    Parameters
    ----------
    labels
        The labels, in the order of the outputs; learnt from the data if not given.
    separator
        What stands between two labels in a text.
    """

    output_activation = "sigmoid"
    one_class = False

    def __init__(self, labels: list[str] | None = None, separator: str = ";") -> None:
        if not separator:
            msg = "separator must be at least one character, received ''"
            raise ValueError(msg)
        self.labels = list(labels) if labels else None
        self.separator = separator

    @property
    def units(self) -> int | None:
        """One output for each label."""
        return len(self.labels) if self.labels else None

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn the labels, in sorted order (numbers as numbers), unless the spec names them.

        Labels that are arrays of 0 and 1 are named by their place, from 0.
        """
        if self.labels is not None:
            return
        width = max((len(row) for row in labels if _is_indicator(row)), default=0)
        names = {name for row in labels if not _is_indicator(row) for name in self._names(row)}
        self.labels = sorted({*names, *map(str, range(width))}, key=_sort_key)
        if not self.labels:
            msg = "the target holds no label in the training rows"
            raise InputError(msg, kind="bad-target")

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return 1.0 for each label of a row and 0.0 for the others, float32 (rows, labels)."""
        places = {name: place for place, name in enumerate(self.labels or [])}
        return _encode_rows(labels, lambda row: self._encode_row(row, places), (len(places),))

    def _encode_row(self, row: Any, places: dict[str, int]) -> NDArray[np.float32]:
        import numpy as np

        if _is_indicator(row):
            if len(row) == len(places) and set(row.tolist()) <= {0, 1}:
                return np.asarray(row, np.float32)
            msg = f"the labels are {len(row)} numbers ({str(row)[:40]}), expected a 0 or 1 for "
            msg += f"each of {len(places)} labels"
            raise InputError(msg, kind="unknown-class")
        target = np.zeros(len(places), np.float32)
        for name in self._names(row):
            if name not in places:
                msg = f"unknown label {name!r}, expected some of {', '.join([*places][:20])}"
                raise InputError(msg, kind="unknown-class")
            target[places[name]] = 1
        return target

    def _names(self, row: Any) -> list[str]:
        """Return the names of a row's labels; a missing cell has none."""
        if isinstance(row, str):
            row = row.split(self.separator)
        elif not isinstance(row, Collection):
            row = [row] if row == row else []  # NaN is a missing cell of a frame
        return [name for name in map(as_cell, row) if name]

    def decode(
        self, outputs: NDArray[np.floating[Any]], top: int | None = None
    ) -> list[tuple[Prediction, ...]]:
        """Return the `top` labels of each row of `outputs` (rows, labels), likeliest first."""
        labels = self.labels or [str(index) for index in range(outputs.shape[-1])]
        return [LabelScores(row) for row in _rank(outputs, labels, None, top)]

    def state(self) -> dict[str, Any]:
        """Return the labels."""
        return {"labels": self.labels}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the labels."""
        self.labels = msgspec.convert(state["labels"], list[str] | None)


class Positions(Decoder):
    """One class for each position of an array: the pixels of a mask, the tags of a sequence.

    The network gives a softmax for each position. In the data, the label of a row is an array or
    nested list of classes, of one shape in all rows.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the outputs; learnt from the data if not given. In the
        data, a class is its name or, unless a name is a number, its place among them, from 0.
    """

    output_activation = "softmax"

    def __init__(self, labels: list[str] | None = None) -> None:
        self.labels = list(labels) if labels else None
        self.shape: tuple[int, ...] | None = None

    @property
    def units(self) -> int | None:
        """One output for each class."""
        return len(self.labels) if self.labels else None

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn the shape of a row's label, and the classes unless the spec names them."""
        rows = [row for row in map(_class_array, labels) if row is not None]
        if not rows:
            msg = "the target holds no array of classes in the training rows"
            raise InputError(msg, kind="bad-target")
        self.shape = Counter(row.shape for row in rows).most_common(1)[0][0]
        if self.labels is None:
            cells = {cell for row in rows for cell in _classes_in(row)[0]}
            self.labels = sorted(cells - {"", "nan"}, key=_sort_key)

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the class of each position, int32 (rows, ...), and an error for each bad row."""
        if self.shape is None:
            msg = "the shape of a label is learnt from training data; nothing was fitted yet"
            raise InputError(msg, kind="not-fitted")
        names = self.labels or []
        codes = {name: code for code, name in enumerate(names)}
        if all(number_of(name) != number_of(name) for name in names):
            codes |= {str(code): code for code in range(len(names))}
        return _encode_rows(labels, lambda row: self._encode_row(row, codes), self.shape, "int32")

    def _encode_row(self, row: Any, codes: dict[str, int]) -> NDArray[np.int32]:
        import numpy as np

        classes = _class_array(row)
        if classes is None or classes.shape != self.shape:
            what = repr(str(row)[:60]) if classes is None else f"of shape {classes.shape}"
            msg = f"the target is {what}, expected classes of shape {self.shape}"
            raise InputError(msg, kind="bad-shape")
        cells, places = _classes_in(classes)
        unknown = next((cell for cell in cells if cell not in codes), None)
        if unknown is not None:
            expected = ", ".join((self.labels or [])[:20])
            msg = f"unknown class {unknown!r}, expected one of {expected}"
            raise InputError(msg, kind="unknown-class")
        return np.array([codes[cell] for cell in cells], np.int32)[places].reshape(self.shape)

    def decode(self, outputs: NDArray[np.floating[Any]]) -> list[Any]:
        """Return the likeliest class of each position as nested lists, one for each row.

        Classes that are all whole numbers are integers, others texts.
        """
        import numpy as np

        names = self.labels or list(map(str, range(outputs.shape[-1])))
        whole = all(_WHOLE_NUMBER.fullmatch(name) for name in names)
        classes = np.array([int(name) for name in names] if whole else names)
        answers: list[Any] = classes[outputs.argmax(axis=-1)].tolist()
        return answers

    def state(self) -> dict[str, Any]:
        """Return the classes and the shape of a label."""
        return {"labels": self.labels, "shape": self.shape and list(self.shape)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the classes and the shape of a label."""
        self.labels = msgspec.convert(state["labels"], list[str] | None)
        self.shape = msgspec.convert(state["shape"], tuple[int, ...] | None)


def _rank(
    outputs: NDArray[np.floating[Any]],
    labels: Sequence[str],
    ids: Sequence[str] | None,
    top: int | None,
) -> list[tuple[Prediction, ...]]:
    """Return the `top` labels of each row of `outputs` (rows, labels), likeliest first."""

    names: Sequence[str | None] = ids or [None] * len(labels)
    # A stable sort, so that ties come in the order of the labels on every backend.
    order = (-outputs).argsort(axis=-1, kind="stable")[:, :top]
    return [
        tuple([Prediction(index, labels[index], row[index], names[index]) for index in best])
        for row, best in zip(outputs.tolist(), order.tolist(), strict=True)
    ]


def _encode_rows(
    labels: Sequence[Any],
    encode: Callable[[Any], NDArray[Any]],
    shape: tuple[int, ...],
    dtype: str = "float32",
) -> tuple[NDArray[Any], list[InputError | None]]:
    """Return the targets of the usable labels, each of one shape, and one error or None each."""
    import numpy as np

    targets: list[NDArray[Any]] = []
    errors: list[InputError | None] = []
    for label in labels:
        try:
            targets.append(encode(label))
            errors.append(None)
        except InputError as error:
            errors.append(error)
    return np.array(targets, dtype).reshape(len(targets), *shape), errors


def _is_vector(label: Any) -> bool:
    """Whether a label is an array or list of several numbers."""
    if isinstance(label, list | tuple):
        return len(label) > 1 and all(isinstance(value, int | float) for value in label)
    return _is_indicator(label) and len(label) > 1


def _class_of_vector(label: Any, names: Sequence[str]) -> str:
    """Return the class of a one-hot array; its text, which is no class, if it is another one."""
    values = list(label)
    if len(values) == len(names) and sorted(values) == [0] * (len(values) - 1) + [1]:
        return names[values.index(1)]
    return str(label)


def _is_indicator(row: Any) -> bool:
    """Whether the labels of a row are an array of numbers, one for each label."""
    return getattr(row, "ndim", 0) == 1 and row.dtype.kind in "biuf"


def _class_array(label: Any) -> NDArray[Any] | None:
    """Return the classes of a row's positions as an array; None if they do not make one."""
    import numpy as np

    try:
        array = np.asarray(label)
    except ValueError:  # lists of several lengths
        return None
    return array if array.ndim and array.size and array.dtype.kind in "biufU" else None


def _classes_in(row: NDArray[Any]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the different classes of an array, and for each position which one it is."""
    import numpy as np

    values, places = np.unique(row, return_inverse=True)
    return [as_cell(value) for value in values.tolist()], places


def _sort_key(label: str) -> tuple[bool, float, str]:
    """Return the sort key of a class: numbers by value, then texts by name."""
    number = number_of(label)
    is_text = number != number  # "nan" is a text too: numbers cannot be sorted with it
    return is_text, 0.0 if is_text else number, label
