"""Rows to train on: their interface, the implementation for rows in memory, and their order.

They reach Keras's ``fit`` in an order fixed by the seed and the number of the epoch. So a killed
training resumes exactly where it was, and all backends see the same batches. Keras's own loop stays
in charge of callbacks, metrics, validation and history.
"""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from zoo.backend import keras_private
from zoo.backend.choose import keras
from zoo.backend.runner import (
    Batch,
    cast_inputs,
    count_batches,
    count_samples,
    map_arrays,
    take_rows,
)
from zoo.data.labelled import LabelledRows
from zoo.errors import TrainingError
from zoo.inference.measure import EVAL_BATCH, check_carry, measure, row_weights, targets_for
from zoo.inference.rows import Prepare, to_tensors
from zoo.parts.faults import without_errors
from zoo.parts.heads import heads_of
from zoo.spec.model import Training
from zoo.training.augment import Augmentation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.inference.base import BaseModel

SAMPLE_ROWS = 2_000
"""About how many rows show whether a network is dead."""


class Rows(ABC):
    """What `zoo.training.fit.fit` trains on.

    Attributes
    ----------
    training
        The recipe.
    rows
        Rows of an epoch.
    content
        For each part, the facts about its rows, their hash and number included.
    notes
        What a user should know about the rows.
    failure
        The error that ended the reading; not every backend passes it on unchanged.
    """

    training: Training
    rows: int
    content: dict[str, Any]
    notes: Sequence[str] = ()
    failure: Exception | None = None

    @property
    def steps(self) -> int:
        """Number of steps of an epoch."""
        return count_batches(self.rows, self.training.batch_size)

    @abstractmethod
    def fit_arguments(self, network: Any, epoch: int, *, one_by_one: bool) -> dict[str, Any]:
        """Return the arguments of ``fit`` for the data, starting with the given epoch.

        Callbacks hear of each step only if the steps are taken `one_by_one`.
        """

    @abstractmethod
    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        """Return loss and metrics of the current weights on each part."""

    @abstractmethod
    def sample(self) -> tuple[Any, ...]:
        """Return inputs and targets of some training rows, and their weights if they have any."""

    def probe(self) -> Batch:
        """Return inputs of a few training rows and targets of many, before `part_to_train`."""
        return self.sample()[:2]

    def part_to_train(self, network: Any, *, whole: bool) -> Any:
        """Return the part of a network that is trained on these rows: usually the `whole`.

        The rows are complete after it; before, some only have `content` and `probe`.
        """
        return network

    @abstractmethod
    def with_recipe(self, training: Training, seed: int) -> Self:
        """Return the same rows under a recipe that encodes their targets in the same way."""

    def start_epoch(self, epoch: int) -> None:  # noqa: B027  # not all rows need to know
        """Receive the number of the epoch that starts."""

    def close(self) -> None:  # noqa: B027  # not all rows hold something open
        """Close what was open for the training; the rows can still be measured."""


