"""Named entries with owners, and the draft of what one plugin registers.

A name that one plugin alone has can be used bare, ``plugin/name`` always. A draft is collected
first and taken whole, so that a failing plugin leaves nothing behind.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from zoo.errors import PluginError, UnknownName
from zoo.registry.loading import NAME_PATTERN, Plugin, no_heavy_imports
from zoo.spec.component import Component
from zoo.spec.dataset import Dataset
from zoo.spec.files import check_record, read_datasets, read_spec
from zoo.spec.model import ModelSpec

if TYPE_CHECKING:
    import pluggy

    from zoo.registry.loading import NAME_PATTERN, Plugin


T = TypeVar("T")


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
        msg = f"no {self.kind} is called {name!r}."
        raise UnknownName(msg, name, [*self._by_full_name, *self._by_name])


def _is_one_reference(entries: list[Entry[Any]]) -> bool:
    """Whether the plugins gave the name to the same code, so that it is not ambiguous."""
    value = entries[0].value
    return isinstance(value, str) and all(entry.value == value for entry in entries)


def ambiguity_message(kind: str, entries: list[Entry[T]]) -> str:
    """Return the sentence about a name that several plugins own."""
    owners = " and ".join(f"{entry.owner.name} ({entry.owner.origin})" for entry in entries)
    choices = " or ".join(repr(entry.full_name) for entry in entries)
    return f"{kind} {entries[0].name!r} is registered by {owners}; use {choices}"


REFERENCE = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")
"""``package.module:attribute``, accepted only from an installed plugin."""


Reference = str | Callable[..., Any]


def load_reference(reference: Reference) -> Any:
    """Return the object that ``package.module:attribute`` names; a callable as it is."""
    # Standard output is for data, and a guest may print while it is imported.
    with redirect_stdout(sys.stderr):
        if not isinstance(reference, str):
            return reference
        module, _, attribute = reference.partition(":")
        imported = importlib.import_module(module)
    try:
        return getattr(imported, attribute)
    except AttributeError:
        msg = f"module {module!r} has no attribute {attribute!r}"
        raise PluginError(msg) from None


def _reference_to(target: Reference) -> str:
    """Return the reference to a callable, so that it is data; empty if there is none."""
    if isinstance(target, str):
        return target
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    reference = f"{module}:{name}"
    imported = sys.modules.get(module) if isinstance(module, str) else None
    resolves = imported is not None and getattr(imported, str(name), None) is target
    return reference if resolves and REFERENCE.match(reference) else ""


class Draft:
    """What one plugin registers.

    Parameters
    ----------
    plugin
        The plugin.
    folder
        Its module's folder, where relative paths start.

    Attributes
    ----------
    entries
        What was registered: kind (``"models"``, ...) and entry.
    events
        Names of the events it listens to.
    """

    def __init__(self, plugin: Plugin, folder: Path) -> None:
        self.plugin = plugin
        self.folder = folder
        self.entries: list[tuple[str, Entry[Any]]] = []
        self.events: list[str] = []
        self.register_for: dict[str, Callable[..., None]] = {
            "register_models": self.add_model,
            "register_datasets": self.add_dataset,
            "register_architectures": self.add_architecture,
            **{
                f"register_{kind}": functools.partial(self.add_part, kind)
                for kind in ("preprocessors", "decoders", "commands")
            },
        }

    def _add(
        self, kind: str, name: str, value: Any, base: Path, pure: tuple[str, ...] | None = None
    ) -> None:
        if any(k == kind and entry.name == name for k, entry in self.entries):
            msg = f"registers {kind.removesuffix('s')} {name!r} twice"
            raise PluginError(msg)
        self.entries.append((kind, Entry(name, self.plugin, value, base, pure)))

    def add_model(self, spec: ModelSpec | str | Path) -> None:
        """Register a spec, or the one in a TOML file."""
        base = self.folder
        if isinstance(spec, str | Path):
            path = self.folder / spec
            base = path.parent
            spec = read_spec(path)
        if not isinstance(spec, ModelSpec):
            msg = f"register_models takes ModelSpecs or paths of TOML files, received {spec!r}"
            raise PluginError(msg)
        spec = check_record(spec, where=f"model {spec.name!r}")
        spec = msgspec.structs.replace(
            spec,
            architecture=self._register_reference("architectures", spec.architecture),
            input=self._register_reference("preprocessors", spec.input),
            output=self._register_reference("decoders", spec.output),
        )
        self._add("models", spec.name, spec, base)

    def add_dataset(self, dataset: Dataset | str | Path) -> None:
        """Register a dataset record, or those in a TOML file."""
        if isinstance(dataset, str | Path):
            path = self.folder / dataset
            for record in read_datasets(path):
                self._add("datasets", record.name, record, path.parent)
            return
        if not isinstance(dataset, Dataset):
            msg = "register_datasets takes Dataset records or paths of TOML files, received "
            raise PluginError(msg + repr(dataset))
        dataset = check_record(dataset, where=f"dataset {dataset.name!r}")
        self._add("datasets", dataset.name, dataset, self.folder)

    def add_architecture(
        self, name: str, target: Reference, *, pure: bool | Sequence[str] = False
    ) -> None:
        """Register an architecture; the hook explains `pure`."""
        names = () if isinstance(pure, bool) else pure
        if isinstance(pure, str) or not all(isinstance(item, str) for item in names):
            msg = f"pure must be True, or a list of distributions' names, received {pure!r}"
            raise PluginError(msg)
        self.add_part("architectures", name, target, None if pure is False else tuple(names))

    def add_part(
        self, kind: str, name: str, target: Reference, pure: tuple[str, ...] | None = None
    ) -> None:
        """Register an architecture, preprocessor, decoder or command under a name."""
        if not isinstance(name, str) or not NAME_PATTERN.match(name):
            msg = f"names are lower-case words joined by hyphens, received {name!r}"
            raise PluginError(msg)
        if not callable(target) and not (isinstance(target, str) and REFERENCE.match(target)):
            msg = f"{name!r} needs 'package.module:attribute' or a callable, received {target!r}"
            raise PluginError(msg)
        target = _reference_to(target) or target
        # A spec and register_architectures may name the same reference, in either order.
        for position, (other, entry) in enumerate(self.entries):
            if (other, entry.name, entry.value) == (kind, name, target):
                pure = entry.pure if pure is None else pure
                self.entries[position] = (kind, replace(entry, pure=pure))
                return
        self._add(kind, name, target, self.folder, pure)

    def _register_reference(self, kind: str, component: Component) -> Component:
        """Register a reference in a spec under the name of its target."""
        if ":" not in component.uses:
            return component
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", component.uses.partition(":")[2]).lower()
        self.add_part(kind, name, component.uses)
        return component.renamed(f"{self.plugin.name}/{name}")


def collect_draft(plugin: Plugin, module: ModuleType, hooks: pluggy.PluginManager) -> Draft:
    """Collect what a plugin module registers.

    Parameters
    ----------
    plugin
        The plugin.
    module
        Its module.
    hooks
        A manager that the module is registered with, and that has checked its hooks.
    """
    draft = Draft(plugin, Path(module.__file__ or ".").parent)
    with no_heavy_imports():
        for caller in hooks.get_hookcallers(module) or ():
            register = draft.register_for.get(caller.name)
            if register is None:  # an event; called when it happens
                draft.events.append(caller.name)
                continue
            for implementation in caller.get_hookimpls():
                if implementation.plugin is module:
                    # A hook may leave the argument out, though that registers nothing.
                    implementation.function(*[register for _ in implementation.argnames])
    return draft
