"""Change fields of a registered record for one test."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from zoo.registry.entries import EntryTable


def change(patch: pytest.MonkeyPatch, table: EntryTable[Any], name: str, **fields: Any) -> None:
    """Change fields of the record called `name` in a table of the registry."""
    entry = table.find(name)
    changed = dataclasses.replace(entry, value=replace(entry.value, **fields))
    patch.setitem(table._by_full_name, entry.full_name, changed)
    patch.setitem(table._by_name, name, [changed])
