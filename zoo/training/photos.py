"""Photos to train on: what frozen layers make of them is computed once, for all epochs.

Photos take far more memory than what most networks make of them, and frozen layers far more time
than those that are trained. So photos are read when the network is known, a few at a time, and
only the features behind its frozen layers stay: the rows of a training of the layers that remain.
Networks without such a place (see `zoo.backend.cut`), and those whose images are changed at random,
are trained on the photos themselves; many of them are read anew in each epoch.
"""

from __future__ import annotations

import copy
import math
import os
import tempfile
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any, Self

from zoo import cache
from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend
from zoo.backend.cut import cut_network
from zoo.backend.runner import Batch, Runner, count_samples, take_rows
from zoo.data.labelled import LabelledRows
from zoo.errors import InputError, TrainingError
from zoo.inference.bulk import run_pipeline, split_for_threads
from zoo.inference.measure import EVAL_BATCH, PROBE_ROWS, measure, targets_for
from zoo.inference.model import IMAGE_BATCH
from zoo.inference.rows import Prepare, encode_labels
from zoo.parts.faults import Prepared, concatenate, prepare
from zoo.progress import photos_bar
from zoo.registry.sources import Stamp
from zoo.training.feature_cache import FOLDER, FeatureCache
from zoo.training.rows import Change, Feed, InMemory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.inference.base import BaseModel
    from zoo.parts.base import Preprocessor
    from zoo.spec.model import Training

MEMORY_BYTES = 256 << 20
"""Bytes of the tensors of one part of the data that are held in memory.

Features that take more are in a file; photos that do are read again in each epoch.
"""

SAMPLE_BYTES = 64 << 20
"""About how many bytes of photos show whether a network is dead."""


def rows_in_memory(
    model: BaseModel,
    parts: dict[str, LabelledRows],
    seed: int,
    *,
    weights: NDArray[Any] | None = None,
    fitted: Collection[str] = (),
    fail_fast: bool = False,
) -> InMemory:
    """Return rows to train on: `Photos` of frozen layers or of many files, else `InMemory`."""
    training = model.spec.training
    assert training is not None
    images = model.preprocessor.kind == "image" and not training.carry_state
    kind = Photos if images and (training.freeze or _are_large(model, parts)) else InMemory
    return kind(model, parts, seed, weights=weights, fitted=fitted, fail_fast=fail_fast)


def _are_large(model: BaseModel, parts: dict[str, LabelledRows]) -> bool:
    """Whether the tensors of a part that is in files take more memory than they should."""
    shape: Any = model.preprocessor.shape
    return any(
        isinstance(part.inputs, list) and array_bytes((len(part), *shape)) > MEMORY_BYTES
        for part in parts.values()
    )


