"""Networks kept between processes: what one computes, without Keras and without its code.

The first process builds the Keras network and writes down its computation; the next one reads that
back. What a computation is, the backend's module knows: `zoo.accel.exported` for JAX,
`zoo.accel.openvino`. Results are never kept.

What is kept answers as the code that is here now would, because

- only networks of architectures that are registered as ``pure`` are kept: what such a function
  builds depends on its arguments and on files that are known;
- those files, as they are now, and the arguments give what is kept its name;
- what is kept was written from a network with other weights, and was compared with Keras on those
  of the file: nothing of one weights file can answer for another;
- a process that has imported Keras already may have changed it, and builds its networks.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from zoo import cache
from zoo.backend import choose
from zoo.config import home
from zoo.registry.loading import BEGAN, EARLIER, roots_of
from zoo.spec.component import component_to

if TYPE_CHECKING:
    from zoo.accel.network import KeptNetwork, Weights
    from zoo.backend.runner import Runner
    from zoo.registry.table import Entry
    from zoo.spec.component import Component

FOLDER = "networks"

CANNOT = b""
"""Stored when a network cannot be kept, so that later processes do not try again."""

MAX_FILES = 10_000
"""Files of an architecture's packages that are looked at; one with more is built each time."""


class Stamp(NamedTuple):
    """What a file is now.

    Whoever changes a file may give it its old size and time again, but not its time of change.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Place:
    """Where a network's computation is kept, or would be.

    Parameters
    ----------
    architecture
        The registered architecture.
    component
        Its name and options.
    offered
        What else the architecture is handed: ``input_shape``, ``units`` and the like.
    weights
        Reads the weights that the network will have.
    """

    def __init__(
        self,
        architecture: Entry[Any],
        component: Component,
        offered: Mapping[str, Any],
        weights: Weights,
    ) -> None:
        self._made_from = (architecture, component, offered)
        self._weights = weights

    @cached_property
    def usable(self) -> bool:
        """Whether computations of this architecture can be kept."""
        entry, _, offered = self._made_from
        return (
            entry.pure is not None
            and isinstance(entry.value, str)
            and not isinstance(offered["input_shape"], Mapping)
            and os.name == "posix"  # elsewhere a file has no time of change
            and self._backend is not None
            and self._files is not None
        )

    @cached_property
    def _backend(self) -> ModuleType | None:
        """What knows the computations of this process's backend, if it can be used."""
        chosen = choose.chosen_backend()
        if chosen == "jax" and importlib.util.find_spec("flatbuffers") is not None:
            from zoo.accel import exported

            return exported
        if chosen == "openvino":
            from zoo.accel import openvino

            return openvino
        return None

    @cached_property
    def _files(self) -> list[Stamp] | None:
        """The files that decide what the architecture builds; None where that cannot be told."""
        entry = self._made_from[0]
        places = {
            place
            for module in (entry.owner.module, entry.value.partition(":")[0], "keras", "zoo")
            for place in roots_of(module)
        }
        try:
            for distribution in (entry.owner.distribution, *(entry.pure or ())):
                places.update(_places_of(metadata.distribution(distribution)))
            files = _stamps(sorted(places))
        except (metadata.PackageNotFoundError, ValueError, OSError):
            return None
        return sorted(files) if len(files) <= MAX_FILES else None

    @cached_property
    def name(self) -> str:
        """Name of the file: a hash of all that decides what the network computes."""
        entry, component, offered = self._made_from
        assert self._backend is not None
        decides = {
            "owner": astuple(entry.owner),
            "function": entry.value,
            "options": component_to(component),
            "offered": offered,
            "files": self._files,
            "python": sys.version,
            "backend": self._backend.identity(),
            "keras": _keras_settings(),
        }
        data = msgspec.json.encode(decides, order="deterministic")
        return f"{hashlib.sha256(data).hexdigest()}.msgpack"

    def restored(self) -> KeptNetwork | None:
        """Return the network that an earlier process kept, with the weights of the file.

        None where nothing was kept, or it cannot be used any more.

        Raises
        ------
        zoo_weights.WeightsError
            If the weights do not fit.
        """
        assert self._backend is not None
        data = self._read()
        found: KeptNetwork | None = self._backend.restored(data, self._weights) if data else None
        return found

    def written(self, make: Callable[[], Any]) -> bytes:
        """Return the computation of a network, to `keep`; empty where it is not to be kept.

        Parameters
        ----------
        make
            Builds the network with any weights but those of the file.
        """
        assert self._backend is not None
        assert self._files is not None
        # Code that this process has imported may have changed since.
        doubtful = any(
            max(file.mtime_ns, file.ctime_ns) > BEGAN or file.path in EARLIER
            for file in self._files
        )
        if doubtful or self._read() == CANNOT:  # an earlier process found out
            return b""
        try:
            data: bytes = self._backend.written(make())
        except Exception:  # a network can do whatever it likes; then it is built each time
            data = b""
            self._write(CANNOT)
        gc.collect()  # a network refers to itself, and may be large
        return data

    def keep(self, data: bytes, runner: Runner) -> None:
        """Keep a computation, if it computes what a network does with its own weights.

        The numbers are compared for a row that is drawn at random.
        """
        import numpy as np

        from zoo.backend.network import slots
        from zoo.backend.runner import Runner, dtype_of

        assert self._backend is not None
        wanted = runner.inputs
        row = 2 * np.random.default_rng(0).random((1, *wanted.shape[1:]))  # 0 and 1 as words
        row = row.astype(dtype_of(wanted))
        own = (variable.value for _, variable in slots(runner.network))
        try:
            kept = self._backend.restored(data, lambda _: enumerate(own))
            ours = Runner(kept, kept.call)(row)
            keras = runner(row)
            same = np.allclose(ours, keras, rtol=1e-4, atol=1e-4 * np.abs(keras).max())
        except Exception:  # as above
            same = False
        self._write(data if same else CANNOT)

    def _read(self) -> bytes | None:
        """Return what an earlier process wrote; None where that is nothing, or damaged."""
        data = cache.read(FOLDER, self.name)
        if data is None or hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        return data[32:]

    def _write(self, data: bytes) -> None:
        cache.write(FOLDER, self.name, hashlib.sha256(data).digest() + data)


