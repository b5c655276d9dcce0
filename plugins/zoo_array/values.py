"""The preprocessor of arrays of numbers, all of one shape, or of several lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo import InputError, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Shape = tuple[int, ...]


class Values(Preprocessor):
    """Arrays of numbers as float32: series, embeddings, features of sound, images as numbers.

    Raw input is a NumPy array or a nested list.

    Parameters
    ----------
    shape
        Shape of a sample; that of the training samples if not given.
    length
        How long the first axis is made: longer samples are cut, shorter ones get zeros at the end.
        If not given, samples of another length are errors.
    scale
        ``"standard"`` scales to mean 0 and deviation 1, ``"min-max"`` to the range 0 to 1: all
        values of a series alike, and each place of the last axis by itself where samples have more
        than one axis.
    """

    kind = "array"

    def __init__(
        self,
        shape: list[int] | None = None,
        length: int | None = None,
        scale: Literal["none", "standard", "min-max"] = "none",
    ) -> None:
        if shape is not None and min(shape, default=0) < 1:
            msg = f"shape must be sides of at least 1, received {shape}"
            raise ValueError(msg)
        if length is not None and length < 1:
            msg = f"length must be at least 1, received {length}"
            raise ValueError(msg)
        if shape and length not in (None, shape[0]):
            msg = f"the first side of shape is {shape[0]}, and length is {length}; leave one out"
            raise ValueError(msg)
        self.length = length
        self.scale = scale
        self._shape = tuple(shape) if shape else None
        self._scaling: Scaling | None = None

    @property
    def shape(self) -> Shape:
        """Shape of one sample."""
        if self._shape is None:
            raise _not_fitted_error(self)
        return self._shape

    def one(self, raw: Any) -> NDArray[np.float32]:
        """Return the numbers of a sample, float32 of shape `shape`."""
        sample = _numbers(raw)
        received = self._with_length(sample.shape)
        if received != self.shape:
            msg = f"received numbers of shape {sample.shape}, expected {self.shape}"
            if received[1:] == self.shape[1:]:
                msg += "; the option length makes all samples as long"
            raise InputError(msg, kind="bad-shape")
        tensors, errors = self._scale(sample[None])
        if errors[0] is not None:
            raise errors[0]
        tensor: NDArray[np.float32] = tensors[0]
        return tensor

    def many(self, raws: Any) -> tuple[Any, list[InputError | None]]:
        """Return the tensors of samples, and an error or None for each; one array is fast."""
        numeric = getattr(getattr(raws, "dtype", None), "kind", "O") in "biuf"
        if numeric and raws.size and self._with_length(raws.shape[1:]) == self.shape:
            return self._scale(raws)
        return super().many(raws)

    def _with_length(self, shape: Shape) -> Shape:
        """Return the shape of a sample after it was given the length."""
        return (self.length, *shape[1:]) if self.length is not None and shape else shape

    def _scale(self, samples: NDArray[Any]) -> tuple[Any, list[InputError | None]]:
        """Return finite samples, scaled and of one length, and an error for each other one."""
        import numpy as np

        if self.scale != "none":
            if self._scaling is None:
                raise _not_fitted_error(self)
            samples = (samples - self._scaling.shift) / self._scaling.stretch
        tensors = np.zeros((len(samples), *self.shape), np.float32)
        samples = samples[:, : self.shape[0]]
        with np.errstate(over="ignore"):  # too large for float32 is not finite
            tensors[:, : samples.shape[1]] = samples
        flat = tensors.reshape(len(tensors), -1)
        finite: list[bool] = np.all(np.isfinite(flat), axis=1).tolist()
        errors = [None if good else _not_finite_error() for good in finite]
        return tensors if all(finite) else tensors[finite], errors

    def fit(self, raws: Sequence[Any]) -> None:
        """Learn the shape from the training samples, unless the spec gives it, and the scale."""
        samples = _usable(raws)
        if self._shape is None:
            shapes = Counter(self._with_length(sample.shape) for sample in samples)
            if not shapes:
                msg = "the training rows hold no array of finite numbers"
                raise InputError(msg, kind="bad-dtype")
            self._shape = shapes.most_common(1)[0][0]
        if self.scale != "none":
            fitting = [s for s in samples if self._with_length(s.shape) == self._shape]
            self._scaling = Scaling.of([s[: self._shape[0]] for s in fitting], self.scale)

    def outside(self, raws: Sequence[Any]) -> list[str]:
        """Return a sentence if scaled values leave the range of the training rows."""
        samples = _usable(raws) if self._scaling is not None else []
        if self._scaling is None or not samples:
            return []
        low, high = min(s.min() for s in samples), max(s.max() for s in samples)
        if self._scaling.low <= low and high <= self._scaling.high:
            return []
        fitted = f"{self._scaling.low:g} to {self._scaling.high:g}"
        text = f"values leave the range {fitted} that their scale was fitted to"
        return [f"{text} (now {low:g} to {high:g})"]

    def state(self) -> dict[str, Any]:
        """Return the shape and the scale."""
        scaling = None if self._scaling is None else msgspec.to_builtins(self._scaling)
        return {"shape": list(self.shape), "scaling": scaling}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the shape and the scale."""
        self._shape = msgspec.convert(state["shape"], tuple[int, ...])
        self._scaling = msgspec.convert(state["scaling"], Scaling | None)


