"""Computations of JAX, as ``jax.export`` writes them: the weights are arguments of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.accel.network import KeptNetwork
from zoo.backend import choose
from zoo_weights import Slot

if TYPE_CHECKING:
    from zoo.accel.network import Weights

MAX_BYTES = 64 << 20
"""Largest computation that is kept: weights are not in it, a hundred layers are 60 kB."""

MAX_CONSTANT = 64
"""Numbers of a variable that is no weight (a seed's state), at most."""


class ExportedFile(msgspec.Struct, frozen=True):
    """What a file holds.

    Attributes
    ----------
    slots
        Places of the weights, in the order of the computation's arguments.
    output_shape
        Of the network, batch first.
    computation
        As ``jax.export`` writes it.
    lapack
        Whether it calls LAPACK.
    """

    slots: list[Slot]
    output_shape: tuple[int | None, ...]
    computation: bytes
    lapack: bool


def identity() -> list[Any]:
    """Return what decides about a computation beside the network."""
    jax = choose.jax()
    settings = [item for item in sorted(jax.config.values.items()) if "cache" not in item[0]]
    return [
        jax.__version__,
        jax.lib.__version__,
        jax.default_backend(),
        jax.devices()[0].device_kind,
        repr(settings),
    ]


def restored(data: bytes, weights: Weights) -> KeptNetwork | None:
    """Return the network of what was kept, with these weights.

    None where JAX does not like it any more.

    Raises
    ------
    zoo_weights.WeightsError
        If the weights do not fit.
    """
    arrays: list[Any] = []
    try:
        kept = msgspec.msgpack.decode(data, type=ExportedFile)
        network = _network(kept, arrays)
    except Exception:  # whatever JAX says
        return None
    from jax import device_put

    arrays += (None for _ in kept.slots)
    for position, array in weights(kept.slots):
        arrays[position] = device_put(array)  # a CPU adopts memory that is aligned
    return network


def _network(kept: ExportedFile, weights: Sequence[Any]) -> KeptNetwork:
    """Return a computation on `weights`, which come in its slots' order.

    Raises
    ------
    ValueError
        If the computation is not one of these weights and one batch.
    """
    jax = choose.jax()
    import numpy as np
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
    compiled = jax.jit(found.call)
    return KeptNetwork(
        (jax.ShapeDtypeStruct((1, *batch.shape[1:]), batch.dtype),),
        kept.output_shape,
        lambda inputs: np.asarray(compiled(weights, inputs)),
    )


def written(network: Any) -> bytes:
    """Return what is to be kept of a network.

    Raises
    ------
    Exception
        If the network cannot be kept.
    """
    import jax
    from jax import export

    from zoo.backend.network import slots
    from zoo.backend.runner import dtype_of, inputs_of

    found = slots(network)
    weights = {id(variable) for _, variable in found}
    trainable, others = network.trainable_variables, network.non_trainable_variables
    rest = [v for v in (*trainable, *others) if id(v) not in weights]
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
        if isinstance(outputs, Mapping | list | tuple):
            msg = "it has several outputs"
            raise ValueError(msg)
        return outputs

    wanted = inputs_of(network)
    if isinstance(wanted, Mapping) or None in wanted.shape[1:]:
        msg = "it has several inputs, or one of an open shape"
        raise ValueError(msg)
    (rows,) = export.symbolic_shape("rows")
    arguments = (
        [jax.ShapeDtypeStruct(slot.shape, slot.dtype) for slot, _ in found],
        jax.ShapeDtypeStruct((rows, *wanted.shape[1:]), dtype_of(wanted)),
    )
    jitted = jax.jit(forward)
    exported = export.export(jitted)(*arguments)
    traced = jitted.trace(*arguments).jaxpr.jaxpr
    taken = {id(variable) for equation in traced.eqns for variable in equation.invars}
    for variable, (slot, _) in zip(traced.invars, found, strict=False):  # the batch is behind them
        if id(variable) not in taken:  # perhaps with a copy of it, which would be kept instead
            msg = f"it computes without its weight {slot.name!r}"
            raise ValueError(msg)
    computation = bytes(exported.serialize())
    if len(computation) > MAX_BYTES:
        msg = f"it would be {len(computation)} bytes"
        raise ValueError(msg)
    kept = ExportedFile(
        [slot for slot, _ in found],
        tuple(network.output_shape),
        computation,
        lapack=b"lapack" in exported.mlir_module_serialized,
    )
    return msgspec.msgpack.encode(kept)