def _places_of(distribution: metadata.Distribution) -> Iterator[str]:
    """Yield the folders and modules of a distribution; of an editable one too."""
    for file in distribution.files or ():
        place = str(distribution.locate_file(file))
        if file.suffix == ".pth":
            for line in Path(place).read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(OSError):  # a line of code, no folder
                    yield from (
                        entry.path
                        for entry in os.scandir(line)
                        if entry.name.endswith(".py")
                        or os.path.isfile(os.path.join(entry.path, "__init__.py"))
                    )
        elif file.parts[0] != ".." and not file.parts[0].endswith(".dist-info"):
            yield str(distribution.locate_file(file.parts[0]))


def _stamps(places: list[str]) -> list[Stamp]:
    """Return the stamps of files and of all files in folders, of more than `MAX_FILES` not all."""
    found: list[Stamp] = []
    while places and len(found) <= MAX_FILES:
        place = places.pop()
        if os.path.isdir(place):
            if os.path.basename(place) != "__pycache__":
                places += [os.path.join(place, name) for name in os.listdir(place)]
        else:
            status = os.stat(place)
            times = (status.st_mtime_ns, status.st_ctime_ns)
            found.append(Stamp(place, status.st_size, *times, status.st_ino))
    return found


def _keras_settings() -> dict[str, Any]:
    """Return what Keras will be set to when it is imported."""
    settings = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
    with contextlib.suppress(OSError, ValueError, TypeError):
        settings.update(json.loads((home("cache") / "keras" / "keras.json").read_bytes()))
    apart = ("KERAS_BACKEND", "KERAS_HOME")  # zoo sets both
    settings.update((k, v) for k, v in os.environ.items() if k[:6] == "KERAS_" and k not in apart)
    settings.pop("backend", None)
    return settings