class Scaling(msgspec.Struct, frozen=True):
    """What is subtracted from values, and what they are divided by.

    Attributes
    ----------
    shift, stretch
        One number, or one for each place of the last axis.
    low, high
        Range of the training values.
    """

    shift: list[float]
    stretch: list[float]
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[NDArray[Any]], scale: str) -> Scaling:
        """Learn the scale from samples whose shapes differ in their first side at most.

        Raises
        ------
        InputError
            If there are none.
        """
        import numpy as np

        if not samples:
            msg = "no training row has finite numbers of the model's shape"
            raise InputError(msg, kind="bad-shape")
        width = samples[0].shape[-1] if samples[0].ndim > 1 else 1
        values = np.concatenate([sample.reshape(-1, width) for sample in samples]).astype(float)
        low, high = values.min(axis=0), values.max(axis=0)
        shift, stretch = (
            (values.mean(axis=0), values.std(axis=0)) if scale == "standard" else (low, high - low)
        )
        stretch[stretch == 0] = 1  # constant values become 0
        return cls(shift.tolist(), stretch.tolist(), float(low.min()), float(high.max()))


def _numbers(raw: Any) -> NDArray[Any]:
    """Return raw input as an array of numbers."""
    import numpy as np

    try:
        sample = np.asarray(raw)
    except ValueError:
        msg = "received lists of several lengths, expected an array of numbers"
        raise InputError(msg, kind="bad-shape") from None
    if sample.dtype.kind not in "biuf":
        msg = f"received {str(raw)[:60]!r}, expected an array of numbers"
        raise InputError(msg, kind="bad-dtype")
    if not sample.ndim or not sample.size:
        what = "an empty array" if sample.ndim else f"the number {raw}"
        msg = f"received {what}, expected an array of numbers"
        raise InputError(msg, kind="bad-shape")
    return sample


def _usable(raws: Sequence[Any]) -> list[NDArray[Any]]:
    """Return the samples that are arrays of finite numbers."""
    import numpy as np

    samples = []
    for raw in raws:
        try:
            sample = _numbers(raw)
        except InputError:
            continue
        if np.isfinite(sample).all():
            samples.append(sample)
    return samples


def _not_finite_error() -> InputError:
    msg = "received values that are NaN, infinite or too large, expected finite numbers"
    return InputError(msg, kind="bad-dtype")


def _not_fitted_error(part: Values) -> InputError:
    what = "scale" if part.scale != "none" else "shape"
    msg = f"the {what} of the arrays is learnt from training data; nothing was fitted yet"
    return InputError(msg, kind="not-fitted")
