"""Rows to train on: their interface, and the implementation for rows in memory."""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from zoo.backend.runner import map_arrays
from zoo.data.labelled import LabelledRows
from zoo.errors import TrainingError
from zoo.inference.measure import EVAL_BATCH, check_carry, measure
from zoo.inference.rows import to_tensors
from zoo.inference.targets import row_weights, targets_for
from zoo.spec.model import Training
from zoo.training.feed import Feed

if TYPE_CHECKING:
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

    @abstractmethod
    def fit_arguments(self, network: Any, epoch: int) -> dict[str, Any]:
        """Return the arguments of ``fit`` for the data, starting with the given epoch."""

    @abstractmethod
    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        """Return loss and metrics of the current weights on each part."""

    @abstractmethod
    def sample(self) -> tuple[Any, ...]:
        """Return inputs and targets of some training rows, and their weights if they have any."""

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
    """

    def __init__(
        self,
        model: BaseModel,
        parts: dict[str, LabelledRows],
        seed: int,
        *,
        weights: NDArray[Any] | None = None,
        fitted: Collection[str] = (),
    ) -> None:
        assert model.spec.training is not None
        self.training = model.spec.training
        if "input" not in fitted:
            model.preprocessor.fit(parts["train"].inputs)
        if "output" not in fitted:
            model.decoder.fit(parts["train"].labels)
        self.parts = parts
        self.notes: list[str] = []
        self.arrays = {}
        for part, rows in parts.items():
            inputs, targets = to_tensors(
                rows, model.preprocessor, model.decoder,
                skip=self.training.skip_bad_rows, notes=self.notes,
            )  # fmt: skip
            check_carry(self.training, len(targets))
            self.arrays[part] = inputs, targets_for(self.training, targets, model.decoder.units)
        inputs, targets = self.arrays["train"]
        declared = row_weights(model, self.training, targets)
        if weights is not None and len(weights) != len(targets):
            msg = f"received {len(weights)} row weights for {len(targets)} usable rows; "
            raise TrainingError(msg + "remove the bad rows first")
        if weights is None:
            weights = declared
        else:
            weights = (weights if declared is None else weights * declared).astype("float32")
        batch = (inputs, targets) if weights is None else (inputs, targets, weights)
        self.feed = Feed(batch, self.training.batch_size, seed, self.training.shuffle)
        self.rows = len(targets)

    @property
    def content(self) -> dict[str, Any]:  # type: ignore[override]  # hashed on access
        """For each part, the facts about its rows."""
        return {part: rows.content() for part, rows in self.parts.items()}

    def with_recipe(self, training: Training, seed: int) -> InMemory:
        """Return the same rows under a recipe that prepares them in the same way."""
        other = copy.copy(self)
        other.training = training
        other.feed = dataclasses.replace(
            self.feed, batch_size=training.batch_size, shuffle=training.shuffle, seed=seed
        )
        return other

    def fit_arguments(self, network: Any, epoch: int) -> dict[str, Any]:
        self.feed.epoch = epoch
        return {
            "x": self.feed.data_for(network, self.training.epochs),
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
