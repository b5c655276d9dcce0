"""Which plugins are installed: their entry points, as the metadata of distributions names them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from zoo_weights import printable

GROUP = "zoo.plugins"

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


def allowed() -> set[str] | None:
    """Return the names in ``ZOO_PLUGINS``, or None where every plugin is allowed."""
    text = os.environ.get("ZOO_PLUGINS")
    return None if text is None else {name.strip() for name in text.split(",") if name.strip()}


def installed() -> list[Plugin]:
    """Return the installed plugins that ``ZOO_PLUGINS`` allows, in the order of their names."""
    names = allowed()
    plugins = {
        (plugin.name, plugin.distribution): plugin
        for distribution in metadata.distributions()
        for plugin in _plugins(distribution)
        if names is None or plugin.name in names
    }
    return [plugins[key] for key in sorted(plugins, key=lambda k: (k[0], k[1] != OWN, k[1]))]


def _plugins(distribution: metadata.Distribution) -> Iterator[Plugin]:
    try:
        # To parse what every distribution says would cost more than all the rest of `zoo list`.
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            return
        points = distribution.entry_points.select(group=GROUP)
    except Exception:  # no text, or none that can be parsed
        return
    name, version = _named(distribution)
    if name and _hidden(distribution, name):
        return
    for point in points:
        yield Plugin(
            name=printable(point.name),
            module=printable(point.value.partition(":")[0].strip()),
            distribution=printable(name),
            version=printable(version),
        )


def _named(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return name and version; empty where the metadata is gone, as after a broken removal."""
    try:
        return distribution.name or "", distribution.version or ""
    except Exception:  # what is raised differs between Python versions
        return "", ""


def _hidden(distribution: metadata.Distribution, name: str) -> bool:
    """Whether Python finds another distribution of that name first, and its modules."""
    return metadata.distribution(name).locate_file("") != distribution.locate_file("")
