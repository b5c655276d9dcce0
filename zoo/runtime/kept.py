"""Networks kept between processes: what one computes, without Keras and without its code.

The first process builds the Keras network and writes down its computation; the next one reads that
back. What a computation is, the backend's module knows: `zoo.runtime.exported` for JAX,
`zoo.runtime.openvino`. Only networks that are a function of one batch and their weights are kept;
the rest is built each time. Results are never kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from zoo import private
from zoo.config import home
from zoo.registry.index import look
from zoo.registry.installed import distribution_names
from zoo.registry.loading import roots_of
from zoo.runtime import backend
from zoo.spec.component import component_to

if TYPE_CHECKING:
    from zoo.registry.installed import Plugin
    from zoo.registry.table import Entry
    from zoo.spec.component import Component

FOLDER = "networks"

COMPUTATIONS = {
    "jax": ("zoo.runtime.exported", "flatbuffers"),
    "openvino": ("zoo.runtime.openvino", "openvino"),
}
"""For each backend, what knows its computations and the package that this needs."""

CANNOT = b""
"""Kept in place of a computation where the network is none that can be kept."""

WeightsFile = Callable[[], tuple[Path, dict[str, Any]]]
"""Returns the weights file and the options of `zoo_weights.read_weights`."""


@dataclasses.dataclass(frozen=True)
class KeptNetwork:
    """A network's computation with weights: to a `Runner` as good as the network.

    Attributes
    ----------
    input
        Shape and dtype of a batch, as attributes.
    output_shape
        Of a batch; None where a side may be any.
    call
        Returns the outputs of one batch.
    """

    input: Any
    output_shape: tuple[int | None, ...]
    call: Callable[[Any], Any]


class Place:
    """Where a network's computation is kept, or would be.

    Parameters
    ----------
    architecture
        The registered architecture.
    component
        Its name and options.
    offered
        What else the architecture is handed: ``input_shape`` and ``units``.
    plugins
        All plugins in use: an architecture may build its parts by those of others.
    file
        The weights that the network will have.
    """

    def __init__(
        self,
        architecture: Entry[Any],
        component: Component,
        offered: Mapping[str, Any],
        plugins: Sequence[Plugin],
        file: WeightsFile,
    ) -> None:
        self._made_from = (architecture, component, offered)
        self._plugins = plugins
        self.file = file

    @cached_property
    def usable(self) -> bool:
        """Whether this process can keep computations at all."""
        return (
            self._backend is not None
            and isinstance(self._made_from[0].value, str)
            and not isinstance(self._made_from[2]["input_shape"], Mapping)
            and self._sources is not None
        )

    @cached_property
    def _backend(self) -> ModuleType | None:
        """What knows the computations of this process's backend, if it can be used."""
        module, needs = COMPUTATIONS.get(backend.chosen_backend(), (None, ""))
        if module is None or importlib.util.find_spec(needs) is None:
            return None
        return importlib.import_module(module)

    @cached_property
    def _sources(self) -> list[Any] | None:
        """The files a network may come from: of the function's package, zoo's and all plugins'."""
        entry = self._made_from[0]
        here = Path(__file__).parent
        looks = [
            look(roots_of(entry.owner.module)),
            look(roots_of(entry.value.partition(":")[0])),
            look([str(here), str(here.parent / "construct.py")]),
        ]
        if None in looks:
            return None
        return [*looks, *(look(roots_of(plugin.module)) for plugin in self._plugins)]

    @cached_property
    def name(self) -> str:
        """Name of the file: a hash of all that decides what the network computes."""
        entry, component, offered = self._made_from
        assert self._backend is not None
        decides = {
            "owner": dataclasses.astuple(entry.owner),
            "plugins": [dataclasses.astuple(plugin) for plugin in self._plugins],
            "function": entry.value,
            "options": component_to(component),
            "offered": offered,
            "sources": self._sources,
            "installed": distribution_names(),
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
        found: KeptNetwork | None = self._backend.restored(data, self.file) if data else None
        return found

    def keep(self, network: Any) -> KeptNetwork | None:
        """Keep a network's computation; return it on the weights of the network, as they change.

        None where the network is none that can be kept.
        """
        assert self._backend is not None
        if self._read() == CANNOT:  # an earlier process found out
            return None
        try:
            data, kept = self._backend.kept(network)
        except Exception:  # a network can do whatever it likes; then it is built each time
            self._write(CANNOT)
            return None
        self._write(data)
        found: KeptNetwork = kept
        return found

    def _read(self) -> bytes | None:
        """Return what an earlier process wrote; None where that is nothing, or damaged."""
        data = private.read(FOLDER, self.name)
        if data is None or hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        return data[32:]

    def _write(self, data: bytes) -> None:
        private.write(FOLDER, self.name, hashlib.sha256(data).digest() + data)


def _keras_settings() -> list[Any]:
    """Return what Keras is set to, or will be when it is imported."""
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "config"):
        config = keras.config
        policy = config.dtype_policy()
        return [_keras_version(), config.floatx(), config.image_data_format(), policy.name]
    try:
        data = json.loads((home("cache") / "keras" / "keras.json").read_bytes())
        floatx = data.get("floatx", "float32")
        layout = data.get("image_data_format", "channels_last")
    except (OSError, ValueError, AttributeError):
        floatx, layout = "float32", "channels_last"
    return [_keras_version(), floatx, layout, floatx]


def _keras_version() -> str:
    for root in roots_of("keras"):
        try:
            return Path(root, "src", "version.py").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return ""
