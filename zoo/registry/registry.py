"""The registry: everything that the plugins of this process brought, by name."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import functools
import importlib
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pluggy

from zoo.errors import PluginError, SpecError, UnknownName, did_you_mean
from zoo.registry.hooks import hook_manager
from zoo.registry.loading import (
    OWN,
    Plugin,
    Problem,
    allowed,
    import_plugin,
    installed,
    no_heavy_imports,
    problem_from,
    strict,
)
from zoo.registry.table import PART, Entry, Table, ambiguous
from zoo.spec.component import Component
from zoo.spec.dataset import Dataset
from zoo.spec.model import ModelSpec
from zoo.spec.toml import checked, read_spec

REFERENCE = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")
"""``package.module:attribute``, honoured only where an installed plugin says it."""

Reference = str | Callable[..., Any]


class Registry:
    """What the plugins registered, and what went wrong with those that could not.

    Attributes
    ----------
    models, architectures, preprocessors, decoders, datasets, commands
        Tables of the registered things.
    plugins
        The plugins that are in use.
    problems
        The story of those that are not, and of clashing names.
    """

    def __init__(self) -> None:
        self.models: Table[ModelSpec] = Table("model")
        self.architectures: Table[Reference] = Table("architecture")
        self.preprocessors: Table[Reference] = Table("preprocessor")
        self.decoders: Table[Reference] = Table("decoder")
        self.datasets: Table[Dataset] = Table("dataset")
        self.commands: Table[Reference] = Table("command")
        self.plugins: list[Plugin] = []
        self.problems: list[Problem] = []
        self.hooks = hook_manager()
        self._deaf: set[tuple[str, str]] = set()

    def load_installed(self) -> None:
        """Load every installed plugin; a failing one becomes a problem, the others work."""
        from zoo import builtin

        self.add_plugin(Plugin("zoo", builtin.__name__, OWN), builtin)
        # Standard output is data, whatever a guest prints while it is imported.
        with contextlib.redirect_stdout(sys.stderr):
            for plugin, _ in installed():
                self._load(plugin)
        self._note_absent()
        self._note_clashes()

    def _load(self, plugin: Plugin) -> None:
        try:
            first = next((other for other in self.plugins if other.name == plugin.name), None)
            if first is not None:
                msg = f"its name is taken by {first.origin}"
                raise PluginError(msg)
            self.add_plugin(plugin, import_plugin(plugin))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a guest may exit, or panic in compiled code
            problem = problem_from(plugin, error)
            if strict():
                raise PluginError(problem.sentence()) from error
            self.problems.append(problem)

    def add_plugin(self, plugin: Plugin, module: ModuleType) -> None:
        """Take over what a plugin module registers: all of it, or nothing if it fails."""
        if self.hooks.is_registered(module):
            owner = self.hooks.get_name(module)
            msg = f"its module {plugin.module!r} is already in use as plugin {owner!r}"
            raise PluginError(msg)
        self.hooks.register(module, plugin.name)  # checks every hook before it takes any
        try:
            draft = _Draft(plugin, Path(module.__file__ or ".").parent)
            with no_heavy_imports():
                self._call_registrations(module, draft)
        except BaseException:
            self.hooks.unregister(module)
            raise
        for kind, entry in draft.entries:
            table: Table[Any] = getattr(self, kind)
            table.add(entry)
        self.plugins.append(plugin)

    def _call_registrations(self, module: ModuleType, draft: _Draft) -> None:
        for caller in self.hooks.get_hookcallers(module) or ():
            register = draft.register_for.get(caller.name)
            if register is None:  # an event; called when it happens
                continue
            for implementation in caller.get_hookimpls():
                if implementation.plugin is module:
                    _call(implementation, register)

    def _note_absent(self) -> None:
        """Say so when ``ZOO_PLUGINS`` names what is not installed: a slip would hide models."""
        known = {plugin.name for plugin in self.plugins}
        known |= {problem.plugin.name for problem in self.problems}
        for name in sorted((allowed() or set()) - known):
            reason = "is named in ZOO_PLUGINS, but no such plugin is installed"
            self.problems.append(Problem(Plugin(name, ""), reason + did_you_mean(name, known)))

    def _note_clashes(self) -> None:
        tables: list[Table[Any]] = [
            self.models, self.architectures, self.preprocessors,
            self.decoders, self.datasets, self.commands,
        ]  # fmt: skip
        public = {"model", "dataset", "command"}  # parts are looked up near their own plugin first
        for table in tables:
            if table.kind not in public:
                continue
            for entries in table.clashes():
                # The story belongs to the later guest, but names both: neither is wrong alone.
                problem = Problem(
                    entries[-1].owner,
                    ambiguous(table.kind, entries),
                    str(entries[-1].base),
                    quarantined=False,
                )
                if strict():
                    raise PluginError(problem.sentence())
                self.problems.append(problem)

    def notify(self, event: str, **values: Any) -> None:
        """Tell every plugin that listens about an event; one that fails is not told again."""
        for implementation in getattr(self.hooks.hook, event).get_hookimpls():
            plugin = next(p for p in self.plugins if p.name == implementation.plugin_name)
            if (plugin.name, event) in self._deaf:
                continue
            try:
                with contextlib.redirect_stdout(sys.stderr):  # standard output is data
                    implementation.function(*[values[name] for name in implementation.argnames])
            except Exception as error:
                told = problem_from(plugin, error)
                problem = dataclasses.replace(
                    told, reason=f"{event} failed, {told.reason}", quarantined=False
                )
                if strict():
                    raise PluginError(problem.sentence()) from error
                self._deaf.add((plugin.name, event))
                self.problems.append(problem)
                print(problem.line(), file=sys.stderr)

    # Looking up

    def find_model(self, name: str) -> tuple[Entry[ModelSpec], str | None]:
        """Return the model called `name` and the weights tag that ``model.tag`` asks for.

        Raises
        ------
        UnknownName
            If nothing, or more than one plugin, has that name, or the model has no such weights.
        """
        bare, _, tag = name.partition(".")
        entry = self._find_by_alias(bare) or self.models.find(bare)
        tags = [record.tag for record in entry.value.weights]
        if tag and tag not in tags:
            msg = f"model {bare!r} has no weights {tag!r}; it has {', '.join(tags) or 'none'}."
            raise UnknownName(msg + did_you_mean(tag, tags))
        return entry, tag or None

    def _find_by_alias(self, name: str) -> Entry[ModelSpec] | None:
        plugin, _, bare = name.rpartition("/")
        if self.models.owners(bare):
            return None
        former = [
            entry
            for entry in self.models
            if bare in entry.value.aliases and plugin in ("", entry.owner.name)
        ]
        if len(former) > 1:
            raise UnknownName(ambiguous("model", former))
        if not former:
            return None
        warnings.warn(
            f"model {name!r} is now called {former[0].name!r}", FutureWarning, stacklevel=4
        )
        return former[0]

    def match_models(self, *patterns: str) -> list[Entry[ModelSpec]]:
        """Return the models whose bare or full name matches one of the globs, sorted by name."""
        chosen = [
            entry
            for entry in self.models
            if not patterns
            or any(
                fnmatch.fnmatchcase(name, pattern)
                for pattern in patterns
                for name in (entry.name, entry.full_name)
            )
        ]
        return sorted(chosen, key=lambda entry: (entry.name, entry.full_name))

    def resolve(self, kind: str, component: Component, *, near: str | None = None) -> Any:
        """Return the function or class that a component names, importing it now.

        Parameters
        ----------
        kind
            ``"architectures"``, ``"preprocessors"`` or ``"decoders"``.
        component
            The component; its name is a registered one (references were named at registration).
        near
            Plugin whose own parts come first.
        """
        from zoo.runtime.backend import keras, settle

        table: Table[Reference] = getattr(self, kind)
        reference = _part(table, component, near).value
        if kind == "architectures":
            keras()  # its module imports Keras too, and must meet the one that zoo set up
        else:
            settle()
        return load_reference(reference)

    def full_names(self, spec: ModelSpec, *, near: str | None = None) -> ModelSpec:
        """Return the spec with the full names of its parts, as it is printed and saved."""
        return msgspec.structs.replace(
            spec,
            architecture=_full(self.architectures, spec.architecture, near),
            input=_full(self.preprocessors, spec.input, near),
            output=_full(self.decoders, spec.output, near),
        )


def _full(table: Table[Reference], component: Component, near: str | None) -> Component:
    return component.renamed(_part(table, component, near).full_name)


def _part(table: Table[Reference], component: Component, near: str | None) -> Entry[Reference]:
    if ":" in component.uses:
        msg = (
            f"{table.kind} {component.uses!r} is a reference to code; only a spec that an "
            "installed plugin registers may hold one, use a registered name"
        )
        raise SpecError(msg)
    return table.find(component.uses, near=near)


def load_reference(reference: Reference) -> Any:
    """Return the object that ``package.module:attribute`` names; callables are themselves."""
    if not isinstance(reference, str):
        return reference
    module, _, attribute = reference.partition(":")
    home = importlib.import_module(module)
    try:
        return getattr(home, attribute)
    except AttributeError:
        msg = f"module {module!r} has no attribute {attribute!r}"
        raise PluginError(msg) from None


def _call(implementation: pluggy.HookImpl, register: Callable[..., None]) -> None:
    """Call a registration hook; it may leave the argument out, though that registers nothing."""
    implementation.function(*[register for _ in implementation.argnames])


class _Draft:
    """What one plugin registers, collected so that a failing plugin leaves nothing behind."""

    def __init__(self, plugin: Plugin, folder: Path) -> None:
        self.plugin = plugin
        self.folder = folder
        self.entries: list[tuple[str, Entry[Any]]] = []
        self.register_for: dict[str, Callable[..., None]] = {
            "register_models": self.model,
            "register_datasets": self.dataset,
            **{
                f"register_{kind}": functools.partial(self.part, kind)
                for kind in ("architectures", "preprocessors", "decoders", "commands")
            },
        }

    def _add(self, kind: str, name: str, value: Any, base: Path) -> None:
        if any(k == kind and entry.name == name for k, entry in self.entries):
            msg = f"registers {kind.removesuffix('s')} {name!r} twice"
            raise PluginError(msg)
        self.entries.append((kind, Entry(name, self.plugin, value, base)))

    def model(self, spec: ModelSpec | str | Path) -> None:
        """Register a spec, or the TOML file that holds it."""
        base = self.folder
        if isinstance(spec, str | Path):
            path = self.folder / spec
            base = path.parent
            spec = read_spec(path)
        if not isinstance(spec, ModelSpec):
            msg = f"register_models takes ModelSpecs or paths of TOML files, received {spec!r}"
            raise PluginError(msg)
        spec = checked(spec, where=f"model {spec.name!r}")
        named = msgspec.structs.replace(
            spec,
            architecture=self._named("architectures", spec.architecture),
            input=self._named("preprocessors", spec.input),
            output=self._named("decoders", spec.output),
        )
        self._add("models", spec.name, named, base)

    def dataset(self, dataset: Dataset) -> None:
        """Register a dataset record."""
        if not isinstance(dataset, Dataset):
            msg = f"register_datasets takes Dataset records, received {dataset!r}"
            raise PluginError(msg)
        dataset = checked(dataset, where=f"dataset {dataset.name!r}")
        self._add("datasets", dataset.name, dataset, self.folder)

    def part(self, kind: str, name: str, target: Reference) -> None:
        """Register an architecture, preprocessor, decoder or command under a name."""
        if not isinstance(name, str) or not PART.match(name):
            msg = f"names are lower-case words joined by hyphens, received {name!r}"
            raise PluginError(msg)
        if not callable(target) and not (isinstance(target, str) and REFERENCE.match(target)):
            msg = f"{name!r} needs 'package.module:attribute' or a callable, received {target!r}"
            raise PluginError(msg)
        # A spec's reference and register_architectures may say the same, in either order.
        if not any(
            (other, entry.name, entry.value) == (kind, name, target)
            for other, entry in self.entries
        ):
            self._add(kind, name, target, self.folder)

    def _named(self, kind: str, component: Component) -> Component:
        """Register a reference inside a spec under the name of what it points to."""
        if ":" not in component.uses:
            return component
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", component.uses.partition(":")[2]).lower()
        self.part(kind, name, component.uses)
        return component.renamed(f"{self.plugin.name}/{name}")


@functools.cache
def registry() -> Registry:
    """Return the registry of this process; plugins are loaded on the first call."""
    loaded = Registry()
    loaded.load_installed()
    for problem in loaded.problems:
        print(problem.line(), file=sys.stderr)
    return loaded