class Photos(InMemory):
    """Photos, which are read when the network is known; parameters are those of `InMemory`.

    Where their tensors would take more than `MEMORY_BYTES`, the rows are numbers of photos, and a
    batch is read when its turn comes.
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
        self.model = model
        self.seed = seed
        self.weights = weights
        self.fail_fast = fail_fast
        self.fit_parts(model, parts, fitted)

    def probe(self) -> Batch:
        """Return the inputs of a few training rows, read for this, and their targets."""
        rows = self.parts["train"]
        few = rows.take(range(min(len(rows), PROBE_ROWS // 8)))
        inputs, _ = prepare(self.model.preprocessor, few.inputs)
        skip = self.training.skip_bad_rows
        targets, _ = encode_labels(rows, self.model.decoder, skip=skip)
        return inputs, targets_for(self.model, targets)

    def with_recipe(self, training: Training, seed: int) -> Self:
        other = copy.copy(self)
        other.training, other.seed, other.notes = training, seed, []
        return other

    def part_to_train(self, network: Any, *, whole: bool) -> Any:
        self.readers: dict[str, Reader] = {}
        whole = whole or bool(self.training.augment) or not keras_private.fast_paths_allowed()
        cut = None if whole else cut_network(network)
        if cut is not None:
            with self._bar("features") as advance:
                features = Features(self.model, cut.trunk, advance, fail_fast=self.fail_fast)
                with closing(features):
                    self._load(features)
            return cut.head
        if _are_large(self.model, self.parts):
            preprocessor = self.model.preprocessor
            self.readers = {part: Reader(preprocessor, rows) for part, rows in self.parts.items()}
            with self._bar("checking") as advance:
                self._load(lambda rows: Reader(preprocessor, rows).check(advance))
        else:
            self._load(None)
        return network

    def _load(self, prepare: Prepare | None) -> None:
        self.load(
            self.model, self.seed, weights=self.weights, prepare=prepare, fail_fast=self.fail_fast
        )

    def _bar(self, name: str) -> AbstractContextManager[Callable[[int], None]]:
        return photos_bar(sum(map(len, self.parts.values())), name)

    def change_for(self, training: Training, seed: int) -> Change | None:
        augment = super().change_for(training, seed)
        reader = self.readers.get("train")
        if reader is None or augment is None:
            return reader or augment
        return lambda numbers, epoch, start: augment(reader(numbers), epoch, start)

    def fit_arguments(self, network: Any, epoch: int, *, one_by_one: bool) -> dict[str, Any]:
        arguments = super().fit_arguments(network, epoch, one_by_one=one_by_one)
        if "validation" in self.readers:
            arguments["validation_data"] = self._dataset(network, "validation")
        return arguments

    def measure(self, network: Any) -> dict[str, dict[str, float]]:
        if not self.readers:
            return super().measure(network)
        return {part: measure(network, self._dataset(network, part)) for part in self.arrays}

    def sample(self) -> tuple[Any, ...]:
        if not self.readers:
            return super().sample()
        shape: Any = self.model.preprocessor.shape
        photo_bytes = array_bytes(shape)
        stride = max(1, self.rows * photo_bytes // SAMPLE_BYTES)
        numbers, *rest = take_rows(self.feed.arrays, slice(None, None, stride))
        return (self.readers["train"](numbers), *rest)

    def _dataset(self, network: Any, part: str) -> Any:
        """Return a Keras dataset of the rows of a part, in order."""
        feed = Feed(self.arrays[part], EVAL_BATCH, 0, shuffle=False, change=self.readers[part])
        return feed.data_for(network, 1)


class Reader:
    """Reads photos when a batch needs them.

    Parameters
    ----------
    preprocessor
        Makes their tensors.
    rows
        The photos.
    """

    def __init__(self, preprocessor: Preprocessor, rows: LabelledRows) -> None:
        self._preprocessor = preprocessor
        self._rows = rows

    def __call__(self, numbers: Sequence[int], *_: int) -> Any:
        """Return the tensors of photos that were usable before.

        Raises
        ------
        TrainingError
            If one is not usable any more.
        """
        tensors, errors = self.read(numbers)
        for number, error in zip(numbers, errors, strict=True):
            if error is not None:
                msg = f"{self._rows.source}: {self._rows.name_of(number)}: {error.message}; "
                raise TrainingError(msg + "it could be read when the training began")
        return tensors

    def check(self, advance: Callable[[int], None]) -> Prepared:
        """Return the numbers of the usable photos, and one error or None per photo."""
        import numpy as np

        errors: list[InputError | None] = []
        for start in range(0, len(self._rows), IMAGE_BATCH):
            errors += self.read(range(start, min(start + IMAGE_BATCH, len(self._rows))))[1]
            advance(len(errors) - start)
        return np.flatnonzero([error is None for error in errors]), errors

    def read(self, numbers: Sequence[int]) -> Prepared:
        """Return the tensors of the usable photos, and one error or None per photo."""
        batch = [self._rows.inputs[number] for number in numbers]
        pieces = run_pipeline(
            [split_for_threads(self._preprocessor, batch)],
            lambda raws: prepare(self._preprocessor, raws),
            lambda pieces, _: concatenate(pieces),
            workers=lambda: 1,
            ahead=False,
        )
        with closing(pieces):
            return next(pieces)


class Features:
    """Turns photos into the output of frozen layers; called with labelled photos.

    Parameters
    ----------
    model
        The model; its preprocessing is fitted.
    trunk
        Its frozen layers.
    advance
        Called with the number of photos that are done.
    fail_fast
        Whether a photo that cannot be used ends the training.
    """

    def __init__(
        self, model: BaseModel, trunk: Any, advance: Callable[[int], None], *, fail_fast: bool
    ) -> None:
        self._preprocessor = model.preprocessor
        self._runner = Runner(trunk)
        self._shape = tuple(trunk.output_shape[1:])
        self._cache = FeatureCache.of(model, trunk)
        self._advance = advance
        self._fail_fast = fail_fast

    def close(self) -> None:
        """Store what was computed."""
        self._cache.flush()

    def __call__(self, rows: LabelledRows) -> Prepared:
        """Return the features of the usable photos, and one error or None per photo."""
        photos = rows.inputs
        features = _empty((len(photos), *self._shape))
        stamps = [_stamp(photo) for photo in photos]
        digests = [self._cache.digest(photo) for photo in photos]
        missing = set(range(len(photos)))
        for number, feature in self._cache.find(digests):
            features[number] = feature
            missing.discard(number)
        self._advance(len(photos) - len(missing))
        errors: list[InputError | None] = [None] * len(photos)
        with closing(self._compute(photos, sorted(missing))) as results:
            for number, result in results:
                if isinstance(result, InputError):
                    if self._fail_fast:
                        msg = f"{rows.source}: {rows.name_of(number)}: {result.message}"
                        raise TrainingError(msg)
                    errors[number] = result
                    continue
                features[number] = result
                if _stamp(photos[number]) == stamps[number]:  # its hash is that of what was read
                    self._cache.add(digests[number], result)
        usable = [number for number, error in enumerate(errors) if error is None]
        for place, number in enumerate(usable):
            if place != number:  # in place: all of them may not fit in memory
                features[place] = features[number]
        return features[: len(usable)], errors

    def _compute(self, photos: Any, numbers: list[int]) -> Generator[tuple[int, Any]]:
        """Yield the number of each photo with its feature or its error."""
        groups = [
            numbers[start : start + IMAGE_BATCH] for start in range(0, len(numbers), IMAGE_BATCH)
        ]
        batches = ([photos[number] for number in group] for group in groups)
        computed = run_pipeline(
            (split_for_threads(self._preprocessor, batch) for batch in batches),
            lambda raws: prepare(self._preprocessor, raws),
            self._apply,
            workers=lambda: self._runner.streams,
            ahead=True,
        )
        with closing(computed):
            for group, (features, errors) in zip(groups, computed, strict=True):
                outputs = iter(features)
                for number, error in zip(group, errors, strict=True):
                    yield number, next(outputs) if error is None else error
                self._advance(len(group))

    def _apply(self, pieces: list[Prepared], alone: bool) -> tuple[Any, list[InputError | None]]:
        import numpy as np

        tensors, errors = concatenate(pieces)
        count = count_samples(tensors)
        if not count:
            return tensors, errors
        if chosen_backend() == "jax":
            # JAX compiles each size anew. Rows may be repeated: none depends on another.
            tensors = tensors[np.resize(np.arange(count), IMAGE_BATCH)]  # type: ignore[index]
        return self._runner(tensors, batch_size=IMAGE_BATCH, alone=alone)[:count], errors


def _stamp(photo: Any) -> Stamp | None:
    """Return the state of a file of a photo; None if it is none, or cannot be looked at."""
    try:
        return Stamp.of(photo) if isinstance(photo, os.PathLike) else None
    except OSError:
        return None


def array_bytes(shape: Sequence[int]) -> int:
    """Return the bytes of an array of float32."""
    return 4 * math.prod(shape)


def _empty(shape: Sequence[int]) -> NDArray[Any]:
    """Return an array to fill, in memory or, if it is large, in a file without a name."""
    import numpy as np

    count = array_bytes(shape)
    if count <= MEMORY_BYTES:
        return np.empty(shape, np.float32)
    folder = cache.private_folder(FOLDER) or tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # the map stays when it is closed
            if hasattr(os, "posix_fallocate"):  # a disk that fills up later would end the process
                os.posix_fallocate(file.fileno(), 0, count)
            return np.memmap(file, np.float32, "w+", shape=tuple(shape))
    except OSError as error:
        msg = f"{folder}: has no room for {count >> 20:,} MiB of features, {error.strerror}; "
        raise TrainingError(msg + "make room, or set ZOO_HOME to a folder elsewhere") from None
