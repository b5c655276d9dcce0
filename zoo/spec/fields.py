"""What the parts of a spec are made of: the base struct, and the kinds of its fields."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from zoo.spec.component import Component

NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$(?!\n)"
"""Names of models, datasets and plugins: lower-case words joined by hyphens.

The end is said twice since Python's ``$`` lets a line break follow, and JSON Schema has no ``\\Z``.
"""

NAME_LENGTH = 64
Name = Annotated[str, Meta(pattern=NAME, max_length=NAME_LENGTH)]
Task = Annotated[str, Meta(pattern=NAME, max_length=64)]
Fraction = Annotated[float, Meta(gt=0.0, lt=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the spec's parts: immutable, strict about unknown fields, defaults not written."""


def name_components(record: Record, *fields: str) -> None:
    """Let Python code give a component without options by its name, as TOML does."""
    for field_name in fields:
        value = getattr(record, field_name)
        if isinstance(value, str):
            msgspec.structs.force_setattr(record, field_name, Component(value))
