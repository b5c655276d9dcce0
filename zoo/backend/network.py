"""Build networks and fill them with weights, without initialising what is overwritten."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend, keras
from zoo.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from zoo_weights.arrays import Slot

MAX_PARAMETERS = 4_000_000_000
"""Maximum size of a network; a file that declares more is wrong, or hostile."""


def build(make: Callable[[], Any], *, initialise: bool) -> Any:
    """Build a network.

    Parameters
    ----------
    make
        Returns an uncompiled ``keras.Model``.
    initialise
        Whether its weights get initial values now; otherwise call `load_weights` or
        `initialise_missing` before it computes.
    """
    module = keras()
    fast = keras_private.fast_paths_allowed()
    network, independent = _build_without_values(make) if fast else (make(), True)
    if not isinstance(network, module.Model):
        msg = f"an architecture must return a keras.Model, received {type(network).__name__}"
        raise SpecError(msg)
    if not network.built:
        msg = f"an architecture must return a built model, {network.name!r} has no Input"
        raise SpecError(msg)
    if network.count_params() > MAX_PARAMETERS:
        msg = f"the network has {network.count_params():,} parameters, over {MAX_PARAMETERS:,}"
        raise SpecError(msg)
    if not independent:  # it read values, so build it again on those that it will have
        network = make()
    if initialise:
        initialise_missing(network)
    return network


def _build_without_values(make: Callable[[], Any]) -> tuple[Any, bool]:
    """Return the network, and whether it was built without reading its variables' values.

    Variables have a shape but no value yet: weights that a file holds are not drawn at random
    first, and a network that is too large is refused before it fills the memory.
    """

    class Scope(keras().StatelessScope):  # type: ignore[misc]
        independent = True

        def get_current_value(self, variable: Any) -> Any:
            has_value = keras_private.raw_value(variable) is not None
            self.independent = self.independent and has_value
            return super().get_current_value(variable)

    # Keras lists variables to initialise them when a later scope ends; ours must not be among them.
    pending = list(keras_private.global_attribute("uninitialized_variables", []))
    with Scope(initialize_variables=False) as scope:
        network = make()
    keras_private.set_global_attribute("uninitialized_variables", pending)
    return network, scope.independent


def name_outputs(network: Any, names: Collection[str]) -> Any:
    """Return a network whose outputs have names.

    A list of outputs is named after the layers that give them; a network is unchanged if these are
    not `names`.
    """
    found = output_names(network)
    given = isinstance(getattr(network, "output", None), Mapping)
    if given or set(found) != set(names) or len(found) < 2:
        return network
    named = dict(zip(found, network.outputs, strict=True))
    return keras().Model(network.input, named, name=network.name)


def output_names(network: Any) -> list[str]:
    """Return the names of a network's outputs: its own, or those of the layers that give them."""
    named = getattr(network, "output", None)  # a Sequential has none before it is called
    if isinstance(named, Mapping):
        return list(named)
    return [keras_private.producer_of(tensor)[0].name for tensor in network.outputs]


def initialise_missing(network: Any) -> None:
    """Initialise every variable without a value, then let layers derive their state from them.

    Keras does the latter too when it reads weights, for layers such as ``Normalization``.
    """
    for variable in network.variables:
        if keras_private.raw_value(variable) is None:
            keras_private.give_initial_value(variable)
    for layer in keras_private.layers_of(network):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def fill_placeholders(network: Any) -> Any:
    """Fill a network with numbers that take no time to draw, and return it."""
    import numpy as np

    for variable in network.variables:
        if keras_private.raw_value(variable) is None and "float" in str(variable.dtype):
            _fill(variable, np.full(variable.shape, 0.37, "float32"))
    initialise_missing(network)
    return network


def slots(network: Any) -> list[tuple[Slot, Any]]:
    """Return the place of every weight in a file, with its variable.

    Within a layer the order is the legacy one: trainable weights, then the others.
    """
    from zoo_weights.arrays import Slot

    pairs: list[tuple[Slot, Any]] = []
    for path, layer in _weight_layers(network, "layers"):
        places = dict(_places(layer, path))
        for index, variable in enumerate(_legacy_order(layer)):
            slot = Slot(
                layer.name, index, variable.name, tuple(variable.shape),
                str(variable.dtype), places[id(variable)],
            )  # fmt: skip
            pairs.append((slot, variable))
    return pairs


def _legacy_order(layer: Any) -> list[Any]:
    trainable = [v for v in layer.weights if v.trainable]
    # A frozen layer has no trainable weights; the order must not depend on what is frozen.
    if not layer.trainable:
        layer.trainable = True
        trainable = list(layer.trainable_weights)
        layer.trainable = False
    trainable_ids = {id(v) for v in trainable}
    return [*trainable, *(v for v in layer.weights if id(v) not in trainable_ids)]


