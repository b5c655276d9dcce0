"""The network of an ensemble, whose output is the mean of its members', and its preprocessor.

An ensemble is a spec like any other: its members are components, so its file is plain data that
names registered things only. `zoo.updating.ensemble` makes one from trained models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.backend.choose import keras
from zoo.backend.network import build
from zoo.backend.runner import inputs_of
from zoo.parts.construct import construct
from zoo.parts.multi_input import PreprocessorGroup
from zoo.registry.registry import registry
from zoo.spec.component import component_from_data

MAX_MEMBERS = 100
"""Maximum number of networks in an ensemble: a small file must not cost a day of building."""


def ensemble_network(
    input_shape: Any,
    units: int | None,
    members: list[dict[str, Any] | str],
    member_weights: list[float] | None = None,
    scales: list[tuple[float, float]] | None = None,
    shared_input: bool = False,
) -> Any:
    """Build networks side by side and average their outputs.

    Parameters
    ----------
    input_shape
        Shape of one sample; without `shared_input`, that of `Members`.
    units
        Width of each member's output.
    members
        The architecture of each member: a registered name, or a table with it under ``uses`` and
        its options.
    member_weights
        Weight of each member; equal if not given. Only their ratios matter.
    scales
        Factor and shift that bring the output of each member to the scale of the first, where
        their targets were scaled differently.
    shared_input
        Whether all members take the same input, or each its own.

    Returns
    -------
    keras.Model
        The members are its layers ``member_1``, ``member_2`` and so on. Output (batch, units).
    """
    _check_count(members)
    shares = normalise_weights(member_weights, len(members))
    if scales is not None and len(scales) != len(members):
        msg = f"scales must have {len(members)} entries, one per member; received {len(scales)}"
        raise ValueError(msg)
    inputs: dict[str, Any] = {}
    outputs = []
    for number, plain in enumerate(members, 1):
        name = f"input_{number}"
        shape = input_shape if shared_input else _member_shape(input_shape, name)
        network = _build_member(plain, number, shape, units)
        outputs.append(network(_member_inputs(inputs, network, "" if shared_input else name)))
    if len({tuple(output.shape) for output in outputs}) > 1:
        shown = ", ".join(str(tuple(output.shape)) for output in outputs)
        msg = f"members must give outputs of one shape, received {shown}"
        raise ValueError(msg)
    rows = zip(outputs, shares, scales or [(1.0, 0.0)] * len(members), strict=True)
    terms = [_rescale(out, share * factor, share * shift) for out, share, (factor, shift) in rows]
    mean = sum(terms[1:], terms[0])
    single = shared_input and not isinstance(input_shape, Mapping)
    return keras().Model(inputs["input"] if single else inputs, mean, name="ensemble")


def _rescale(output: Any, factor: float, shift: float) -> Any:
    return output * factor + shift if shift else output * factor


def normalise_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    """Return the weights of members, scaled to sum 1; equal shares if not given.

    Raises
    ------
    ValueError
        If there is not one weight per member, one is negative or not finite, or all are zero.
    """
    weights = [1.0] * count if weights is None else list(weights)
    usable = all(math.isfinite(weight) and weight >= 0.0 for weight in weights)
    if len(weights) != count or not usable or not 0.0 < sum(weights) < math.inf:
        shown = ", ".join(f"{weight:g}" for weight in weights)
        msg = (
            f"member_weights must be {count} numbers, none below 0 and not all 0; received {shown}"
        )
        raise ValueError(msg)
    return [weight / sum(weights) for weight in weights]


def _check_count(members: Sequence[Any]) -> None:
    if not 2 <= len(members) <= MAX_MEMBERS:
        msg = f"an ensemble has 2 to {MAX_MEMBERS} members, received {len(members)}"
        raise ValueError(msg)


def _build_member(plain: Any, number: int, shape: Any, units: int | None) -> Any:
    component = component_from_data(plain)
    function = registry().resolve("architectures", component)
    if function is ensemble_network:
        msg = "a member cannot be an ensemble itself"
        raise ValueError(msg)
    offered = {"input_shape": shape, "units": units}
    what = f"architecture.members.{number - 1}"
    network = build(
        lambda: construct(function, component, what=what, offered=offered), initialise=False
    )
    network.name = f"member_{number}"  # members of one kind would have the same name
    return network


def _member_shape(input_shape: Any, name: str) -> Any:
    """Return the shape of a member's input, or of each of its inputs by name."""
    if name in input_shape:
        return input_shape[name]
    lead = f"{name}."
    return {k.removeprefix(lead): shape for k, shape in input_shape.items() if k.startswith(lead)}


def _member_inputs(inputs: dict[str, Any], network: Any, name: str) -> Any:
    """Return the ensemble's inputs that feed a member; add those that are missing."""

    def input_like(tensor: Any, inner: str) -> Any:
        key = ".".join(filter(None, (name, inner))) or "input"
        if key not in inputs:
            inputs[key] = keras().Input(tuple(tensor.shape[1:]), dtype=tensor.dtype, name=key)
        return inputs[key]

    tensors = inputs_of(network)
    if isinstance(tensors, Mapping):
        return {inner: input_like(tensor, inner) for inner, tensor in tensors.items()}
    return input_like(tensors, "")


class Members(PreprocessorGroup):
    """The same raw input, prepared for each member of an ensemble by its own preprocessor.

    Parameters
    ----------
    members
        The preprocessor of each member, in their order: a registered name, or a table with it
        under ``uses`` and its options.
    """

    def __init__(self, members: list[dict[str, Any] | str]) -> None:
        _check_count(members)
        self.parts = {}
        for number, plain in enumerate(members, 1):
            component = component_from_data(plain)
            part = registry().resolve("preprocessors", component)
            if part is Members:
                msg = "a member cannot be an ensemble itself"
                raise ValueError(msg)
            what = f"input.members.{number - 1}"
            self.parts[f"input_{number}"] = construct(part, component, what=what)
        kinds = {part.kind for part in self.parts.values()}
        if len(kinds) > 1:
            msg = f"members must take the same kind of input, received {', '.join(sorted(kinds))}"
            raise ValueError(msg)
        self.kind = kinds.pop()  # type: ignore[misc]  # the one kind known only here

    @property
    def columns(self) -> list[str] | None:
        """The columns of a table, in the order of rows without names; None if members differ."""
        lists = [getattr(part, "columns", None) for part in self.parts.values()]
        return lists[0] if all(columns == lists[0] for columns in lists) else None
