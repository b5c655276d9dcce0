"""Plugins: found by entry point, imported under guard, quarantined one by one when they fail.

A plugin is a guest: whatever it does wrong costs its own models only. The loop is zoo's own,
since ``pluggy.load_setuptools_entrypoints`` stops at the first plugin that raises.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from zoo.errors import PluginError, did_you_mean
from zoo.registry.hooks import API_VERSION, hook_names

GROUP = "zoo.plugins"

HEAVY = frozenset(
    {
        "PIL", "h5py", "jax", "jaxlib", "keras", "matplotlib", "numpy", "openvino", "pandas",
        "polars", "ray", "scipy", "sklearn", "tensorflow", "torch", "transformers",
    }
)  # fmt: skip
"""Modules that a plugin module must not import at its top level: listing models reads it."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin: its entry point and where it came from."""

    name: str
    module: str
    distribution: str = ""
    version: str = ""

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}".strip() or self.module


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
        Where it happened, as far as that is known.
    detail
        The traceback, where an exception was behind it.
    quarantined
        Whether the plugin was left out altogether.
    """

    plugin: Plugin
    reason: str
    file: str = ""
    detail: str = field(default="", repr=False)
    quarantined: bool = True

    def line(self) -> str:
        """Return the one line that goes to stderr."""
        verb = "left out" if self.quarantined else "has a problem"
        return (
            f"zoo: plugin {self.plugin.name!r} ({self.plugin.origin}) {verb}: {self.reason}; "
            "see `zoo plugins doctor`"
        )

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


class _HeavyImport(ImportError):
    """A plugin module tried to import a heavy module at its top level."""


class _HeavyImportGuard:
    """A finder that refuses heavy modules to one thread, and remembers that they were asked for.

    Refusing instead of measuring afterwards keeps even a badly behaved plugin cheap.
    """

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.refused: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() == self.thread and name.partition(".")[0] in HEAVY:
            self.refused.append(name)
            msg = f"{name} is imported at top level; import it inside the function that needs it"
            raise _HeavyImport(msg, name=name)
        return None


@contextmanager
def _guarded() -> Iterator[_HeavyImportGuard]:
    guard = _HeavyImportGuard()
    sys.meta_path.insert(0, guard)
    try:
        yield guard
    finally:
        sys.meta_path.remove(guard)


def installed() -> list[tuple[Plugin, EntryPoint]]:
    """Return the installed plugins that ``ZOO_PLUGINS`` allows, in the order of their names."""
    allowed = os.environ.get("ZOO_PLUGINS")
    names = None if allowed is None else {name.strip() for name in allowed.split(",")}
    found: dict[tuple[str, str], tuple[Plugin, EntryPoint]] = {}
    for entry_point in entry_points(group=GROUP):
        if names is not None and entry_point.name not in names:
            continue
        distribution = entry_point.dist
        plugin = Plugin(
            name=entry_point.name,
            module=entry_point.value.partition(":")[0].strip(),
            distribution=distribution.name if distribution else "",
            version=distribution.version if distribution else "",
        )
        # One distribution can be on the path twice (an editable install beside its metadata).
        found.setdefault((plugin.name, plugin.distribution), (plugin, entry_point))
    return [found[key] for key in sorted(found)]


def strict() -> bool:
    """Whether ``ZOO_STRICT`` asks that a plugin's problem be raised."""
    return os.environ.get("ZOO_STRICT", "") not in ("", "0")


def import_plugin(plugin: Plugin) -> ModuleType:
    """Import a plugin's module and check what it declares.

    Raises
    ------
    PluginError
        If it was written for a newer interface, implements no or an unknown hook, or imports a
        heavy module. Whatever the module itself raises goes through.
    """
    with _guarded() as guard:
        module = importlib.import_module(plugin.module)
    if guard.refused:  # swallowed by the plugin's own `except ImportError`
        msg = (
            f"imports {guard.refused[0]} at top level; import it inside the function that needs it"
        )
        raise PluginError(msg)
    api = getattr(module, "zoo_api", API_VERSION)
    if not isinstance(api, int) or api > API_VERSION:
        msg = f"needs plugin interface {api!r}, this zoo has {API_VERSION}; upgrade keras-zoo"
        raise PluginError(msg)
    implemented = [name for name in dir(module) if hasattr(getattr(module, name), "zoo_impl")]
    known = hook_names()
    for name in implemented:
        hook = (getattr(module, name).zoo_impl or {}).get("specname") or name
        if hook not in known:
            msg = f"implements a hook that zoo does not have, {hook!r}.{did_you_mean(hook, known)}"
            raise PluginError(msg)
    if not implemented:
        msg = "implements no hook; mark its functions with @zoo.hookimpl"
        raise PluginError(msg)
    return module


def problem_from(plugin: Plugin, error: BaseException) -> Problem:
    """Tell the story of an exception that came out of a plugin."""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, SyntaxError):
        return Problem(
            plugin, f"syntax error, {error.msg}, line {error.lineno}", error.filename or "", detail
        )
    return Problem(plugin, _reason(error), _file_of(plugin, error), detail)


def _reason(error: BaseException) -> str:
    if isinstance(error, pluggy.PluginValidationError):
        return " ".join(str(error).split())
    text = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _file_of(plugin: Plugin, error: BaseException) -> str:
    """Return the innermost place in the plugin's own package, or the file of its module."""
    try:
        spec = importlib.util.find_spec(plugin.module)
    except (ImportError, ValueError, SyntaxError):
        spec = None
    origin = spec.origin if spec and spec.origin else ""
    folder = str(Path(origin).parent) if origin else None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == origin or (
            folder and Path(origin).name == "__init__.py" and frame.filename.startswith(folder)
        ):
            return f"{frame.filename}:{frame.lineno}"
    return origin
