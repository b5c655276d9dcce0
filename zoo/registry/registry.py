"""The registry: everything that the plugins of this process registered, by name."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import functools
import sys
import threading
import warnings
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import PluginError, SpecError, UnknownName, did_you_mean
from zoo.registry.entries import (
    Draft,
    Entry,
    EntryTable,
    Reference,
    ambiguity_message,
    collect_draft,
    load_reference,
)
from zoo.registry.listing import ModelNames
from zoo.registry.loading import (
    OWN_DISTRIBUTION,
    Plugin,
    Problem,
    allowed_plugins,
    import_plugin,
    installed_plugins,
    problem_from,
    strict,
)
from zoo.spec.component import Component
from zoo.spec.dataset import Dataset
from zoo.spec.model import ModelSpec
from zoo_weights.text import printable

if TYPE_CHECKING:
    import pluggy

BUILT_IN = {
    "architectures": {"ensemble": "zoo.parts.members:ensemble_network"},
    "preprocessors": {"members": "zoo.parts.members:Members"},
}
"""Parts that every spec may name as ``zoo/NAME``, whichever plugins are installed."""


class Registry:
    """What the plugins registered, and the problems of those that failed.

    Attributes
    ----------
    models, architectures, preprocessors, decoders, datasets, commands
        Tables of the registered entries.
    plugins
        The plugins in use.
    problems
        What is wrong with the others, and names that clash.
    """

    def __init__(self) -> None:
        self.models: EntryTable[ModelSpec] = EntryTable("model")
        self.architectures: EntryTable[Reference] = EntryTable("architecture")
        self.preprocessors: EntryTable[Reference] = EntryTable("preprocessor")
        self.decoders: EntryTable[Reference] = EntryTable("decoder")
        self.datasets: EntryTable[Dataset] = EntryTable("dataset")
        self.commands: EntryTable[Reference] = EntryTable("command")
        self.plugins: list[Plugin] = []
        self.problems: list[Problem] = []
        self._events: dict[str, list[str]] = {}
        self._failed_events: set[tuple[str, str]] = set()

    @functools.cached_property
    def hooks(self) -> pluggy.PluginManager:
        """The hooks of the plugin modules that this process has imported."""
        import pluggy

        from zoo.registry import hooks

        manager = pluggy.PluginManager("zoo")
        manager.add_hookspecs(hooks)
        return manager

    def load_installed(self) -> None:
        """Load every installed plugin; a failing one becomes a problem, the others work."""
        built_in = Draft(Plugin("zoo", "zoo", OWN_DISTRIBUTION), Path(__file__).parents[1])
        for kind, parts in BUILT_IN.items():
            for name, reference in parts.items():
                built_in.add_part(kind, name, reference)
        self._add_draft(built_in)
        for plugin in installed_plugins():
            self._load(plugin)
        self._note_absent()
        self._note_clashes()

    def _load(self, plugin: Plugin) -> None:
        try:
            # Standard output is for data, and a guest may print while it is imported.
            with contextlib.redirect_stdout(sys.stderr):
                self.add_plugin(plugin)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a guest may exit, or panic in compiled code
            problem = problem_from(plugin, error)
            if strict():
                raise PluginError(problem.sentence()) from error
            self.problems.append(problem)

    def _refuse_duplicate(self, plugin: Plugin) -> None:
        for other in self.plugins:
            if other.name == plugin.name:
                msg = f"its name is taken by {other.origin}"
                raise PluginError(msg)
            if other.module == plugin.module:
                msg = f"its module {plugin.module!r} is already in use as plugin {other.name!r}"
                raise PluginError(msg)

    def add_plugin(self, plugin: Plugin, module: ModuleType | None = None) -> None:
        """Add what a plugin module registers: all of it, or nothing if it fails.

        Parameters
        ----------
        plugin
            The plugin.
        module
            Its module; imported if not given.
        """
        self._refuse_duplicate(plugin)
        module = module or import_plugin(plugin)
        self.hooks.register(module, plugin.name)  # checks every hook before it adds any
        try:
            self._add_draft(collect_draft(plugin, module, self.hooks))
        except BaseException:
            self.hooks.unregister(module)
            raise

    def _add_draft(self, draft: Draft) -> None:
        for kind, entry in draft.entries:
            table: EntryTable[Any] = getattr(self, kind)
            table.add(entry)
        self._events[draft.plugin.name] = draft.events
        self.plugins.append(draft.plugin)

    def _note_absent(self) -> None:
        """Report names in ``ZOO_PLUGINS`` that are not installed: a typo would hide models."""
        names = {plugin.name for plugin in self.plugins}
        names |= {problem.plugin.name for problem in self.problems}
        for name in sorted((allowed_plugins() or set()) - names):
            reason = "is named in ZOO_PLUGINS, but no such plugin is installed"
            self.problems.append(Problem(Plugin(name, ""), reason + did_you_mean(name, names)))

    def _note_clashes(self) -> None:
        tables: list[EntryTable[Any]] = [
            self.models, self.architectures, self.preprocessors,
            self.decoders, self.datasets, self.commands,
        ]  # fmt: skip
        public = {"model", "dataset", "command"}  # parts are looked up near their own plugin first
        for table in tables:
            if table.kind not in public:
                continue
            for entries in table.clashes():
                # The problem is the later guest's, but names both: neither is wrong alone.
                problem = Problem(
                    entries[-1].owner,
                    ambiguity_message(table.kind, entries),
                    str(entries[-1].base),
                    quarantined=False,
                )
                if strict():
                    raise PluginError(problem.sentence())
                self.problems.append(problem)

    def listens(self, *events: str) -> bool:
        """Whether a plugin listens to any of some events."""
        return any(event in heard for heard in self._events.values() for event in events)

    def notify(self, event: str, **values: Any) -> None:
        """Notify every plugin that listens to an event; one that fails is not notified again."""
        for plugin in self.plugins:
            if (
                event in self._events[plugin.name]
                and (plugin.name, event) not in self._failed_events
            ):
                try:
                    with contextlib.redirect_stdout(sys.stderr):  # standard output is for data
                        self._call(plugin, event, values)
                except Exception as error:
                    cause = problem_from(plugin, error)
                    problem = dataclasses.replace(
                        cause, reason=f"{event} failed, {cause.reason}", quarantined=False
                    )
                    if strict():
                        raise PluginError(problem.sentence()) from error
                    self._failed_events.add((plugin.name, event))
                    self.problems.append(problem)
                    print(printable(problem.line(), None), file=sys.stderr)

    def _call(self, plugin: Plugin, event: str, values: dict[str, Any]) -> None:
        module = self.hooks.get_plugin(plugin.name)
        for implementation in getattr(self.hooks.hook, event).get_hookimpls():
            if implementation.plugin is module:
                implementation.function(*[values[name] for name in implementation.argnames])

    # Looking up

    def find_model(self, name: str) -> tuple[Entry[ModelSpec], str | None]:
        """Return the model called `name`, and the weights tag that it names.

        Raises
        ------
        UnknownName
            If no plugin or several have that name, or the model has no such weights.
        """
        bare, _, tag = name.partition(".")
        entry = self._find_by_alias(bare) or self.models.find(bare)
        tags = [record.tag for record in entry.value.weights]
        if tag and tag not in tags:
            msg = f"model {bare!r} has no weights {tag!r}; it has {', '.join(tags) or 'none'}."
            raise UnknownName(msg, tag, tags)
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
            raise UnknownName(ambiguity_message("model", former))
        if not former:
            return None
        warnings.warn(
            f"model {name!r} is now called {former[0].name!r}", FutureWarning, stacklevel=4
        )
        return former[0]

    def match_models(self, *patterns: str, search: bool = False) -> list[Entry[ModelSpec]]:
        """Return the models whose bare or full name matches one of the globs, sorted by name.

        With `search`, one without wildcards is looked for in names, summaries, tasks and tags.
        """
        chosen = (
            entry
            for entry in self.models
            if not patterns or any(_matches(entry, pattern, search) for pattern in patterns)
        )
        return sorted(chosen, key=lambda entry: (entry.name, entry.full_name))

    def resolve(self, kind: str, component: Component, *, near: str | None = None) -> Any:
        """Import and return the function or class that a component names.

        Parameters
        ----------
        kind
            ``"architectures"``, ``"preprocessors"`` or ``"decoders"``.
        component
            The component; its name is a registered one, as registration gave references names.
        near
            Plugin whose own parts are looked up first.
        """
        from zoo.backend.choose import keras, settle

        reference = self.part(kind, component, near=near).value
        if kind == "architectures":
            keras()  # its module imports Keras, which zoo has to set up first
        else:
            settle()
        return load_reference(reference)

    def part(self, kind: str, component: Component, *, near: str | None = None) -> Entry[Reference]:
        """Return the entry that a component names; parameters are those of `resolve`."""
        table: EntryTable[Reference] = getattr(self, kind)
        if ":" in component.uses:
            msg = (
                f"{table.kind} {component.uses!r} is a reference to code; only a spec that an "
                "installed plugin registers may hold one; use a registered name"
            )
            raise SpecError(msg)
        return table.find(component.uses, near=near)

    def full_names(self, spec: ModelSpec, *, near: str | None = None) -> ModelSpec:
        """Return the spec with the full names of its parts, as it is printed and saved."""

        def full(kind: str, component: Component) -> Component:
            return component.renamed(self.part(kind, component, near=near).full_name)

        return msgspec.structs.replace(
            spec,
            architecture=full("architectures", spec.architecture),
            input=full("preprocessors", spec.input),
            output=full("decoders", spec.output),
        )


def _matches(entry: Entry[ModelSpec], pattern: str, search: bool) -> bool:
    if search and not any(wildcard in pattern for wildcard in "*?["):
        spec = entry.value
        texts = (entry.full_name, spec.summary, spec.task, *spec.tags)
        return any(pattern.lower() in text.lower() for text in texts)
    return any(fnmatch.fnmatchcase(name, pattern) for name in (entry.name, entry.full_name))


def registry() -> Registry:
    """Return the registry of this process; plugins are loaded on the first call."""
    with _loading:
        return _registry()


@functools.cache
def _registry() -> Registry:
    loaded = Registry()
    loaded.load_installed()
    for problem in loaded.problems:
        print(printable(problem.line(), None), file=sys.stderr)
    return loaded


registry.cache_clear = _registry.cache_clear  # type: ignore[attr-defined]

_loading = threading.RLock()
"""One of several threads loads: msgspec ends the process if two inspect a type at once."""


def list_models(
    *patterns: str,
    task: str | None = None,
    tag: str | None = None,
    plugin: str | None = None,
    licence: str | None = None,
    search: bool = False,
) -> ModelNames:
    """Return the names of the models that match, sorted; their ``to_pandas()`` is a frame.

    Parameters
    ----------
    *patterns
        Globs over names (``"vgg*"``); a model is listed if it matches any of them.
    task, tag, plugin, licence
        Keep only the models with this task, tag, plugin, licence.
    search
        Look for a pattern without wildcards in names, summaries, tasks and tags.
    """
    reg = registry()
    unique = set(reg.models.names())
    matches = {
        entry.name if entry.name in unique else entry.full_name: entry.value
        for entry in reg.match_models(*patterns, search=search)
        if (task is None or entry.value.task == task)
        and (tag is None or tag in entry.value.tags)
        and (plugin is None or entry.owner.name == plugin)
        and (licence is None or entry.value.licence.lower() == licence.lower())
    }
    return ModelNames(matches)


def get_spec(name: str) -> ModelSpec:
    """Return the spec of a model, with the full names of its parts.

    Parameters
    ----------
    name
        ``model``, ``plugin/model``, or either with ``.tag``; or the path of a ``SPEC.toml``.

    Raises
    ------
    UnknownName
        If there is no such model, or several plugins own the name.
    """
    return find_spec(name)[0]


def spec_and_base(model: str | PathLike[str] | ModelSpec) -> tuple[ModelSpec, Path | None]:
    """Return the spec of a name or a ``SPEC.toml``, and the folder of its relative paths."""
    return (model, None) if isinstance(model, ModelSpec) else find_spec(str(model))[:2]


def find_spec(name: str) -> tuple[ModelSpec, Path, str | None]:
    """Return the spec of a name or a ``SPEC.toml``, its base folder, and the named weights tag."""
    reg, path = registry(), Path(name)
    if path.suffix == ".toml":
        from zoo.spec.files import read_spec

        try:
            return reg.full_names(read_spec(path)), path.parent, None
        except UnknownName as error:
            msg = f"{path}: {error}"
            raise UnknownName(msg) from None
    entry, tag = reg.find_model(name)
    return reg.full_names(entry.value, near=entry.owner.name), entry.base, tag
