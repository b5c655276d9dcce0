"""Photos to train on: what frozen layers make of them is computed once, for all epochs.

Photos take far more memory than what most networks make of them, and frozen layers far more time
than those that are trained. So photos are read when the network is known, a few at a time, and
only the features behind its frozen layers stay: the rows of a training of the layers that remain.
Networks without such a place (see `zoo.backend.cut`) are trained on the photos themselves.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from zoo import cache
from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend
from zoo.backend.cut import cut_network
from zoo.backend.runner import Batch, Runner, count_samples
from zoo.data.labelled import LabelledRows
from zoo.errors import InputError, TrainingError
from zoo.inference.bulk import run_pipeline, split_for_threads
from zoo.inference.measure import PROBE_ROWS, targets_for
from zoo.inference.model import IMAGE_BATCH
from zoo.inference.rows import encode_labels
from zoo.parts.faults import Prepared, concatenate, prepare
from zoo.progress import features_bar
from zoo.registry.sources import Stamp
from zoo.training.feature_cache import FOLDER, FeatureCache
from zoo.training.rows import InMemory, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.inference.base import BaseModel

MEMORY_BYTES = 256 << 20
"""Bytes of the features of one part of the data that are held in memory; more are in a file."""


def rows_in_memory(
    model: BaseModel,
    parts: dict[str, LabelledRows],
    seed: int,
    *,
    fitted: Collection[str] = (),
    fail_fast: bool = False,
) -> Rows:
    """Return rows to train on: `Photos` where frozen layers may take them, else `InMemory`."""
    training = model.spec.training
    assert training is not None
    frozen = training.freeze and model.preprocessor.kind == "image" and not training.carry_state
    kind = Photos if frozen and keras_private.fast_paths_allowed() else InMemory
    return kind(model, parts, seed, fitted=fitted, fail_fast=fail_fast)


class Photos(InMemory):
    """Photos for a network whose first layers are frozen; parameters are those of `InMemory`."""

    def __init__(
        self,
        model: BaseModel,
        parts: dict[str, LabelledRows],
        seed: int,
        *,
        fitted: Collection[str] = (),
        fail_fast: bool = False,
    ) -> None:
        self.model = model
        self.seed = seed
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

    def part_to_train(self, network: Any) -> Any:
        cut = cut_network(network)
        if cut is None:
            self.load(self.model, self.seed, fail_fast=self.fail_fast)
            return network
        total = sum(map(len, self.parts.values()))
        with features_bar(total) as advance:
            features = Features(self.model, cut.trunk, advance, fail_fast=self.fail_fast)
            with closing(features):
                self.load(self.model, self.seed, prepare=features, fail_fast=self.fail_fast)
        return cut.head


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
            readers=os.cpu_count() or 1,
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


def _empty(shape: Sequence[int]) -> NDArray[Any]:
    """Return an array to fill, in memory or, if it is large, in a file without a name."""
    import numpy as np

    array_bytes = 4 * int(np.prod(shape))
    if array_bytes <= MEMORY_BYTES:
        return np.empty(shape, np.float32)
    folder = cache.private_folder(FOLDER) or tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # the map stays when it is closed
            if hasattr(os, "posix_fallocate"):  # a disk that fills up later would end the process
                os.posix_fallocate(file.fileno(), 0, array_bytes)
            return np.memmap(file, np.float32, "w+", shape=tuple(shape))
    except OSError as error:
        msg = f"{folder}: has no room for {array_bytes >> 20:,} MiB of features, {error.strerror}; "
        raise TrainingError(msg + "make room, or set ZOO_HOME to a folder elsewhere") from None
