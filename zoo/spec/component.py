"""A component: the name of a part and its options, written as one flat table.

``{uses = "tabular/mlp", hidden = [12, 8]}`` in TOML is ``Component("tabular/mlp", hidden=[12, 8])``
in Python; a bare string is a component without options. Architectures, preprocessors, decoders,
optimizers, losses, metrics and callbacks are all declared this way. The base of all records of a
spec, and the types of their fields, are here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from zoo_weights.text import printable


class Component:
    """The name of a part and its options; immutable.

    Parameters
    ----------
    uses
        What builds the part: a registered ``plugin/name``, a bare registered name, a Keras name
        (for losses, metrics and so on), or, in a spec that an installed plugin registers,
        ``"package.module:attribute"``.
    **config
        Its keyword options: numbers, texts, booleans, lists and tables.
    """

    __slots__ = ("config", "uses")

    uses: str
    config: Mapping[str, Any]

    def __init__(self, uses: str, /, **config: Any) -> None:
        if not isinstance(uses, str) or not uses:
            msg = f"a component needs a name under 'uses', received {uses!r}"
            raise ValueError(msg)
        if "uses" in config:
            msg = f"{uses!r}: 'uses' is the part's name and cannot be an option"
            raise ValueError(msg)
        options = {name: _plain_value(uses, name, value) for name, value in config.items()}
        object.__setattr__(self, "uses", uses)
        object.__setattr__(self, "config", MappingProxyType(options))

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"a component cannot be changed; use .with_options({name}=...)"
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Component):
            return NotImplemented
        return self.uses == other.uses and self.config == other.config

    __hash__ = None  # type: ignore[assignment]  # options may be lists

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.config.items())
        return f"Component({self.uses!r}{options})"

    def __reduce__(self) -> tuple[Any, ...]:
        return component_from_data, (component_to_data(self),)

    def with_options(self, **config: Any) -> Component:
        """Return the same component with some options replaced."""
        return Component(self.uses, **{**self.config, **config})

    def renamed(self, uses: str) -> Component:
        """Return the same options under another name."""
        return Component(uses, **self.config)


def _plain_value(uses: str, name: str, value: Any) -> Any:
    """Return an option as it is read from TOML and JSON, so that a spec equals its file."""
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain_value(uses, name, item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain_value(uses, name, item) for key, item in value.items()}
    msg = (
        f"{printable(repr(uses))}: option {printable(repr(name))} must be a number, text, "
        f"boolean, list or table, received {printable(repr(value))}"
    )
    raise ValueError(msg)


def plain_name(name: str) -> str:
    """Return a Keras name in the form in which names are compared: ``"Adam"`` equals ``"adam"``."""
    return name.replace("_", "").replace("-", "").lower()


def component_from_data(value: object) -> Component:
    """Read a component from the plain data of TOML or JSON."""
    if isinstance(value, Component):
        return value
    if isinstance(value, str):
        return Component(value)
    if isinstance(value, Mapping) and isinstance(value.get("uses"), str):
        return Component(value["uses"], **{k: v for k, v in value.items() if k != "uses"})
    msg = f"expected a name or a table with 'uses', received {printable(repr(value))}"
    raise ValueError(msg)


def component_to_data(component: Component) -> str | dict[str, Any]:
    """Return the plain data of a component: a string if it has no options."""
    if not component.config:
        return component.uses
    return {"uses": component.uses, **component.config}


NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$(?!\n)"
"""Names of models, datasets and plugins: lower-case words joined by hyphens.

The end is checked twice: Python's ``$`` allows a line break after it, and JSON Schema has no
``\\Z``.
"""

NAME_LENGTH = 64
Name = Annotated[str, Meta(pattern=NAME, max_length=NAME_LENGTH)]
Fraction = Annotated[float, Meta(gt=0.0, lt=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of a spec's records: immutable, strict about unknown fields, defaults not written."""


def coerce_components(record: Record, *fields: str) -> None:
    """Replace names in fields by components without options, as reading TOML does."""
    for name in fields:
        value = getattr(record, name)
        many = isinstance(value, list | tuple)
        components = tuple(map(_component, value)) if many else _component(value)
        msgspec.structs.force_setattr(record, name, components)


def _component(value: Any) -> Any:
    return Component(value) if isinstance(value, str) else value
