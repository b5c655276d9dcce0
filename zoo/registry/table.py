"""Tables of named entries with owners: by bare name if it is unique, by ``plugin/name`` always."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from zoo.errors import UnknownName, did_you_mean

if TYPE_CHECKING:
    from zoo.registry.installed import Plugin

T = TypeVar("T")

NAME_PATTERN = re.compile(r"^[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
"""Names of plugins and their parts; the name of a function is one too."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One registered thing.

    Attributes
    ----------
    name
        Bare name.
    owner
        The plugin that registered it.
    value
        The spec, the dataset, or the reference to code.
    base
        Folder that relative paths in the value start from.
    pure
        Distributions that a pure architecture depends on besides its own, zoo and Keras; None if
        it is not declared pure.
    """

    name: str
    owner: Plugin
    value: T
    base: Path
    pure: tuple[str, ...] | None = None

    @property
    def full_name(self) -> str:
        """The name that always resolves: ``plugin/name``."""
        return f"{self.owner.name}/{self.name}"


class EntryTable(Generic[T]):
    """Named entries of one kind (models, architectures, ...)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._by_full_name: dict[str, Entry[T]] = {}
        self._by_name: dict[str, list[Entry[T]]] = {}

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self._by_full_name.values())

    def __len__(self) -> int:
        return len(self._by_full_name)

    def add(self, entry: Entry[T]) -> None:
        """Add an entry; one plugin may not register a name twice."""
        if entry.full_name in self._by_full_name:
            msg = f"{self.kind} {entry.full_name!r} is registered twice"
            raise ValueError(msg)
        self._by_full_name[entry.full_name] = entry
        self._by_name.setdefault(entry.name, []).append(entry)

    def clashes(self) -> Iterator[list[Entry[T]]]:
        """Yield the entries of every bare name that has more than one owner."""
        return (entries for entries in self._by_name.values() if len(entries) > 1)

    def owners(self, name: str) -> list[Entry[T]]:
        """Return the entries with this bare name."""
        return self._by_name.get(name, [])

    def names(self) -> list[str]:
        """Return the shortest valid name of every entry, sorted."""
        return sorted(
            entry.name if len(self._by_name[entry.name]) == 1 else entry.full_name for entry in self
        )

    def find(self, name: str, *, near: str | None = None) -> Entry[T]:
        """Return the entry called `name`.

        Parameters
        ----------
        name
            A bare name or ``plugin/name``.
        near
            Plugin whose own entries are looked up first: the one whose spec has the name.

        Raises
        ------
        UnknownName
            If no plugin or several have that name.
        """
        if "/" in name:
            if name in self._by_full_name:
                return self._by_full_name[name]
        else:
            if near and f"{near}/{name}" in self._by_full_name:
                return self._by_full_name[f"{near}/{name}"]
            owners = self.owners(name)
            if len(owners) == 1 or (owners and _is_one_reference(owners)):
                return owners[0]
            if owners:
                raise UnknownName(ambiguity_message(self.kind, owners))
        candidates = [*self._by_full_name, *self._by_name]
        msg = f"no {self.kind} is called {name!r}.{did_you_mean(name, candidates)}"
        raise UnknownName(msg)


def _is_one_reference(entries: list[Entry[Any]]) -> bool:
    """Whether the plugins gave the name to the same code, so that it is not ambiguous."""
    value = entries[0].value
    return isinstance(value, str) and all(entry.value == value for entry in entries)


def ambiguity_message(kind: str, entries: list[Entry[T]]) -> str:
    """Return the sentence about a name that several plugins own."""
    owners = " and ".join(f"{entry.owner.name} ({entry.owner.origin})" for entry in entries)
    choices = " or ".join(repr(entry.full_name) for entry in entries)
    return f"{kind} {entries[0].name!r} is registered by {owners}; use {choices}"
