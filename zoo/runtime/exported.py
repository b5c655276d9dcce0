"""Networks kept between processes: what JAX computes, without Keras and without the network's code.

The first process builds the Keras network and writes down its computation, the weights being
arguments of it; the next one reads that back and hands it the numbers of the weights file. Only
networks that are a function of one batch and their weights are kept; the rest is built each time.
Results are never kept.
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
from typing import TYPE_CHECKING, Any

import msgspec

from zoo import private
from zoo.config import home
from zoo.registry.index import look
from zoo.registry.installed import distribution_names
from zoo.registry.loading import roots_of
from zoo.runtime import backend
from zoo.spec.component import component_to
from zoo_weights import Slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.registry.installed import Plugin
    from zoo.registry.table import Entry
    from zoo.spec.component import Component

FOLDER = "networks"

MAX_BYTES = 64 << 20
"""Largest computation that is kept: weights are not in it, a hundred layers are 60 kB."""

MAX_CONSTANT = 64
"""Numbers of a variable that is no weight (a seed's state), at most."""


class Kept(msgspec.Struct, frozen=True):
    """What a file holds.

    Attributes
    ----------
    slots
        Places of the weights, in the order of the computation's arguments.
    output_shape
        Of the network, batch first.
    computation
        As ``jax.export`` writes it; empty where the network cannot be kept.
    lapack
        Whether it calls LAPACK.
    """

    slots: list[Slot] = []
    output_shape: tuple[int | None, ...] = ()
    computation: bytes = b""
    lapack: bool = False


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
    """

    def __init__(
        self,
        architecture: Entry[Any],
        component: Component,
        offered: Mapping[str, Any],
        plugins: Sequence[Plugin],
    ) -> None:
        self._made_from = (architecture, component, offered)
        self._plugins = plugins

    @cached_property
    def usable(self) -> bool:
        """Whether this process can keep computations at all."""
        return (
            backend.chosen_backend() == "jax"
            and isinstance(self._made_from[0].value, str)
            and not isinstance(self._made_from[2]["input_shape"], Mapping)
            and importlib.util.find_spec("flatbuffers") is not None
            and self._sources is not None
        )

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
        jax = backend.jax()
        decides = {
            "owner": dataclasses.astuple(entry.owner),
            "plugins": [dataclasses.astuple(plugin) for plugin in self._plugins],
            "function": entry.value,
            "options": component_to(component),
            "offered": offered,
            "sources": self._sources,
            "installed": distribution_names(),
            "python": sys.version,
            "jax": [jax.__version__, jax.lib.__version__],
            "device": [jax.default_backend(), jax.devices()[0].device_kind],
            "x64": jax.config.jax_enable_x64,
            "precision": jax.config.jax_default_matmul_precision,
            "keras": _keras_settings(),
        }
        data = msgspec.json.encode(decides, order="deterministic")
        return f"{hashlib.sha256(data).hexdigest()}.msgpack"

    def read(self) -> Kept | None:
        """Return what an earlier process kept; None where that is nothing, or damaged."""
        data = private.read(FOLDER, self.name)
        if data is None or hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        try:
            return msgspec.msgpack.decode(data[32:], type=Kept)
        except msgspec.MsgspecError:
            return None

    def write(self, kept: Kept) -> None:
        """Keep it for later processes."""
        data = msgspec.msgpack.encode(kept)
        private.write(FOLDER, self.name, hashlib.sha256(data).digest() + data)


class Exported:
    """A network's computation with weights: to a `Runner` as good as the network.

    Parameters
    ----------
    kept
        The computation.
    weights
        Returns the weights in the order of its slots; called at every batch.

    Raises
    ------
    ValueError
        If the computation is not one of these weights and one batch.
    """

    def __init__(self, kept: Kept, weights: Callable[[], Sequence[Any]]) -> None:
        jax = backend.jax()
        from jax import export

        found = export.deserialize(bytearray(kept.computation))
        if not kept.lapack:
            # JAX imports SciPy's LAPACK for whatever is exported for a CPU, which takes longer
            # than all the rest. The platform is part of the file's name already.
            unchecked = export.DisabledSafetyCheck.platform()
            found = dataclasses.replace(
                found,
                platforms=("any",),
                disabled_safety_checks=(*found.disabled_safety_checks, unchecked),
            )
        *numbers, batch = found.in_avals
        takes = [(tuple(array.shape), str(array.dtype)) for array in numbers]
        if takes != [(tuple(slot.shape), slot.dtype) for slot in kept.slots]:
            msg = f"the computation takes {takes}, the network has {kept.slots}"
            raise ValueError(msg)
        self.input = jax.ShapeDtypeStruct((1, *batch.shape[1:]), batch.dtype)
        self.output_shape = kept.output_shape
        self._call = jax.jit(found.call)
        self._weights = weights

    def call(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs of one batch."""
        import numpy as np

        return np.asarray(self._call(list(self._weights()), batch))


def restored(place: Place, file: Callable[[], tuple[Path, dict[str, Any]]]) -> Exported | None:
    """Return the network that an earlier process kept, with the weights of a file.

    Parameters
    ----------
    place
        Where it would be.
    file
        Returns the weights file and the options of `zoo_weights.read_weights`.

    Returns
    -------
    Exported or None
        None where nothing was kept, or it cannot be used.

    Raises
    ------
    zoo_weights.WeightsError
        If the weights do not fit.
    """
    kept = place.read()
    if kept is None or not kept.computation:
        return None
    arrays: list[Any] = []
    try:
        network = Exported(kept, lambda: arrays)
    except Exception:  # whatever JAX says of a computation that it does not like any more
        return None
    from jax import device_put

    from zoo_weights import read_weights

    path, options = file()
    arrays += (None for _ in kept.slots)
    for position, array in read_weights(path, kept.slots, **options):
        arrays[position] = device_put(array)  # a CPU adopts memory that is aligned
    return network


def keep(place: Place, network: Any) -> Exported | None:
    """Keep a network's computation; return it on the weights of the network, as they change.

    Returns
    -------
    Exported or None
        None where the network is none that can be kept.
    """
    before = place.read()
    if before is not None and not before.computation:  # an earlier process found it cannot be kept
        return None
    from zoo.runtime.network import slots

    found = slots(network)
    try:
        kept = _written(network, found)
        exported = Exported(kept, lambda: [variable.value for _, variable in found])
    except Exception:  # a network can do whatever it likes; then it is built each time
        place.write(Kept())
        return None
    place.write(kept)
    return exported


def _written(network: Any, found: Sequence[tuple[Slot, Any]]) -> Kept:
    import jax
    from jax import export

    weights = {id(variable) for _, variable in found}
    trainable, others = network.trainable_variables, network.non_trainable_variables
    rest = [v for v in (*trainable, *others) if id(v) not in weights]
    if len(network.inputs) != 1 or isinstance(network.output, Mapping | list | tuple):
        msg = "it has several inputs or outputs"
        raise ValueError(msg)
    if any(variable.value.size > MAX_CONSTANT for variable in rest):
        msg = "it has variables that are no weights"
        raise ValueError(msg)
    constants = {id(variable): variable.value for variable in rest}

    def forward(numbers: Sequence[Any], batch: Any) -> Any:
        values = dict(constants)
        for (_, variable), number in zip(found, numbers, strict=True):
            values[id(variable)] = number
        before = [[values[id(v)] for v in variables] for variables in (trainable, others)]
        outputs, after = network.stateless_call(*before, batch, training=False)
        if any(old is not new for old, new in zip(before[1], after, strict=True)):
            msg = "its state changes with every call"
            raise ValueError(msg)
        return outputs

    from zoo.runtime.runner import dtype_of, inputs_of

    wanted = inputs_of(network)
    if isinstance(wanted, Mapping) or None in wanted.shape[1:]:
        msg = "its input is a mapping, or of an open shape"
        raise ValueError(msg)
    (rows,) = export.symbolic_shape("rows")
    exported = export.export(jax.jit(forward))(
        [jax.ShapeDtypeStruct(slot.shape, slot.dtype) for slot, _ in found],
        jax.ShapeDtypeStruct((rows, *wanted.shape[1:]), dtype_of(wanted)),
    )
    computation = bytes(exported.serialize())
    if len(computation) > MAX_BYTES:
        msg = f"it would be {len(computation)} bytes"
        raise ValueError(msg)
    return Kept(
        [slot for slot, _ in found],
        tuple(network.output_shape),
        computation,
        lapack=b"lapack" in exported.mlir_module_serialized,
    )


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