def _weight_layers(network: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the layers that hold weights, with their places in a Keras 3 weights file.

    Keras names a layer's group after its class, numbered in the order of the model's layers.
    """
    counts: dict[str, int] = {}
    for layer in network.layers:
        name = keras_private.snake_case(type(layer).__name__)
        number = counts.get(name, 0)
        counts[name] = number + 1
        path = f"{prefix}/{name}_{number}" if number else f"{prefix}/{name}"
        if keras_private.is_nested(layer):
            yield from _weight_layers(layer, f"{path}/layers")
        elif layer.weights:
            yield path, layer


def _places(item: Any, path: str, seen: set[int] | None = None) -> Iterator[tuple[int, str]]:
    """Yield (id of variable, place) for a layer and the layers and cells inside it."""
    seen = set() if seen is None else seen
    if id(item) in seen:
        return
    seen.add(id(item))
    for index, variable in enumerate(keras_private.own_variables(item)):
        yield id(variable), f"{path}/vars/{index}"
    for name, child in keras_private.children(item):
        if keras_private.is_saveable(child):
            if keras_private.has_variables(child):
                yield from _places(child, f"{path}/{name}", seen)
        elif isinstance(child, list | tuple | dict):
            counts: dict[str, int] = {}
            members = child.values() if isinstance(child, dict) else child
            for member in members:
                if not keras_private.is_saveable(member):
                    continue
                label = keras_private.snake_case(type(member).__name__)
                number = counts.get(label, 0)
                counts[label] = number + 1
                suffix = f"{label}_{number}" if number else label
                if keras_private.has_variables(member):
                    yield from _places(member, f"{path}/{name}/{suffix}", seen)


def load_weights(
    network: Any,
    file: Path,
    *,
    format: str | None = None,
    ignore: Sequence[str] = (),
    lacks: Sequence[str] = (),
) -> None:
    """Fill a network from a weights file, all of it checked before the first number is read.

    Parameters
    ----------
    network
        The built network.
    file
        The weights file.
    format
        ``"keras"``, ``"keras-legacy"`` or ``"bundle"``; recognised by content if not given.
    ignore
        Layers of the file, declared missing from the network.
    lacks
        Layers of the network (globs), declared missing from the file; they get initial values.

    Raises
    ------
    zoo_weights.WeightsError
        If the file is unsafe, damaged, or holds other layers or shapes.
    """
    from zoo_weights.readers import read_weights

    expected = [
        (slot, variable)
        for slot, variable in slots(network)
        if not any(fnmatch.fnmatchcase(slot.layer, pattern) for pattern in lacks)
    ]
    arrays = read_weights(file, [slot for slot, _ in expected], format=format, ignore=ignore)
    for position, array in arrays:
        _fill(expected[position][1], array)
    initialise_missing(network)


def _fill(variable: Any, array: NDArray[Any]) -> None:
    if keras_private.raw_value(variable) is None:
        keras_private.give_value(variable, _adopt(array))
    else:
        variable.assign(array)


def _adopt(array: NDArray[Any]) -> Any:
    """Return an array as a tensor on the same memory, if the backend would copy it otherwise."""
    adoptable = array.dtype == "float32" and array.flags.c_contiguous and array.flags.writeable
    backend = chosen_backend()
    if adoptable and backend == "torch":
        import torch

        return torch.from_numpy(array)
    # TensorFlow aborts the process on memory that is not aligned.
    if adoptable and backend == "tensorflow" and array.ctypes.data % 64 == 0:
        import tensorflow

        return tensorflow.experimental.dlpack.from_dlpack(array.__dlpack__())
    if adoptable and backend == "openvino":
        import openvino.opset16 as ops

        _, tensor_of = keras_private.openvino_types()
        return tensor_of(ops.constant(array, shared_memory=True).output(0))
    return array  # JAX adopts aligned arrays by itself


def weight_arrays(network: Any) -> Iterator[tuple[Slot, NDArray[np.generic]]]:
    """Yield the place of every weight in a file, with its NumPy array."""
    module = keras()
    for slot, variable in slots(network):
        yield slot, module.ops.convert_to_numpy(variable.value)


def copy_weights(source: Any, target: Any) -> None:
    """Copy the weights of a network into another one with the same layers.

    Raises
    ------
    SpecError
        If the layers differ.
    """
    old, new = slots(source), slots(target)
    # Not by names: Keras numbers those that an architecture leaves to it.
    places = [[(slot.path, slot.shape) for slot, _ in pairs] for pairs in (old, new)]
    if places[0] != places[1]:
        msg = "an architecture must have the same layers with and without states"
        raise SpecError(msg)
    convert = keras().ops.convert_to_numpy
    for (_, variable), (_, other) in zip(old, new, strict=True):
        _fill(other, convert(variable.value).copy())
    initialise_missing(target)


@contextmanager
def dtype_policy(name: str | None) -> Iterator[None]:
    """Build networks under a dtype policy of Keras, in this thread; None changes nothing."""
    config = keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(name or before)
    try:
        yield
    finally:
        config.set_dtype_policy(before)


def freeze(network: Any, layers: Iterable[str] | int) -> None:
    """Make layers untrainable: those whose names match a glob, or the first N.

    Raises
    ------
    SpecError
        If a pattern matches no layer.
    """
    if isinstance(layers, int):
        for layer in network.layers[:layers]:
            layer.trainable = False
        return
    for pattern in layers:
        matching = [layer for layer in network.layers if fnmatch.fnmatchcase(layer.name, pattern)]
        if not matching:
            names = ", ".join(layer.name for layer in network.layers[:20])
            msg = f"training.freeze: no layer matches {pattern!r}; layers are {names}"
            raise SpecError(msg)
        for layer in matching:
            layer.trainable = False


def unfreeze(network: Any, patterns: Iterable[str]) -> None:
    """Make the layers whose names match a glob trainable, but for normalization of batches.

    Raises
    ------
    SpecError
        If no layer matches.
    """
    matching = [
        layer
        for layer in network.layers
        if any(fnmatch.fnmatchcase(layer.name, pattern) for pattern in patterns)
    ]
    if not matching:
        names = ", ".join(layer.name for layer in network.layers[:20])
        msg = f"training.unfreeze.layers: no layer matches {', '.join(patterns)}; layers are "
        raise SpecError(msg + names)
    for layer in matching:
        layer.trainable = True
        for part in keras_private.layers_of(layer):
            if isinstance(part, keras().layers.BatchNormalization):
                part.trainable = False
