"""Training on a stream: each epoch reads the rows again, a few pieces in memory at a time."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, Self

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
from zoo.data.stream import Stream, iter_epochs
from zoo.errors import TrainingError, ZooError
from zoo.inference.measure import EVAL_BATCH, measure, row_weights, targets_for
from zoo.inference.rows import to_tensors
from zoo.parts.faults import without_errors
from zoo.parts.heads import heads_of
from zoo.training.rows import Rows, compile_steps

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel
    from zoo.spec.model import Training

ROWS_PER_CALL = 8192
"""About how many rows one call of the compiled program receives."""


class Streamed(Rows):
    """Rows that come as a stream.

    Parameters
    ----------
    model
        The model; its preprocessing is fitted here, to a random sample of the training rows.
    parts
        A stream for each part of the data.
    seed
        Seed of the sample and of the order of the rows of a piece.
    fail_fast
        Whether a damaged photo is an error.
    """

    def __init__(
        self, model: BaseModel, parts: dict[str, Stream], seed: int, *, fail_fast: bool = False
    ) -> None:
        self.model = model
        self.seed = seed
        self.fail_fast = fail_fast
        assert model.spec.training is not None
        self.training = model.spec.training
        if self.training.augment:
            msg = f"{parts['train'].source} is streamed; training.augment takes a folder of images"
            raise TrainingError(msg)
        heads_of(model.spec, model.decoder)  # raises where recipe and decoder do not fit
        self.stream = parts["train"]
        steps = self.training.steps_per_epoch
        if steps:
            rows = steps * self.training.batch_size
            parts = {part: stream.first(stream.share_of(rows)) for part, stream in parts.items()}
        self.parts = parts
        scans = {part: stream.scan(seed) for part, stream in parts.items()}
        self.content = {part: content for part, (content, _, _) in scans.items()}
        self.counts = {part: content["rows"] for part, content in self.content.items()}
        _, self._sample, labels = scans["train"]
        model.preprocessor.fit(without_errors(self._sample.inputs))
        model.decoder.fit([*labels, *self._sample.labels])
        if self.training.skip_bad_rows:  # usable rows are known after a complete pass
            for part, pieces in parts.items():
                self.counts[part] = sum(
                    count_samples(self._usable_tensors(rows)[1]) for rows in pieces
                )
        # With `steps_per_epoch`, bad rows count: the stream may have no end.
        self.rows = self.content["train"]["rows"] if steps else self.counts["train"]
        self._reading = self._batches((), 1, 0, shuffle=False)
        if not count_samples(self.sample()[1]):  # no epoch would ever end
            msg = f"{self.stream.source}: has no usable rows"
            raise TrainingError(msg)

    def with_recipe(self, training: Training, seed: int) -> Self:
        other = copy.copy(self)
        other.training, other.seed = training, seed
        return other

    def fit_arguments(self, network: Any, epoch: int, *, one_by_one: bool) -> dict[str, Any]:
        size = self.training.batch_size
        steps = self.training.epochs * self.steps
        rows = max(1, ROWS_PER_CALL // size) * size
        call_rows = compile_steps(
            network, size, self.sample(),
            rows=rows, steps=steps, held=False, one_by_one=one_by_one,
        )  # fmt: skip
        piece = call_rows or size
        epochs: Iterable[Iterable[LabelledRows]] = itertools.repeat(self.stream)
        if self.training.steps_per_epoch:
            epochs = iter_epochs(self.stream, self.rows, epoch)
        self._reading = self._batches(epochs, piece, epoch, shuffle=self.training.shuffle)
        batches = self._reading if call_rows else (cast_inputs(network, b) for b in self._reading)
        calls = count_batches(self.rows, piece)
        arguments: dict[str, Any] = {"x": batches, "steps_per_epoch": calls}
        if "validation" in self.parts:
            arguments["validation_data"] = self._dataset("validation", max(EVAL_BATCH, size))
        return arguments

    def close(self) -> None:
        # On a GPU Keras reads one batch ahead, into an epoch that never comes.
        with contextlib.suppress(ValueError):  # a thread of TensorFlow may be reading
            self._reading.close()

    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        size = max(EVAL_BATCH, self.training.batch_size)
        try:
            return {part: measure(network, self._dataset(part, size)) for part in self.parts}
        except Exception:
            if self.failure is not None:
                raise self.failure from None
            raise

    def sample(self) -> Batch:
        rows = self._sample.take(range(min(len(self._sample), 10_000)))
        return self._tensors(rows, skip=True)  # an epoch reports bad rows, with their places

    def _tensors(self, rows: LabelledRows, *, skip: bool) -> Batch:
        inputs, targets = to_tensors(
            rows, self.model.preprocessor, self.model.decoder, skip=skip, fail_fast=self.fail_fast
        )
        targets = targets_for(self.model, targets)
        weights = row_weights(self.model, self.training, targets)
        return (inputs, targets) if weights is None else (inputs, targets, weights)

    def _usable_tensors(self, rows: LabelledRows) -> Batch:
        try:
            return self._tensors(rows, skip=self.training.skip_bad_rows)
        except ZooError as error:
            self.failure = error
            raise

    def _dataset(self, part: str, size: int) -> Any:
        """Return a Keras dataset of the batches of a part, in order, that can be read repeatedly.

        (Each time Keras starts on a generator it takes the first batches out to inspect them and
        puts them in front of the rest: from the second epoch on they would come twice.)
        """
        owner, steps = self, count_batches(self.counts[part], size)

        class Dataset(keras().utils.PyDataset):  # type: ignore[misc]
            batches: Generator[Batch, None, None]

            def __len__(self) -> int:
                return steps

            def __getitem__(self, index: int) -> Batch:
                if index == 0:
                    self.batches = owner._batches([owner.parts[part]], size, 0, shuffle=False)
                batch = next(self.batches, None)
                if batch is None:
                    msg = f"{owner.stream.source}: has fewer rows than when they were counted"
                    owner.failure = TrainingError(msg)
                    raise owner.failure
                if index == steps - 1:
                    self.batches.close()  # and the file with it
                return batch

        return Dataset()

    def _batches(
        self, epochs: Iterable[Iterable[LabelledRows]], size: int, first: int, *, shuffle: bool
    ) -> Generator[Batch, None, None]:
        """Yield batches of `size` rows; the last of an epoch may be smaller."""
        import numpy as np

        for epoch, pieces in enumerate(epochs, first):
            rest: Batch | None = None  # rows short of a batch, carried into the next piece
            for number, rows in enumerate(pieces):
                batch = self._usable_tensors(rows)
                if shuffle:
                    draw = np.random.default_rng([self.seed, epoch, number])
                    batch = take_rows(batch, draw.permutation(count_samples(batch[1])))
                if rest is not None:
                    pairs = zip(rest, batch, strict=True)
                    batch = tuple(map_arrays(lambda *a: np.concatenate(a), *pair) for pair in pairs)
                end = count_samples(batch[1]) // size * size
                for start in range(0, end, size):
                    yield take_rows(batch, slice(start, start + size))
                rest = take_rows(batch, slice(end, None))
            if rest is not None and count_samples(rest[1]):
                yield rest
