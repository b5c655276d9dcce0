"""What an ensemble is made of: a network whose output is the mean of its members', and its input.

An ensemble is a spec like any other: its members are components, so that its file is data and
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
from zoo.parts.multi_input import Parts
from zoo.registry.registry import registry
from zoo.spec.component import component_from

MAX_MEMBERS = 100
"""Bound of the networks in one ensemble: a small file must not ask for a day of building."""


def ensemble(
    input_shape: Any,
    units: int | None,
    members: list[dict[str, Any] | str],
    member_weights: list[float] | None = None,
    scales: list[tuple[float, float]] | None = None,
    shared_input: bool = False,
) -> Any:
    """Build networks side by side whose outputs are averaged.

    Parameters
    ----------
    input_shape
        Shape of one sample; without `shared_input`, what `Members.shape` says.
    units
        Width of the output of each.
    members
        The architecture of each member: a registered name, or a table with it under ``uses`` and
        its options.
    member_weights
        How much each member counts; all the same if not given. Only their ratios matter.
    scales
        Factor and shift that bring the output of each member to the scale of the first, where
        their targets were scaled each in its own way.
    shared_input
        Whether all members take the same input, or each its own.

    Returns
    -------
    keras.Model
        The members are its layers ``member_1``, ``member_2`` and so on. Output (batch, units).
    """
    _check_count(members)
    shares = shares_of(member_weights, len(members))
    if scales is not None and len(scales) != len(members):
        msg = f"scales must be as many as members, {len(members)}, received {len(scales)}"
        raise ValueError(msg)
    inputs: dict[str, Any] = {}
    outputs = []
    for number, plain in enumerate(members, 1):
        name = f"input_{number}"
        shape = input_shape if shared_input else _own(input_shape, name)
        network = _network(plain, number, shape, units)
        outputs.append(network(_fed(inputs, network, "" if shared_input else name)))
    if len({tuple(output.shape) for output in outputs}) > 1:
        shown = ", ".join(str(tuple(output.shape)) for output in outputs)
        msg = f"members must give outputs of one shape, received {shown}"
        raise ValueError(msg)
    lines = zip(outputs, shares, scales or [(1.0, 0.0)] * len(members), strict=True)
    parts = [_line(out, share * factor, share * shift) for out, share, (factor, shift) in lines]
    mean = sum(parts[1:], parts[0])
    single = shared_input and not isinstance(input_shape, Mapping)
    return keras().Model(inputs["input"] if single else inputs, mean, name="ensemble")


def _line(output: Any, factor: float, shift: float) -> Any:
    return output * factor + shift if shift else output * factor


def shares_of(weights: Sequence[float] | None, count: int) -> list[float]:
    """Return what part of the mean each member is, from how much each counts.

    Raises
    ------
    ValueError
        If the weights are not as many as members, negative, not finite, or all zero.
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


def _network(plain: Any, number: int, shape: Any, units: int | None) -> Any:
    component = component_from(plain)
    function = registry().resolve("architectures", component)
    if function is ensemble:
        msg = "a member cannot be an ensemble itself"
        raise ValueError(msg)
    offered = {"input_shape": shape, "units": units}
    what = f"architecture.members.{number - 1}"
    network = build(
        lambda: construct(function, component, what=what, offered=offered), initialise=False
    )
    network.name = f"member_{number}"  # several of one kind would have the same name
    return network


def _own(input_shape: Any, name: str) -> Any:
    """Return the shape of a member's input, or of each of them by name."""
    if name in input_shape:
        return input_shape[name]
    lead = f"{name}."
    return {k.removeprefix(lead): shape for k, shape in input_shape.items() if k.startswith(lead)}


def _fed(inputs: dict[str, Any], network: Any, name: str) -> Any:
    """Return those of the ensemble's inputs that feed a member; what is not there yet is added."""

    def fed(tensor: Any, inner: str) -> Any:
        key = ".".join(filter(None, (name, inner))) or "input"
        if key not in inputs:
            inputs[key] = keras().Input(tuple(tensor.shape[1:]), dtype=tensor.dtype, name=key)
        return inputs[key]

    wanted = inputs_of(network)
    if isinstance(wanted, Mapping):
        return {inner: fed(tensor, inner) for inner, tensor in wanted.items()}
    return fed(wanted, "")


class Members(Parts):
    """The same raw input, prepared for each member of an ensemble by a preprocessor of its own.

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
            component = component_from(plain)
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
        self.kind = kinds.pop()  # type: ignore[misc]  # the one kind that is known late

    @property
    def columns(self) -> list[str] | None:
        """The columns of a table, in the order of rows without names; None if members differ."""
        found = [getattr(part, "columns", None) for part in self.parts.values()]
        return found[0] if all(columns == found[0] for columns in found) else None
