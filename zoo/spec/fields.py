"""What a spec is built from: the base of its records, and the types of their fields."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from zoo.spec.component import Component

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
