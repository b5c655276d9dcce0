"""Find installed plugins, import them under guard, and quarantine each one that fails.

A plugin is a guest: what it does wrong costs its own models only. The loop is zoo's own,
since ``pluggy.load_setuptools_entrypoints`` stops at the first plugin that raises.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from zoo.errors import PluginError, ZooError, did_you_mean
from zoo_weights.text import printable

GROUP = "zoo.plugins"

NAME_PATTERN = re.compile(r"^[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
"""Names of plugins and their parts; the name of a function is one too."""


OWN_DISTRIBUTION = "keras-zoo"
"""This distribution; a guest cannot take the name of one of its plugins."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin: its entry point and where it comes from."""

    name: str
    module: str
    distribution: str = ""
    version: str = ""

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}".strip() or self.module


def allowed_plugins() -> set[str] | None:
    """Return the names in ``ZOO_PLUGINS``, or None if every plugin is allowed."""
    text = os.environ.get("ZOO_PLUGINS")
    return None if text is None else {name.strip() for name in text.split(",") if name.strip()}


def installed_plugins() -> list[Plugin]:
    """Return the installed plugins that ``ZOO_PLUGINS`` allows, sorted by name."""
    names = allowed_plugins()
    plugins = {
        (plugin.name, plugin.distribution): plugin
        for distribution in metadata.distributions()
        for plugin in _plugins(distribution)
        if names is None or plugin.name in names
    }
    keys = sorted(plugins, key=lambda key: (key[0], key[1] != OWN_DISTRIBUTION, key[1]))
    return [plugins[key] for key in keys]


def _plugins(distribution: metadata.Distribution) -> Iterator[Plugin]:
    try:
        # Parsing those of every distribution would cost more than all the rest of `zoo list`.
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            return
        points = distribution.entry_points.select(group=GROUP)
    except Exception:  # no text, or it cannot be parsed
        return
    name, version = _name_and_version(distribution)
    if name and _is_shadowed(distribution, name):
        return
    for point in points:
        yield Plugin(
            name=printable(point.name),
            module=printable(point.value.partition(":")[0].strip()),
            distribution=printable(name),
            version=printable(version),
        )


def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return name and version; empty if the metadata is gone, as after a broken removal."""
    try:
        return distribution.name or "", distribution.version or ""
    except Exception:  # which one differs between Python versions
        return "", ""


def _is_shadowed(distribution: metadata.Distribution, name: str) -> bool:
    """Whether Python finds another distribution of that name, and its modules, first."""
    try:
        first = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):  # its folder has another name, or none
        return False
    return first.locate_file("") != distribution.locate_file("")


STARTED_AT = time.time_ns()
"""When this process started to load plugins."""

PRELOADED_FILES = frozenset(
    str(module.__file__)
    for name, module in sys.modules.items()
    if name.partition(".")[0] not in ("zoo", "zoo_cli", "zoo_weights")
    and getattr(module, "__file__", None)
)
"""Files of the modules imported before: they may have changed since."""

MAX_LINE = 2000
"""Maximum number of characters in a line of a problem."""

HEAVY_MODULES = frozenset(
    {
        "PIL", "h5py", "jax", "jaxlib", "keras", "matplotlib", "numpy", "openvino", "pandas",
        "polars", "ray", "scipy", "sklearn", "tensorflow", "torch", "transformers",
    }
)  # fmt: skip
"""Modules that a plugin must not import while it is loaded: listing models loads all plugins."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a plugin.

    Attributes
    ----------
    plugin
        The plugin at fault.
    reason
        One sentence.
    file
        Where it happened, if known.
    detail
        The traceback, if an exception caused it.
    quarantined
        Whether the plugin was left out entirely.
    """

    plugin: Plugin
    reason: str
    file: str = ""
    detail: str = field(default="", repr=False)
    quarantined: bool = True

    def sentence(self) -> str:
        """Return plugin, package and reason."""
        verb = "left out" if self.quarantined else "has a problem"
        return f"plugin {self.plugin.name!r} ({self.plugin.origin}) {verb}: {self.reason}"

    def line(self) -> str:
        """Return the one line that goes to stderr."""
        return f"zoo: {self.sentence()}; see `zoo plugins doctor`"

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``zoo plugins doctor --json`` prints."""
        return {
            "plugin": self.plugin.name,
            "package": self.plugin.distribution,
            "version": self.plugin.version,
            "module": self.plugin.module,
            "file": self.file,
            "reason": self.reason,
            "quarantined": self.quarantined,
            "detail": self.detail,
        }


