"""JAX computations, serialized by ``jax.export`` with the weights as arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.accel.network import CachedNetwork
from zoo.backend import choose
from zoo_weights.arrays import Slot

if TYPE_CHECKING:
    from zoo.accel.network import Weights

MAX_BYTES = 64 << 20
"""Maximum size of a computation: it has no weights in it, a hundred layers take 60 kB."""

MAX_CONSTANT = 64
"""Maximum number of values in a variable that is not a weight, such as a seed's state."""


class ExportedFile(msgspec.Struct, frozen=True):
    """The content of a cache file.

    Attributes
    ----------
    slots
        Places of the weights, in the order of the computation's arguments.
    output_shape
        Of the network, batch first.
    computation
        Serialized by ``jax.export``.
    lapack
        Whether it calls LAPACK.
    """

    slots: list[Slot]
    output_shape: tuple[int | None, ...]
    computation: bytes
    lapack: bool


def cache_key() -> list[Any]:
    """Return what a computation depends on besides the network."""
    return choose.computing_settings("jax")


def restore(data: bytes, weights: Weights) -> CachedNetwork | None:
    """Return the cached network with these weights; None if JAX no longer accepts it.

    Raises
    ------
    zoo_weights.WeightsError
        If the weights do not fit.
    """
    arrays: list[Any] = []
    try:
        file = msgspec.msgpack.decode(data, type=ExportedFile)
        network = _build_network(file, arrays)
    except Exception:  # JAX may raise anything
        return None
    from jax import device_put

    arrays += (None for _ in file.slots)
    for position, array in weights(file.slots):
        arrays[position] = device_put(array)  # a CPU shares memory that is aligned
    return network


def _build_network(file: ExportedFile, weights: Sequence[Any]) -> CachedNetwork:
    """Return the computation on `weights`, in the order of its slots.

    Raises
    ------
    ValueError
        If the computation does not take these weights and one batch.
    """
    jax = choose.jax()
    import numpy as np
    from jax import export

    exported = export.deserialize(bytearray(file.computation))
    if not file.lapack:
        # JAX imports SciPy's LAPACK for everything exported for a CPU, which takes longer than
        # all the rest. The platform is already part of the file's name.
        unchecked = export.DisabledSafetyCheck.platform()
        exported = dataclasses.replace(
            exported,
            platforms=("any",),
            disabled_safety_checks=(*exported.disabled_safety_checks, unchecked),
        )
    *arguments, batch = exported.in_avals
    takes = [(tuple(argument.shape), str(argument.dtype)) for argument in arguments]
    if takes != [(tuple(slot.shape), slot.dtype) for slot in file.slots]:
        msg = f"the computation takes {takes}, the network has {file.slots}"
        raise ValueError(msg)
    compiled = jax.jit(exported.call)
    return CachedNetwork(
        (jax.ShapeDtypeStruct((1, *batch.shape[1:]), batch.dtype),),
        file.output_shape,
        lambda inputs: np.asarray(compiled(weights, inputs)),
    )


def serialize(network: Any) -> bytes:
    """Return the content of a network's cache file.

    Raises
    ------
    Exception
        If the network cannot be cached.
    """
    import jax
    from jax import export

    from zoo.backend.network import slots
    from zoo.backend.runner import dtype_of, inputs_of

    places = slots(network)
    weight_ids = {id(variable) for _, variable in places}
    trainable, others = network.trainable_variables, network.non_trainable_variables
    rest = [v for v in (*trainable, *others) if id(v) not in weight_ids]
    if any(variable.value.size > MAX_CONSTANT for variable in rest):
        msg = "it has variables that are not weights"
        raise ValueError(msg)
    constants = {id(variable): variable.value for variable in rest}

    def forward(weights: Sequence[Any], batch: Any) -> Any:
        values = dict(constants)
        for (_, variable), weight in zip(places, weights, strict=True):
            values[id(variable)] = weight
        before = [[values[id(v)] for v in variables] for variables in (trainable, others)]
        outputs, after = network.stateless_call(*before, batch, training=False)
        if any(old is not new for old, new in zip(before[1], after, strict=True)):
            msg = "its state changes with every call"
            raise ValueError(msg)
        if isinstance(outputs, Mapping | list | tuple):
            msg = "it has several outputs"
            raise ValueError(msg)
        return outputs

    inputs = inputs_of(network)
    if isinstance(inputs, Mapping) or None in inputs.shape[1:]:
        msg = "it has several inputs, or one of unknown shape"
        raise ValueError(msg)
    (rows,) = export.symbolic_shape("rows")
    arguments = (
        [jax.ShapeDtypeStruct(slot.shape, slot.dtype) for slot, _ in places],
        jax.ShapeDtypeStruct((rows, *inputs.shape[1:]), dtype_of(inputs)),
    )
    jitted = jax.jit(forward)
    exported = export.export(jitted)(*arguments)
    traced = jitted.trace(*arguments).jaxpr.jaxpr
    used = {id(variable) for equation in traced.eqns for variable in equation.invars}
    for variable, (slot, _) in zip(traced.invars, places, strict=False):  # the batch comes last
        if id(variable) not in used:  # perhaps with a copy of it, which would be cached instead
            msg = f"it does not use its weight {slot.name!r}"
            raise ValueError(msg)
    computation = bytes(exported.serialize())
    if len(computation) > MAX_BYTES:
        msg = f"its computation has {len(computation)} bytes, over {MAX_BYTES}"
        raise ValueError(msg)
    file = ExportedFile(
        [slot for slot, _ in places],
        tuple(network.output_shape),
        computation,
        lapack=b"lapack" in exported.mlir_module_serialized,
    )
    return msgspec.msgpack.encode(file)
