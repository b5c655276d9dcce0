"""Building networks and filling them with weights, without initialising what is overwritten."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend, keras
from zoo.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from zoo_weights import Slot

MAX_PARAMETERS = 4_000_000_000
"""Bound of a network's size; a file that declares more is wrong, or hostile."""


def build(make: Callable[[], Any], *, initialise: bool) -> Any:
    """Build a network.

    Parameters
    ----------
    make
        Returns an uncompiled ``keras.Model``.
    initialise
        Whether its weights get initial values now. Without them it takes `load`, or `complete`,
        before it can compute.
    """
    module = keras()
    network, whole = _without_values(make) if keras_private.fast() else (make(), True)
    if not isinstance(network, module.Model):
        msg = f"an architecture must return a keras.Model, received {type(network).__name__}"
        raise SpecError(msg)
    if not network.built:
        msg = f"an architecture must return a built model, {network.name!r} has no Input"
        raise SpecError(msg)
    if network.count_params() > MAX_PARAMETERS:
        msg = (
            f"the network would have {network.count_params():,} parameters, over {MAX_PARAMETERS:,}"
        )
        raise SpecError(msg)
    if not whole:  # what it made of the values that it read has to be of those that it will have
        network = make()
    if initialise:
        complete(network)
    return network


def _without_values(make: Callable[[], Any]) -> tuple[Any, bool]:
    """Return what `make` makes, and whether it did without the values of its variables.

    Those have a shape and no value yet: what comes from a file is not first drawn at random, and a
    size can be refused before it fills the memory.
    """

    class Scope(keras().StatelessScope):  # type: ignore[misc]
        whole = True

        def get_current_value(self, variable: Any) -> Any:
            self.whole = self.whole and keras_private.raw_value(variable) is not None
            return super().get_current_value(variable)

    # Keras lists them, to initialise them when some later scope ends; these are ours.
    pending = list(keras_private.global_attribute("uninitialized_variables", []))
    with Scope(initialize_variables=False) as scope:
        network = make()
    keras_private.set_global_attribute("uninitialized_variables", pending)
    return network, scope.whole


def complete(network: Any) -> None:
    """Give every variable without a value its initial one, and layers what they derive from them.

    (As Keras itself does when it reads weights; ``Normalization`` is such a layer.)
    """
    for variable in network.variables:
        if keras_private.raw_value(variable) is None:
            keras_private.give_initial_value(variable)
    for layer in keras_private.layers_of(network):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def with_any_values(network: Any) -> Any:
    """Return a network whose weights have been given numbers that take no time to draw."""
    import numpy as np

    for variable in network.variables:
        if keras_private.raw_value(variable) is None and "float" in str(variable.dtype):
            _fill(variable, np.full(variable.shape, 0.37, "float32"))
    complete(network)
    return network


def slots(network: Any) -> list[tuple[Slot, Any]]:
    """Return the place of every weight in a file, with its variable.

    Order within a layer is the legacy one: trainable weights, then the others.
    """
    from zoo_weights import Slot

    found: list[tuple[Slot, Any]] = []
    for path, layer in _layers(network, "layers"):
        places = dict(_places(layer, path))
        own = _legacy_order(layer)
        for index, variable in enumerate(own):
            slot = Slot(
                layer.name, index, variable.name, tuple(variable.shape),
                str(variable.dtype), places[id(variable)],
            )  # fmt: skip
            found.append((slot, variable))
    return found


def _legacy_order(layer: Any) -> list[Any]:
    trainable = [v for v in layer.weights if v.trainable]
    # `freeze` empties layer.trainable_weights but leaves the variables' own flag to its layer;
    # the order must not depend on what is frozen.
    if not layer.trainable:
        layer.trainable = True
        trainable = list(layer.trainable_weights)
        layer.trainable = False
    known = {id(v) for v in trainable}
    return [*trainable, *(v for v in layer.weights if id(v) not in known)]


def _layers(network: Any, prefix: str) -> Iterator[tuple[str, Any]]:
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
            yield from _layers(layer, f"{path}/layers")
        elif layer.weights:
            yield path, layer


def _places(part: Any, path: str, seen: set[int] | None = None) -> Iterator[tuple[int, str]]:
    """Yield (id of variable, place) for a layer and the layers and cells inside it."""
    seen = set() if seen is None else seen
    if id(part) in seen:
        return
    seen.add(id(part))
    for index, variable in enumerate(keras_private.own_variables(part)):
        yield id(variable), f"{path}/vars/{index}"
    for name, child in keras_private.children(part):
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


def load(
    network: Any,
    file: Path,
    *,
    format: str | None = None,
    ignore: Sequence[str] = (),
    lacks: Sequence[str] = (),
) -> None:
    """Fill a network from a weights file, checked whole before the first number is read.

    Parameters
    ----------
    network
        The built network.
    file
        The weights file.
    format
        ``"keras"``, ``"keras-legacy"`` or ``"bundle"``; recognised by content if not given.
    ignore
        Layers of the file that are declared not to be in the network.
    lacks
        Layers of the network (globs) that are declared not to be in the file; they get initial
        values.

    Raises
    ------
    zoo_weights.WeightsError
        If the file is unsafe, damaged, or holds other layers or shapes.
    """
    from zoo_weights import read_weights

    wanted = [
        (slot, variable)
        for slot, variable in slots(network)
        if not any(fnmatch.fnmatchcase(slot.layer, pattern) for pattern in lacks)
    ]
    arrays = read_weights(file, [slot for slot, _ in wanted], format=format, ignore=ignore)
    for position, array in arrays:
        _fill(wanted[position][1], array)
    complete(network)


def _fill(variable: Any, array: NDArray[Any]) -> None:
    if keras_private.raw_value(variable) is None:
        keras_private.give_value(variable, _adopted(array))
    else:
        variable.assign(array)


def _adopted(array: NDArray[Any]) -> Any:
    """Return an array as a tensor on its own memory, where the backend would copy it first."""
    own = array.dtype == "float32" and array.flags.c_contiguous and array.flags.writeable
    backend = chosen_backend()
    if own and backend == "torch":
        import torch

        return torch.from_numpy(array)
    # TensorFlow aborts the process when it is handed memory that is not aligned.
    if own and backend == "tensorflow" and array.ctypes.data % 64 == 0:
        import tensorflow

        return tensorflow.experimental.dlpack.from_dlpack(array.__dlpack__())
    if own and backend == "openvino":
        import openvino.opset16 as ops

        _, tensor_of = keras_private.openvino_types()
        return tensor_of(ops.constant(array, shared_memory=True).output(0))
    return array  # JAX adopts aligned arrays by itself


def values(network: Any) -> Iterator[tuple[Slot, NDArray[np.generic]]]:
    """Yield every weight of a network as NumPy, with its place in a file."""
    module = keras()
    for slot, variable in slots(network):
        yield slot, module.ops.convert_to_numpy(variable.value)


def copy_weights(source: Any, target: Any) -> None:
    """Give a network the weights of another one that has the same layers.

    Raises
    ------
    SpecError
        If it has not.
    """
    here, there = slots(source), slots(target)
    # Not by names: Keras numbers those that an architecture leaves to it.
    places = [[(slot.path, slot.shape) for slot, _ in found] for found in (here, there)]
    if places[0] != places[1]:
        msg = "an architecture must have the same layers with states and without"
        raise SpecError(msg)
    convert = keras().ops.convert_to_numpy
    for (_, variable), (_, other) in zip(here, there, strict=True):
        _fill(other, convert(variable.value).copy())
    complete(target)


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
