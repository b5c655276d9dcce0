"""Networks cached between processes: their computations, without Keras and without their code.

The first process builds the Keras network and stores its computation; the next one reads that
back. The backend's module defines the format: `zoo.accel.exported` for JAX, `zoo.accel.openvino`.
Compiled code may be cached, results never, apart from features of frozen layers
(`zoo.training.feature_cache`).

A cached network answers as the present code would, because

- only networks of architectures registered as ``pure`` are cached: what such a function builds
  depends on its arguments and on known files;
- the name of the cache file is a hash of those files, as they are now, and of the arguments;
- the computation was stored from a network with other weights, and compared with Keras on those of
  the weights file: nothing of one weights file can answer for another;
- a process that has already imported Keras may have changed it, and builds its networks.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict

from zoo import cache
from zoo.backend import choose, keras_private
from zoo.config import home
from zoo.registry import sources
from zoo.registry.loading import roots_of
from zoo.spec.component import component_to_data

if TYPE_CHECKING:
    from zoo.accel.network import CachedNetwork, Weights
    from zoo.backend.runner import Runner
    from zoo.registry.entries import Entry
    from zoo.spec.component import Component

FOLDER = "networks"

UNCACHEABLE = b""
"""Stored when a network cannot be cached, so that later processes do not retry."""


class NetworkCache:
    """The cache of one network's computation.

    Parameters
    ----------
    architecture
        The registered architecture.
    component
        Its name and options.
    offered
        Other arguments of the architecture: ``input_shape``, ``units`` and so on.
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
        """Whether networks of this architecture can be cached."""
        entry, _, offered = self._made_from
        return (
            entry.pure is not None
            and isinstance(entry.value, str)
            and not isinstance(offered["input_shape"], Mapping)
            and os.name == "posix"  # elsewhere files have no time of change
            and self._backend is not None
            and self._files is not None
        )

    @cached_property
    def _backend(self) -> ModuleType | None:
        """The module that stores computations of this process's backend; None if there is none."""
        chosen = choose.chosen_backend()
        if chosen == "jax" and importlib.util.find_spec("flatbuffers") is not None:
            from zoo.accel import exported

            return exported
        if chosen == "openvino":
            from zoo.accel import openvino

            return openvino
        return None

    @cached_property
    def _files(self) -> list[sources.Stamp] | None:
        """The files that decide what the architecture builds; None if they are not known."""
        entry = self._made_from[0]
        paths = {
            path
            for module in (entry.owner.module, entry.value.partition(":")[0], "keras", "zoo")
            for path in roots_of(module)
        }
        try:
            for distribution in (entry.owner.distribution, *(entry.pure or ())):
                paths.update(_paths_of(metadata.distribution(distribution)))
            return sources.stamps_of(paths)
        except (metadata.PackageNotFoundError, ValueError, OSError):
            return None

    @cached_property
    def name(self) -> str:
        """Name of the cache file: a hash of all that decides what the network computes."""
        entry, component, offered = self._made_from
        assert self._backend is not None
        key = {
            "owner": astuple(entry.owner),
            "function": entry.value,
            "options": component_to_data(component),
            "offered": offered,
            "files": self._files,
            "python": sys.version,
            "backend": self._backend.cache_key(),
            "keras": _keras_settings(),
        }
        data = msgspec.json.encode(key, order="deterministic")
        return f"{hashlib.sha256(data).hexdigest()}.msgpack"

    def restore(self) -> CachedNetwork | None:
        """Return the network that an earlier process stored, with the weights of the file.

        None if nothing was stored, or it is no longer usable.

        Raises
        ------
        zoo_weights.WeightsError
            If the weights do not fit.
        """
        assert self._backend is not None
        data = self._read()
        network: CachedNetwork | None = self._backend.restore(data, self._weights) if data else None
        return network

    def serialize(self, make: Callable[[], Any]) -> bytes:
        """Return the computation of a network, to `store`; empty if it cannot be cached.

        Parameters
        ----------
        make
            Builds the network, with other weights than those of the file.
        """
        assert self._backend is not None
        assert self._files is not None
        # An earlier process failed, or this one would store what older code computes.
        if sources.may_differ(self._files) or self._read() == UNCACHEABLE:
            return b""
        try:
            data: bytes = self._backend.serialize(make())
        except Exception:  # networks may raise anything; this one is built each time
            data = b""
            self._write(UNCACHEABLE)
        gc.collect()  # a network holds references to itself, and may be large
        return data

    def store(self, data: bytes, runner: Runner) -> None:
        """Store a computation, if it computes what the network does with its own weights.

        Their outputs are compared for one random row.
        """
        import numpy as np

        from zoo.backend.network import slots
        from zoo.backend.runner import Runner, dtype_of

        assert self._backend is not None
        inputs = runner.inputs
        row = 2 * np.random.default_rng(0).random((1, *inputs.shape[1:]))  # as integers 0 or 1
        row = row.astype(dtype_of(inputs))
        weights = (variable.value for _, variable in slots(runner.network))
        try:
            cached = self._backend.restore(data, lambda _: enumerate(weights))
            actual = Runner(cached, cached.call)(row)
            expected = runner(row)
            same = np.allclose(actual, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
        except Exception:  # as above
            same = False
        self._write(data if same else UNCACHEABLE)

    def _read(self) -> bytes | None:
        """Return what an earlier process wrote; None if that is nothing, or damaged."""
        data = cache.read(FOLDER, self.name)
        if data is None or hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        return data[32:]

    def _write(self, data: bytes) -> None:
        cache.write(FOLDER, self.name, hashlib.sha256(data).digest() + data)


def cached_runner(
    cache: NetworkCache, architecture: Callable[[], Callable[[], Any]], runner: Callable[[], Runner]
) -> Runner | None:
    """Return the runner of a cached network; if there is none, cache it for later processes.

    Parameters
    ----------
    cache
        The network's cache.
    architecture
        Returns the function that builds the network.
    runner
        Returns the runner of this process's network, with its weights.

    Returns
    -------
    Runner or None
        None if nothing was cached.
    """
    from zoo.backend.network import build, fill_placeholders
    from zoo.backend.runner import Runner

    if not cache.usable:
        return None
    if network := cache.restore():
        return Runner(network, network.call)
    make = architecture()
    if data := cache.serialize(lambda: fill_placeholders(build(make, initialise=False))):
        cache.store(data, runner())
    return None


def _paths_of(distribution: metadata.Distribution) -> Iterator[str]:
    """Yield the folders and modules of a distribution, also of an editable one."""
    for file in distribution.files or ():
        path = str(distribution.locate_file(file))
        if file.suffix == ".pth":
            for line in Path(path).read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(OSError):  # a line of code, not a folder
                    yield from (
                        entry.path
                        for entry in os.scandir(line)
                        if entry.name.endswith(".py")
                        or os.path.isfile(os.path.join(entry.path, "__init__.py"))
                    )
        elif file.parts[0] != ".." and not file.parts[0].endswith(".dist-info"):
            yield str(distribution.locate_file(file.parts[0]))


def _keras_settings() -> dict[str, Any]:
    """Return the settings that Keras will have once it is imported."""
    settings = asdict(keras_private.read_settings(home("cache") / "keras" / "keras.json"))
    excluded = ("KERAS_BACKEND", "KERAS_HOME")  # zoo sets both
    settings.update(
        (k, v) for k, v in os.environ.items() if k[:6] == "KERAS_" and k not in excluded
    )
    settings.pop("backend", None)
    return settings
