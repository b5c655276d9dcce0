"""Which plugins are installed: the entry points of every folder that Python imports from.

Reading the metadata of a hundred distributions costs more than all the rest of ``zoo list``, so
what a folder held is kept with its time of change: installing, removing and upgrading change it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from zoo_weights import printable

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "zoo.plugins"

METADATA = (".dist-info", ".egg-info", "EGG-INFO")
"""How the folders of metadata end, of which each distribution has one."""

OWN = "keras-zoo"
"""This distribution; a guest cannot take the name of one of its plugins."""


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


class Stamp(NamedTuple):
    """What a file or folder was when it was last looked at; `size` is -1 where there was none."""

    path: str
    mtime_ns: int
    size: int

    @classmethod
    def of(cls, path: str) -> Stamp:
        """Look at a path."""
        try:
            status = os.stat(path)
        except OSError:
            return cls(path, 0, -1)
        return cls(path, status.st_mtime_ns, status.st_size)

    def holds(self) -> bool:
        """Whether nothing has changed since."""
        return Stamp.of(self.path) == self


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A distribution that brings plugins: what names them, and they."""

    key: str
    file: Stamp
    plugins: list[Plugin]


class Folder(msgspec.Struct, frozen=True, array_like=True):
    """What a folder of ``sys.path`` holds: names of all distributions, and those with plugins."""

    seen: Stamp
    keys: list[str]
    found: list[Found]

    def holds(self) -> bool:
        """Whether nothing has changed since."""
        return self.seen.holds() and all(found.file.holds() for found in self.found)


def allowed() -> set[str] | None:
    """Return the names in ``ZOO_PLUGINS``, or None where every plugin is allowed."""
    text = os.environ.get("ZOO_PLUGINS")
    return None if text is None else {name.strip() for name in text.split(",") if name.strip()}


def installed(folders: dict[str, Folder]) -> list[Plugin]:
    """Return the installed plugins that ``ZOO_PLUGINS`` allows, in the order of their names.

    Parameters
    ----------
    folders
        What is known of the folders of ``sys.path``; changed to what they hold now.
    """
    names = allowed()
    plugins: dict[tuple[str, str], Plugin] = {}
    hidden: set[str] = set()  # of two distributions of one name, Python sees the first
    for path in search_path():
        folder = folders.get(path)
        if folder is None or not folder.holds():
            folder = folders[path] = _look(path)
        for found in folder.found:
            if found.key and found.key in hidden:
                continue
            for plugin in found.plugins:
                if names is None or plugin.name in names:
                    plugins.setdefault((plugin.name, plugin.distribution), plugin)
        hidden.update(folder.keys)
    return [plugins[key] for key in sorted(plugins, key=lambda k: (k[0], k[1] != OWN, k[1]))]


def search_path() -> list[str]:
    """Return the folders (and archives) that Python imports from, each once."""
    paths: dict[str, None] = {}
    for path in sys.path:
        with contextlib.suppress(OSError):  # the current folder is gone
            paths[os.path.abspath(path)] = None
    return list(paths)


def settled_path() -> list[str]:
    """Return them but the first, which is the folder of the program, or the current one.

    It is another one for every program, and programs write there.
    """
    return search_path()[1:]


def distribution_names() -> list[str]:
    """Return names and versions of what is installed, as the folders of metadata are called."""
    names: set[str] = set()
    for path in settled_path():
        with contextlib.suppress(OSError):
            names.update(name for name in os.listdir(path) if name.endswith(METADATA))
    return sorted(names)


def _look(path: str) -> Folder:
    seen = Stamp.of(path)
    found: list[Found] = []
    keys: list[str] = []
    for key, file, distribution in _with_plugins(path, keys):
        plugins = list(_plugins(distribution))
        if plugins:
            found.append(Found(key, Stamp.of(file), plugins))
    return Folder(seen, keys, found)


def _with_plugins(path: str, keys: list[str]) -> Iterator[tuple[str, str, Distribution]]:
    """Yield the distributions of a folder that may bring plugins; note the names of all."""
    if os.path.isfile(path):  # a zip archive
        from importlib.metadata import distributions

        for distribution in distributions(path=[path]):
            yield "", path, distribution
        return
    try:
        listed = sorted(os.listdir(path))
    except OSError:
        return
    for name in listed:
        if not name.endswith(METADATA):
            continue
        stem = name.rpartition(".")[0].partition("-")[0]
        key = re.sub(r"[-_.]+", "_", stem).lower()
        file = os.path.join(path, name, "entry_points.txt")
        try:
            with open(file, "rb") as stream:
                worth = GROUP.encode() in stream.read()
        except OSError:
            worth = False
        if worth:
            from importlib.metadata import Distribution

            yield key, file, Distribution.at(Path(path, name))
        keys.append(key)


def _plugins(distribution: Distribution) -> Iterator[Plugin]:
    try:
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except Exception:  # no text, or none that can be parsed
        return
    name, version = _named(distribution) if points else ("", "")
    for point in points:
        yield Plugin(
            name=printable(point.name),
            module=printable(point.value.partition(":")[0].strip()),
            distribution=printable(name),
            version=printable(version),
        )


def _named(distribution: Distribution) -> tuple[str, str]:
    """Return name and version; empty where the metadata is gone, as after a broken removal."""
    try:
        return distribution.name or "", distribution.version or ""
    except Exception:  # what is raised differs between Python versions
        return "", ""
