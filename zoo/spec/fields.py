"""What the parts of a spec are made of: the base struct, and the kinds of its fields."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from zoo.spec.component import Component

NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$(?!\n)"
"""Names of models, datasets and plugins: lower-case words joined by hyphens.

The end is said twice since Python's ``$`` lets a line break follow, and JSON Schema has no ``\\Z``.
"""

NAME_LENGTH = 64
Name = Annotated[str, Meta(pattern=NAME, max_length=NAME_LENGTH)]
Fraction = Annotated[float, Meta(gt=0.0, lt=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the spec's parts: immutable, strict about unknown fields, defaults not written."""


def name_components(record: Record, *fields: str) -> None:
    """Let Python code give a component, or some, without options by their names, as TOML does."""
    for name in fields:
        value = getattr(record, name)
        named = tuple(map(_named, value)) if isinstance(value, list | tuple) else _named(value)
        msgspec.structs.force_setattr(record, name, named)


def _named(value: Any) -> Any:
    return Component(value) if isinstance(value, str) else value
