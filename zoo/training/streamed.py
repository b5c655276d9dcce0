"""Training on a stream: each epoch reads the rows again, and holds a few pieces of them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import keras
from zoo.backend.runner import typed
from zoo.backend.tensors import Batch, cut, each, steps_of
from zoo.data.labelled import Labelled
from zoo.data.stream import Stream, in_epochs
from zoo.errors import TrainingError, ZooError
from zoo.inference.measure import MEASURED, measure
from zoo.inference.rows import tensors
from zoo.inference.targets import row_weights, targets_for
from zoo.training.feed import compile_steps
from zoo.training.rows import Rows

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel

PIECE = 8192
"""Rows handed to the compiled program at once, about."""


class Streamed(Rows):
    """Rows that come as a stream.

    Parameters
    ----------
    model
        The model; its preprocessing is fitted here, to a random sample of the training rows.
    parts
        Streams of the parts of the data.
    seed
        Seed of the sample and of the order in which the rows of a piece come.
    """

    def __init__(self, model: BaseModel, parts: dict[str, Stream], seed: int) -> None:
        self.model = model
        self.seed = seed
        assert model.spec.training is not None
        self.training = model.spec.training
        self.stream = parts["train"]
        steps = self.training.steps_per_epoch
        if steps:
            rows = steps * self.training.batch_size
            parts = {part: stream.first(stream.share_of(rows)) for part, stream in parts.items()}
        self.parts = parts
        looks = {part: stream.look(seed) for part, stream in parts.items()}
        self.content = {part: content for part, (content, _, _) in looks.items()}
        self.counts = {part: content["rows"] for part, content in self.content.items()}
        _, self._sample, labels = looks["train"]
        model.preprocessor.fit(self._sample.inputs)
        model.decoder.fit([*labels, *self._sample.labels])
        if self.training.skip_bad_rows:  # how many are left is known when all were looked at
            for part, pieces in parts.items():
                self.counts[part] = sum(len(self._checked(rows)[1]) for rows in pieces)
        # So many steps are so many rows of a stream without an end, the bad ones among them.
        self.rows = self.content["train"]["rows"] if steps else self.counts["train"]
        self._reading = self._batches((), 1, 0, shuffle=False)
        if not len(self.sample()[1]):  # no epoch would ever be over
            msg = f"{self.stream.source}: has no row that can be used"
            raise TrainingError(msg)

    def fit_arguments(self, network: Any, epoch: int) -> dict[str, Any]:
        size = self.training.batch_size
        steps = self.training.epochs * steps_of(self.rows, size)
        whole = max(1, PIECE // size) * size
        at_once = compile_steps(network, size, self.sample(), rows=whole, steps=steps, held=False)
        piece = at_once or size
        epochs: Iterable[Iterable[Labelled]] = itertools.repeat(self.stream)
        if self.training.steps_per_epoch:
            epochs = in_epochs(self.stream, self.rows, epoch)
        self._reading = self._batches(epochs, piece, epoch, shuffle=self.training.shuffle)
        batches = self._reading if at_once else (typed(network, batch) for batch in self._reading)
        arguments: dict[str, Any] = {"x": batches, "steps_per_epoch": steps_of(self.rows, piece)}
        if "validation" in self.parts:
            arguments["validation_data"] = self._pass("validation", max(MEASURED, size))
        return arguments

    def end(self) -> None:
        # On a GPU Keras reads one batch ahead, of an epoch that never comes.
        with contextlib.suppress(ValueError):  # TensorFlow reads in a thread that may be at it
            self._reading.close()

    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        size = max(MEASURED, self.training.batch_size)
        try:
            return {part: measure(network, self._pass(part, size)) for part in self.parts}
        except Exception:
            if self.failure is not None:
                raise self.failure from None
            raise

    def sample(self) -> Batch:
        rows = self._sample.take(range(min(len(self._sample), 10_000)))
        return self._tensors(rows, skip=True)  # the stream tells of a bad one, in its place

    def _tensors(self, rows: Labelled, *, skip: bool) -> Batch:
        inputs, targets = tensors(rows, self.model.preprocessor, self.model.decoder, skip=skip)
        targets = targets_for(self.training, targets, self.model.decoder.units)
        weights = row_weights(self.model, self.training, targets)
        return (inputs, targets) if weights is None else (inputs, targets, weights)

    def _checked(self, rows: Labelled) -> Batch:
        try:
            return self._tensors(rows, skip=self.training.skip_bad_rows)
        except ZooError as error:
            self.failure = error
            raise

    def _pass(self, part: str, size: int) -> Any:
        """Return the batches of a part, in its own order, as what Keras may begin anew.

        (Of a generator Keras takes the first batches out to look at them, each time it begins, and
        puts them in front of where the generator stands: from the second epoch on they came twice.)
        """
        owner, steps = self, steps_of(self.counts[part], size)

        class Pass(keras().utils.PyDataset):  # type: ignore[misc]
            batches: Generator[Batch, None, None]

            def __len__(self) -> int:
                return steps

            def __getitem__(self, index: int) -> Batch:
                if index == 0:
                    self.batches = owner._batches([owner.parts[part]], size, 0, shuffle=False)
                batch = next(self.batches, None)
                if batch is None:
                    msg = f"{owner.stream.source}: gave fewer rows than when they were counted"
                    owner.failure = TrainingError(msg)
                    raise owner.failure
                if index == steps - 1:
                    self.batches.close()  # and with it the file
                return batch

        return Pass()

    def _batches(
        self, epochs: Iterable[Iterable[Labelled]], size: int, first: int, *, shuffle: bool
    ) -> Generator[Batch, None, None]:
        """Yield batches of `size` rows, the last of an epoch maybe smaller."""
        import numpy as np

        for epoch, pieces in enumerate(epochs, first):
            rest: Batch | None = None
            for number, rows in enumerate(pieces):
                batch = self._checked(rows)
                if shuffle:
                    draw = np.random.default_rng([self.seed, epoch, number])
                    batch = cut(batch, draw.permutation(len(batch[1])))
                if rest is not None:
                    pairs = zip(rest, batch, strict=True)
                    batch = tuple(each(lambda *a: np.concatenate(a), *pair) for pair in pairs)
                whole = len(batch[1]) // size * size
                for start in range(0, whole, size):
                    yield cut(batch, slice(start, start + size))
                rest = cut(batch, slice(whole, None))
            if rest is not None and len(rest[1]):
                yield rest