class InMemory(Rows):
    """All rows in memory.

    Parameters
    ----------
    model
        The model; its preprocessing is fitted here, to the training rows.
    parts
        The parts of the data.
    seed
        Seed of the order of the rows.
    weights
        How much each training row counts, float of shape (rows,); all the same, if not given.
    fitted
        Parts that are fitted already and stay as they are: ``"input"``, ``"output"``.
    fail_fast
        Whether a damaged photo is an error.
    """

    def __init__(
        self,
        model: BaseModel,
        parts: dict[str, LabelledRows],
        seed: int,
        *,
        weights: NDArray[Any] | None = None,
        fitted: Collection[str] = (),
        fail_fast: bool = False,
    ) -> None:
        self.fit_parts(model, parts, fitted)
        self.load(model, seed, weights=weights, fail_fast=fail_fast)

    def fit_parts(
        self, model: BaseModel, parts: dict[str, LabelledRows], fitted: Collection[str]
    ) -> None:
        """Fit preprocessing to the training rows, but what is fitted already."""
        assert model.spec.training is not None
        self.training = model.spec.training
        heads_of(model.spec, model.decoder)  # raises where recipe and decoder do not fit
        if "input" not in fitted:
            model.preprocessor.fit(without_errors(parts["train"].inputs))
        if "output" not in fitted:
            model.decoder.fit(parts["train"].labels)
        self.preprocessor = model.preprocessor
        self.parts = parts
        self.notes: list[str] = []

    def load(
        self,
        model: BaseModel,
        seed: int,
        *,
        weights: NDArray[Any] | None = None,
        prepare: Prepare | None = None,
        fail_fast: bool = False,
    ) -> None:
        """Turn raw rows into the arrays to train on.

        Parameters
        ----------
        model
            The model, with fitted preprocessing.
        seed, weights, fail_fast
            As for the class.
        prepare
            Makes the inputs, see `zoo.inference.rows.to_tensors`.
        """
        self.arrays = {}
        for part, rows in self.parts.items():
            inputs, targets = to_tensors(
                rows, model.preprocessor, model.decoder, prepare=prepare,
                skip=self.training.skip_bad_rows, fail_fast=fail_fast, notes=self.notes,
            )  # fmt: skip
            check_carry(self.training, count_samples(targets))
            self.arrays[part] = inputs, targets_for(model, targets)
        inputs, targets = self.arrays["train"]
        declared = row_weights(model, self.training, targets)
        self.rows = count_samples(targets)
        if weights is not None and len(weights) != self.rows:
            msg = f"received {len(weights)} row weights for {self.rows} usable rows; "
            raise TrainingError(msg + "remove the bad rows first")
        if weights is None:
            weights = declared
        else:
            weights = (weights if declared is None else weights * declared).astype("float32")
        batch = (inputs, targets) if weights is None else (inputs, targets, weights)
        self.feed = Feed(batch, self.training.batch_size, seed, self.training.shuffle)
        self.feed.change = self.change_for(self.training, seed)

    @property
    def content(self) -> dict[str, Any]:  # type: ignore[override]  # hashed on access
        """For each part, the facts about its rows."""
        return {part: rows.content() for part, rows in self.parts.items()}

    def change_for(self, training: Training, seed: int) -> Change | None:
        """Return what changes the inputs of a batch; None if nothing does."""
        if not training.augment:
            return None
        return Augmentation(training.augment, self.preprocessor, seed)

    def with_recipe(self, training: Training, seed: int) -> Self:
        other = copy.copy(self)
        other.training = training
        other.feed = dataclasses.replace(
            self.feed, batch_size=training.batch_size, shuffle=training.shuffle, seed=seed,
            change=self.change_for(training, seed),
        )  # fmt: skip
        return other

    def fit_arguments(self, network: Any, epoch: int, *, one_by_one: bool) -> dict[str, Any]:
        self.feed.epoch = epoch
        return {
            "x": self.feed.data_for(network, self.training.epochs, one_by_one=one_by_one),
            "validation_data": self.arrays.get("validation"),
            "validation_batch_size": max(EVAL_BATCH, self.training.batch_size),
        }

    def start_epoch(self, epoch: int) -> None:
        self.feed.epoch = epoch

    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        return {part: measure(network, *pair) for part, pair in self.arrays.items()}

    def sample(self) -> tuple[Any, ...]:
        stride = 1 if self.training.carry_state else max(1, self.rows // SAMPLE_ROWS)
        return tuple(map_arrays(lambda a: a[::stride], part) for part in self.arrays["train"])


def compile_steps(
    network: Any, size: int, arrays: Batch, *, rows: int, steps: int, held: bool, one_by_one: bool
) -> int | None:
    """Compile the steps and return the rows per call; None where Keras takes its own steps.

    See `zoo.training.steps.compiled.compile_steps`, which ``ZOO_PLAIN`` turns off, and so does a
    callback that hears of each step.
    """
    if one_by_one or not keras_private.fast_paths_allowed():
        return None
    from zoo.training.steps import compiled

    return compiled.compile_steps(network, size, arrays, rows=rows, steps=steps, held=held)


Change = Callable[[Any, int, int], Any]
"""Makes the inputs of a batch from rows of `Feed.arrays`; receives also the number of the epoch and
that of the batch's first row in it."""


@dataclass(slots=True)
class Feed:
    """The training rows and their order.

    Attributes
    ----------
    arrays
        Inputs (an array, or one for each input of the network by name), targets and, where rows
        have weights, a weight for each row.
    batch_size
        Rows of a step; the last step of an epoch may have fewer.
    seed
        Seed of the order.
    shuffle
        Whether each epoch has its own order.
    epoch
        Number of the current epoch, from 0.
    change
        Makes the inputs of a batch, if they are not simply those of `arrays`.
    """

    arrays: tuple[Any, ...]
    batch_size: int
    seed: int
    shuffle: bool = True
    epoch: int = 0
    change: Change | None = None

    def __len__(self) -> int:
        return count_samples(self.arrays[0])

    def order(self) -> NDArray[np.int64]:
        """Return the row numbers of the current epoch."""
        import numpy as np

        if not self.shuffle:
            return np.arange(len(self))
        return np.random.default_rng([self.seed, self.epoch]).permutation(len(self))

    def data_for(self, network: Any, epochs: int, *, one_by_one: bool = False) -> Any:
        """Prepare the network for a number of epochs, and return the ``x`` of its ``fit``."""
        rows, size = len(self), self.batch_size
        steps = epochs * count_batches(rows, size)
        call_rows = None
        if self.change is None:
            call_rows = compile_steps(
                network, size, self.arrays,
                rows=rows, steps=steps, held=True, one_by_one=one_by_one,
            )  # fmt: skip
        if call_rows is None:
            return _dataset(self, size, lambda *rows: cast_inputs(network, self._batch(*rows)))
        return _dataset(self, call_rows, lambda rows, _: (rows.astype("int32"),))

    def _batch(self, rows: NDArray[np.int64], start: int) -> Batch:
        inputs, *rest = take_rows(self.arrays, rows)
        if self.change is not None:
            inputs = self.change(inputs, self.epoch, start)
        return (inputs, *rest)


def _dataset(feed: Feed, size: int, load: Callable[[NDArray[np.int64], int], Any]) -> Any:
    """Return a Keras dataset that loads `size` rows at a time, in the epoch's order.

    `load` receives the numbers of the rows, and the place of the first in the epoch.
    """

    class Dataset(keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._epoch = -1

        def __len__(self) -> int:
            return count_batches(len(feed), size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            if self._epoch != feed.epoch:
                self._epoch, self._order = feed.epoch, feed.order()
            start = index * size
            return tuple(load(self._order[start : start + size], start))

    return Dataset()
