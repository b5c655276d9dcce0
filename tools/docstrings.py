"""Docstrings in NumPy's style, types and tables as Markdown."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


def read_doc(thing: Any, name: str) -> str:
    """Return the docstring of something, or exit if it has none."""
    # Not inspect.getdoc, which falls back to the docstring of a base class.
    text = thing.__doc__ or ""
    if not text.strip():
        sys.exit(f"{name} has no docstring")
    return inspect.cleandoc(text)


def to_markdown(doc: str) -> str:
    """Return a NumPy-style docstring as Markdown."""
    text, sections = split_sections(doc)
    parts = [ticks(text)]
    for title, entries in sections.items():
        parts.append(f"\n{title}:\n")
        for names, meaning in entries:
            shown = ", ".join(f"`{name}`" for name in names)
            parts.append(f"- {shown}: {ticks(meaning)}")
    return "\n".join(parts) + "\n"


def split_sections(doc: str) -> tuple[str, dict[str, list[tuple[list[str], str]]]]:
    """Return the text before the first section, and each section's names with their texts."""
    pieces = re.split(r"^([A-Z]\w+)\n-{3,}\n", doc, flags=re.MULTILINE)
    sections: dict[str, list[tuple[list[str], str]]] = {}
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        entries = re.findall(r"^(\S.*)\n((?:(?: .*)?\n?)*)", body, re.MULTILINE)
        sections[title] = [(names.split(", "), " ".join(text.split())) for names, text in entries]
    return pieces[0].strip(), sections


def ticks(text: str) -> str:
    """Return reStructuredText's literals as Markdown's."""
    return text.replace("``", "`")


def meanings_of(struct: Any) -> dict[str, str]:
    """Return the meaning of each field of a struct, from the docstrings."""
    meanings: dict[str, str] = {}
    for cls in reversed(struct.__mro__):  # fields are explained where they are declared
        for title, entries in split_sections(inspect.cleandoc(cls.__doc__ or ""))[1].items():
            if title in ("Attributes", "Parameters"):
                meanings.update({name: ticks(text) for names, text in entries for name in names})
    missing = [name for name in struct.__struct_fields__ if name not in meanings]
    if missing:
        sys.exit(f"{struct.__name__}.{missing[0]} is not documented")
    return meanings


def type_name(kind: Any) -> str:
    """Return the name of a type in TOML terms."""
    name = type(kind).__name__
    if name == "Metadata":
        return type_name(kind.type)
    if name == "UnionType":
        names = (type_name(t) for t in kind.types if type(t).__name__ != "NoneType")
        return " or ".join(dict.fromkeys(names))
    if name in ("VarTupleType", "ListType"):
        return f"list: {type_name(kind.item_type)}"
    if name == "DictType":
        return f"table of {type_name(kind.value_type)}"
    if name == "LiteralType":
        return ", ".join(f'`"{value}"`' for value in kind.values)
    if getattr(kind, "tag_field", None):
        return f"table with `{kind.tag_field}`"
    if name in ("StructType", "CustomType"):
        return "component" if kind.cls.__name__ == "Component" else f"`{kind.cls.__name__}`"
    if name == "StrType" and kind.pattern:
        return "name"
    words = {"StrType": "text", "IntType": "integer", "FloatType": "number", "BoolType": "boolean",
             "AnyType": "component"}  # fmt: skip
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    bounds = [
        f"{sign} {getattr(kind, bound):g}"
        for bound, sign in signs
        # The end of a seed's range, 2**32, means nothing to a reader.
        if getattr(kind, bound, None) is not None and getattr(kind, bound) < 2**32
    ]
    return " ".join([words[name], ", ".join(bounds)]).strip()


def default_of(field: Any) -> str:
    """Return the default of a struct's field as Markdown."""
    if field.required:
        return "required"
    value = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value in (None, "", ()) or value == {}:
        return ""
    uses = getattr(value, "uses", value)
    if isinstance(uses, msgspec.Struct):  # its own table has its defaults
        return ""
    return f"`{json.dumps(uses)}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines) + "\n"
