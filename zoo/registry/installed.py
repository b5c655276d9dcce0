"""Find the installed plugins: their entry points in the metadata of distributions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from zoo_weights import printable

GROUP = "zoo.plugins"

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
    return metadata.distribution(name).locate_file("") != distribution.locate_file("")