class _HeavyImport(PluginError, ImportError):
    """A plugin tried to import a heavy module while it was loaded."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"imports {name} while it is loaded; import it inside the function that needs it"
        )


class _HeavyImportGuard:
    """A finder that refuses heavy modules to one thread, and records what it refused.

    Refusing instead of measuring afterwards keeps even a badly behaved plugin cheap.
    """

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.refused: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() == self.thread and name.partition(".")[0] in HEAVY_MODULES:
            self.refused.append(name)
            raise _HeavyImport(name)
        return None


@contextmanager
def no_heavy_imports() -> Iterator[None]:
    """Refuse heavy modules to a plugin's code.

    Raises
    ------
    PluginError
        If one was imported, even if the plugin's own ``except ImportError`` swallowed that.
    """
    guard = _HeavyImportGuard()
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)
    if guard.refused:
        raise _HeavyImport(guard.refused[0])


def strict() -> bool:
    """Whether ``ZOO_STRICT`` makes a plugin's problem an error."""
    return os.environ.get("ZOO_STRICT", "") not in ("", "0")


def import_plugin(plugin: Plugin) -> ModuleType:
    """Import a plugin's module and check what it declares.

    Raises
    ------
    PluginError
        If its name is invalid, it was written for a newer interface, implements no hook or an
        unknown one, or imports a heavy module. What the module itself raises propagates.
    """
    if not NAME_PATTERN.match(plugin.name):
        msg = f"its name must be lower-case words joined by hyphens, received {plugin.name!r}"
        raise PluginError(msg)
    from zoo.registry import hooks

    with no_heavy_imports():
        module = importlib.import_module(plugin.module)
    api = getattr(module, "zoo_api", hooks.API_VERSION)
    if not isinstance(api, int) or api > hooks.API_VERSION:
        msg = f"needs plugin interface {api!r}, this zoo has {hooks.API_VERSION}; upgrade keras-zoo"
        raise PluginError(msg)
    names, implemented = hook_names(), False
    for name in dir(module):
        value = getattr(module, name)
        # A package that it imports, such as `zoo`, is not asked: it may import to answer.
        if isinstance(value, ModuleType) or not hasattr(value, "zoo_impl"):
            continue
        implemented = True
        hook = (value.zoo_impl or {}).get("specname") or name
        if hook not in names:
            msg = f"implements a hook that zoo does not have, {hook!r}.{did_you_mean(hook, names)}"
            raise PluginError(msg)
    if not implemented:
        msg = "implements no hook; mark its functions with @zoo.hookimpl"
        raise PluginError(msg)
    return module


def hook_names() -> list[str]:
    """Return the names of all hooks."""
    from zoo.registry import hooks

    return sorted(name for name, value in vars(hooks).items() if hasattr(value, "zoo_spec"))


def problem_from(plugin: Plugin, error: BaseException) -> Problem:
    """Return the problem for an exception that a plugin raised."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    detail = "".join(f"{printable(line, MAX_LINE)}\n" for line in lines)
    if isinstance(error, SyntaxError):
        reason, file = f"syntax error, {error.msg}, line {error.lineno}", error.filename or ""
    else:
        reason, file = _reason(error), _file_of(plugin, error)
    return Problem(plugin, printable(reason, MAX_LINE), printable(file, MAX_LINE), detail)


def _reason(error: BaseException) -> str:
    import pluggy

    text = " ".join(str(error).split())
    if isinstance(error, ZooError | pluggy.PluginValidationError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _file_of(plugin: Plugin, error: BaseException) -> str:
    """Return the innermost line in the plugin's own package, or the file of its module."""
    package = plugin.module.partition(".")[0]
    spec = _spec_of(package)
    if spec is None:
        return ""
    folders = tuple(f"{folder}{os.sep}" for folder in spec.submodule_search_locations or ())
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == spec.origin or frame.filename.startswith(folders):
            return f"{frame.filename}:{frame.lineno}"
    return getattr(sys.modules.get(plugin.module), "__file__", None) or spec.origin or ""


def _spec_of(package: str) -> ModuleSpec | None:
    try:
        # Only of the top-level package: looking for a submodule would import its parents.
        return importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None


def roots_of(module: str) -> list[str]:
    """Return the folders of a module's top-level package, or its file; nothing is imported."""
    spec = _spec_of(module.partition(".")[0])
    if spec is None:
        return []
    return [*(spec.submodule_search_locations or ([spec.origin] if spec.origin else []))]
