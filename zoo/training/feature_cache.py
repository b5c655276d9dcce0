"""Features of photos, kept between processes: what frozen layers made of them.

Nothing else that is computed is kept. A feature that was stored is the one that would be computed
now, because

- the name of a file is a hash of all that computes it: the graph of the frozen layers and their
  weights, the preprocessor with its options and its state, the files of the packages that both are
  made of, the versions of those below, the backend and its settings;
- within a file, a feature is found by the hash of its photo: the bytes of the file, or the pixels;
- a file that was changed while it was read is not stored;
- only preprocessors of this distribution are trusted to depend on nothing else.

A file holds the features of many photos behind their hashes, and before all of it its own hash. The
setting ``cache.features`` limits the files of all trainings; the least recently used go first.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo import cache
from zoo.backend.choose import computing_settings, keras
from zoo.config import settings
from zoo.data.labelled import update_digest
from zoo.registry import sources
from zoo.registry.loading import OWN_DISTRIBUTION, roots_of
from zoo.registry.registry import registry
from zoo.spec.component import component_to_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.inference.base import BaseModel

FOLDER = "features"

FILE_BYTES = 32 << 20
"""Bytes of features in a file, about: what an interrupted training has not stored yet."""

FILE_ROWS = 8192
"""Maximum number of features in a file: their hashes are looked at in every file."""

HASH = 32
"""Bytes of a hash."""

PREPROCESSING = ("numpy", "pillow")
"""Distributions that preprocessors of this one compute with."""


class FeatureCache:
    """The features of one network's frozen layers.

    Parameters
    ----------
    key
        Hash of all that computes them; None to keep none.
    shape
        Shape of the features of one photo.
    limit
        Bytes that the features of all networks may take.
    """

    def __init__(self, key: str | None, shape: Sequence[int], limit: int) -> None:
        self._key = key
        self._shape = tuple(shape)
        self._limit = limit
        self._new: dict[bytes, NDArray[Any]] = {}

    @classmethod
    def of(cls, model: BaseModel, trunk: Any) -> FeatureCache:
        """Return the cache of a model's frozen layers, `trunk`."""
        limit = settings().cache.features
        return cls(_key_of(model, trunk) if limit else None, trunk.output_shape[1:], limit)

    def digest(self, raw: Any) -> bytes | None:
        """Return the hash of a photo; None if it cannot be found again by its content."""
        import numpy as np

        known = isinstance(raw, Path) or (isinstance(raw, np.ndarray) and raw.dtype != object)
        if self._key is None or not known:
            return None
        digest = hashlib.sha256()
        update_digest(digest, raw)
        return digest.digest()

    def find(self, digests: Sequence[bytes | None]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the number and the feature of every photo that is stored."""
        import numpy as np

        wanted: dict[bytes, list[int]] = {}
        for number, digest in enumerate(digests):
            if digest is not None:
                wanted.setdefault(digest, []).append(number)
        for name in cache.names(FOLDER, f"{self._key}-") if wanted else ():
            header = cache.read(FOLDER, name, first=HASH + 4 + FILE_ROWS * HASH)
            if header is None or wanted.keys().isdisjoint(_hashes_in(header[HASH:])):
                continue
            data = cache.read(FOLDER, name)
            if data is None or hashlib.sha256(data[HASH:]).digest() != data[:HASH]:
                continue
            stored = list(_hashes_in(data[HASH:]))
            start = HASH + 4 + len(stored) * HASH
            features = np.frombuffer(data, "<f4", offset=start).reshape(-1, *self._shape)
            for digest, feature in zip(stored, features, strict=True):
                for number in wanted.pop(digest, ()):
                    yield number, feature

    def add(self, digest: bytes | None, feature: NDArray[Any]) -> None:
        """Store the feature of a photo, at the latest in `flush`."""
        if digest is None:
            return
        self._new[digest] = feature
        if len(self._new) >= min(FILE_ROWS, 1 + FILE_BYTES // max(1, feature.nbytes)):
            self.flush()

    def flush(self) -> None:
        """Write the features that are not stored yet."""
        if not self._new:
            return
        count = len(self._new).to_bytes(4, "little")
        values = (feature.astype("<f4", copy=False).tobytes() for feature in self._new.values())
        data = b"".join((count, *self._new, *values))
        self._new.clear()
        digest = hashlib.sha256(data)
        if len(data) + HASH <= self._limit:
            name = f"{self._key}-{digest.hexdigest()[:16]}"
            cache.write(FOLDER, name, digest.digest() + data, limit=self._limit)


def _hashes_in(data: bytes) -> Iterator[bytes]:
    """Yield the hashes of the photos in a file; fewer if it is damaged."""
    count = int.from_bytes(data[:4], "little")
    for start in range(4, min(4 + count * HASH, len(data) - HASH + 1), HASH):
        yield data[start : start + HASH]


def _key_of(model: BaseModel, trunk: Any) -> str | None:
    """Return the hash of all that computes features; None where it is not known."""
    owner = registry().part("preprocessors", model.spec.input).owner
    if owner.distribution != OWN_DISTRIBUTION or os.name != "posix":  # no time of change elsewhere
        return None
    packages = (owner.module, "zoo", "keras")
    try:
        stamps = sources.stamps_of({path for name in packages for path in roots_of(name)})
    except OSError:
        return None
    if stamps is None or sources.may_differ(stamps):
        return None
    digest = hashlib.sha256()
    numpy = keras().ops.convert_to_numpy
    for weight in trunk.weights:
        update_digest(digest, numpy(weight.value))
    variables = {k: v for k, v in os.environ.items() if k.startswith(("XLA_", "ZOO_MAX_"))}
    key = {
        "graph": json.dumps(graph_of(trunk), sort_keys=True, default=repr),
        "weights": digest.hexdigest(),
        "input": component_to_data(model.spec.input),
        "state": model.preprocessor.state(),
        "files": stamps,
        "versions": {name: metadata.version(name) for name in PREPROCESSING},
        "settings": [keras().config.floatx(), variables, *computing_settings()],
    }
    data = msgspec.json.encode(key, order="deterministic")
    return hashlib.sha256(data).hexdigest()[:32]


NAMES, REFERENCES = "name", ("keras_history", "input_layers", "output_layers")
"""Fields of a network's configuration that hold names, and lists that start with one."""


def graph_of(network: Any) -> Any:
    """Return the configuration of a network whose layers are numbered instead of named.

    Keras names layers after how many a process has made.
    """
    numbers: dict[str, int] = {}

    def number(value: Any, field: str = "") -> Any:
        if isinstance(value, dict):
            return {name: number(part, name) for name, part in value.items()}
        if isinstance(value, list | tuple):
            inner = field if field in REFERENCES else ""
            return [number(part, inner) for part in value]
        if isinstance(value, str) and field in (NAMES, *REFERENCES):
            return numbers.setdefault(value, len(numbers))
        return value

    return number(network.get_config())
