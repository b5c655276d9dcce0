"""Decoders of numbers: one for each row, or a vector, an image, a sequence of vectors."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo.errors import InputError
from zoo.numeric import as_cell, number_of
from zoo.parts.base import Regressor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Value(Regressor):
    """Numbers as they are.

    Parameters
    ----------
    unit
        Unit of the number, for display.
    width
        How many numbers; ``None`` leaves that to the architecture (features).
    scale
        How the network sees them: ``"min-max"`` as 0 to 1 over the training rows, ``"standard"``
        with mean 0 and deviation 1. Losses and errors are in this scale, predictions are not.
    """

    output_activation = "linear"

    def __init__(
        self,
        unit: str = "",
        width: int | None = 1,
        scale: Literal["none", "min-max", "standard"] = "none",
    ) -> None:
        self.unit = unit
        self.width = width
        self.scale = scale
        self._range: tuple[float, float] | None = (0.0, 1.0) if scale == "none" else None

    @property
    def units(self) -> int | None:
        """One output for each number."""
        return self.width

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the numbers, float32 of shape (rows, 1), and an error for each non-number."""
        import numpy as np

        numbers = np.array([number_of(label) for label in labels], np.float64)
        usable = np.isfinite(numbers)
        errors: list[InputError | None] = [None] * len(numbers)
        for row in np.flatnonzero(~usable).tolist():
            text = f"the target is {as_cell(labels[row])!r}, expected a number"
            errors[row] = InputError(text, kind="not-a-number")
        shift, stretch = self._shift_and_stretch()
        scaled = (numbers[usable] - shift) / stretch
        return scaled.astype(np.float32)[:, None], errors

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn the scale from the training labels."""
        if self.scale == "none":
            return
        values = [number for number in map(number_of, labels) if math.isfinite(number)]
        if not values:
            msg = "the target holds no number in the training rows"
            raise InputError(msg, kind="not-a-number")
        if self.scale == "min-max":
            shift, stretch = min(values), max(values) - min(values)
        else:
            shift, stretch = statistics.fmean(values), statistics.pstdev(values)
        self._range = shift, stretch or 1.0

    def _shift_and_stretch(self) -> tuple[float, float]:
        if self._range is None:
            msg = "the target's scale is learnt from training data; nothing was fitted yet"
            raise InputError(msg, kind="not-fitted")
        return self._range

    def state(self) -> dict[str, Any]:
        """Return the scale."""
        shift, stretch = self._shift_and_stretch()
        return {"shift": shift, "stretch": stretch}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the scale."""
        self._range = msgspec.convert((state["shift"], state["stretch"]), tuple[float, float])

    def decode(self, outputs: NDArray[np.floating[Any]]) -> list[float | list[float]]:
        """Return a number for each row, or a list where the network has several outputs."""
        shift, stretch = self._shift_and_stretch()
        outputs = outputs * stretch + shift
        single = outputs.ndim == 2 and outputs.shape[1] == 1
        numbers: list[float | list[float]] = (outputs[:, 0] if single else outputs).tolist()
        return numbers


class Numbers(Regressor):
    """Several numbers for each row: a vector, an image, or a sequence of vectors.

    Parameters
    ----------
    shape
        Shape of the target of one row; the last axis is that of the network's units. Learnt from
        the data if not given.
    scale
        How the network sees them: ``"min-max"`` as 0 to 1 over the training rows, ``"standard"``
        with mean 0 and deviation 1, along the last axis each number by itself. Losses and errors
        are in this scale, predictions are not.
    unit
        Unit of the numbers, for display.
    """

    output_activation = "linear"

    def __init__(
        self,
        shape: list[int] | None = None,
        scale: Literal["none", "min-max", "standard"] = "none",
        unit: str = "",
    ) -> None:
        self.shape = tuple(shape) if shape else None
        self.scale = scale
        self.unit = unit
        self._range: tuple[list[float], list[float]] | None = None

    @property
    def units(self) -> int | None:
        """One output for each number along the last axis."""
        return self.shape[-1] if self.shape else None

    def fit(self, labels: Sequence[Any]) -> None:
        """Learn the shape and the scale from the training labels."""
        import numpy as np

        if self.shape is None:
            arrays = map(_array_of, labels)
            shapes = Counter(array.shape for array in arrays if np.isfinite(array).all())
            self.shape = shapes.most_common(1)[0][0] if shapes else None
        numbers = self._usable(labels)[0] if self.shape else None
        if numbers is None or not numbers.size:
            msg = "the target holds no arrays of numbers in the training rows"
            raise InputError(msg, kind="not-a-number")
        if self.scale == "none":
            return
        rows = numbers.reshape(-1, numbers.shape[-1])
        if self.scale == "min-max":
            shift, stretch = rows.min(axis=0), rows.max(axis=0) - rows.min(axis=0)
        else:
            shift, stretch = rows.mean(axis=0), rows.std(axis=0)
        stretch[stretch == 0] = 1.0
        self._range = shift.tolist(), stretch.tolist()

    def encode(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the numbers, float32 of shape (rows, *shape); errors for rows without them."""
        import numpy as np

        numbers, errors = self._usable(labels)
        shift, stretch = self._shift_and_stretch()
        return ((numbers - shift) / stretch).astype(np.float32), errors

    def decode(self, outputs: NDArray[np.floating[Any]]) -> list[float | list[float]]:
        """Return the numbers of each row of `outputs`, nested as its axes are."""
        shift, stretch = self._shift_and_stretch()
        return (outputs * stretch + shift).tolist()  # type: ignore[no-any-return]

    def _usable(self, labels: Sequence[Any]) -> tuple[NDArray[Any], list[InputError | None]]:
        """Return the usable targets, float64 of shape (rows, *shape), and errors of the others."""
        import numpy as np

        if self.shape is None:
            msg = "the target's shape is learnt from training data; nothing was fitted yet"
            raise InputError(msg, kind="not-fitted")
        arrays = list(map(_array_of, labels))
        texts = [
            f"the target has the shape {array.shape}, expected {self.shape}"
            if array.shape != self.shape
            else None if np.isfinite(array).all() else "the target holds what is no finite number"
            for array in arrays
        ]  # fmt: skip
        usable = [array for array, text in zip(arrays, texts, strict=True) if text is None]
        errors = [InputError(text, kind="not-a-number") if text else None for text in texts]
        return np.array(usable, np.float64).reshape(-1, *self.shape), errors

    def _shift_and_stretch(self) -> tuple[Any, Any]:
        import numpy as np

        if self.scale == "none":
            return 0.0, 1.0
        if self._range is None:
            msg = "the target's scale is learnt from training data; nothing was fitted yet"
            raise InputError(msg, kind="not-fitted")
        return np.array(self._range[0]), np.array(self._range[1])

    def state(self) -> dict[str, Any]:
        """Return shape and scale."""
        shift, stretch = self._range or (None, None)
        return {"shape": self.shape, "shift": shift, "stretch": stretch}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore shape and scale."""
        self.shape = msgspec.convert(state["shape"], tuple[int, ...] | None)
        if self.scale != "none":
            numbers = state["shift"], state["stretch"]
            self._range = msgspec.convert(numbers, tuple[list[float], list[float]])


def _array_of(label: Any) -> NDArray[np.float64]:
    """Return the numbers of a target, NaN if it has something else in it."""
    import numpy as np

    try:
        return np.atleast_1d(np.asarray(label, np.float64))
    except (TypeError, ValueError, OverflowError):
        return np.array([np.nan])
