"""What the installed plugins registered, kept between processes so that none is imported to list.

One file for each Python environment, in a folder of this user alone. What it says of a plugin
counts while the plugin's version and files, and zoo's own, are those that were seen; an index that
cannot be read is an empty one.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from zoo import private
from zoo.registry.draft import Draft, Unnamed
from zoo.registry.installed import OWN, Folder, Plugin, Stamp, installed, settled_path
from zoo.registry.loading import Problem, roots_of
from zoo.registry.table import Entry
from zoo.spec.dataset import Dataset
from zoo.spec.model import ModelSpec
from zoo.spec.toml import decode_custom, encode_custom

FOLDER = "plugins"

MAX_FILES = 10_000
"""Files and folders of a plugin that are looked at; a larger one is imported each time."""

SOURCES = (".py", ".toml")


class Look(msgspec.Struct, frozen=True, array_like=True):
    """Where a plugin's package lies, and its Python and TOML files as they were."""

    roots: list[str]
    files: list[Stamp]


class Registration(msgspec.Struct, omit_defaults=True):
    """What a plugin registered, or why it was left out.

    Attributes
    ----------
    seen
        What the plugin was.
    folder
        Of its module.
    models, datasets
        Each with the folder that its relative paths start from.
    parts
        Kind, name and reference; no reference where none leads to the callable.
    events
        What it listens to.
    problem
        Reason, file and detail, if it was left out.
    """

    seen: Look
    folder: str = ""
    models: list[tuple[str, ModelSpec]] = []
    datasets: list[tuple[str, Dataset]] = []
    parts: list[tuple[str, str, str]] = []
    events: list[str] = []
    problem: tuple[str, str, str] | None = None

    def draft(self, plugin: Plugin) -> Draft:
        """Return it as if the plugin had just registered it."""
        draft = Draft(plugin, Path(self.folder))
        draft.events = self.events
        for base, spec in self.models:
            draft.entries.append(("models", Entry(spec.name, plugin, spec, Path(base))))
        for base, dataset in self.datasets:
            draft.entries.append(("datasets", Entry(dataset.name, plugin, dataset, Path(base))))
        for kind, name, reference in self.parts:
            value = reference or Unnamed(plugin, kind, name)
            draft.entries.append((kind, Entry(name, plugin, value, draft.folder)))
        return draft


class _Content(msgspec.Struct):
    """What the file holds: zoo's own files, the folders of ``sys.path``, and the plugins."""

    made_by: list[Stamp]
    folders: dict[str, Folder] = {}
    path: list[Stamp] = []
    plugins: dict[str, Registration] = {}


class Index:
    """The index of this environment.

    Parameters
    ----------
    anew
        Whether to begin with an empty one.
    """

    def __init__(self, *, anew: bool = False) -> None:
        self._content = (None if anew else _read()) or _Content(_own_files())
        folders = self._content.folders
        before = dict(folders)
        self.installed = installed(folders)
        self._zoo = next(_versions_of_zoo(folders.values()), "")
        settled = settled_path()
        for path in list(folders):
            if path not in settled or not folders[path].keys:
                del folders[path]  # looking again costs less than writing down a change
        self._changed = anew or folders != before
        self._same_path = self._content.path == _path()

    def find(self, plugin: Plugin) -> Registration | None:
        """Return what is known of a plugin, if nothing that decides has changed since."""
        known = self._content.plugins.get(self._key(plugin))
        if known is None:
            return None
        # What was left out may have lacked something that has been installed since.
        if known.problem is not None and not self._same_path:
            return None
        roots = roots_of(plugin.module)
        return known if look(roots, known.seen.files) == known.seen else None

    def put(self, plugin: Plugin, seen: Look | None, outcome: Draft | Problem) -> None:
        """Take over what a plugin did just now; what cannot be kept as data is left out.

        Parameters
        ----------
        plugin
            The plugin.
        seen
            What it was before it was imported.
        outcome
            What it registered, or why it was left out.
        """
        key = self._key(plugin)
        self._changed = self._content.plugins.pop(key, None) is not None or self._changed
        if seen is None:
            return
        if isinstance(outcome, Problem):
            problem = (outcome.reason, outcome.file, outcome.detail)
            kept = Registration(seen, problem=problem)
        else:
            kept = _registration(seen, outcome)
        try:
            msgspec.msgpack.encode(kept, enc_hook=encode_custom)
        except (OverflowError, TypeError, ValueError):  # an integer of more than 64 bits
            return
        self._content.plugins[key] = kept
        self._changed = True

    def save(self) -> None:
        """Write the index, if it is not what was read."""
        content = self._content
        if not self._changed and self._same_path:
            return
        content.path = _path()  # importing may have made a folder of compiled modules there
        present = {self._key(plugin) for plugin in self.installed}
        content.plugins = {
            key: known
            for key, known in content.plugins.items()
            if key in present or (known.problem is None and _exists(known))
        }
        private.write(FOLDER, _name(), msgspec.msgpack.encode(content, enc_hook=encode_custom))

    def _key(self, plugin: Plugin) -> str:
        parts = (self._zoo, plugin.distribution, plugin.version, plugin.name, plugin.module)
        return "\n".join(parts)


def _registration(seen: Look, draft: Draft) -> Registration:
    known = {stamp.path for stamp in seen.files}
    others = [str(file) for file in draft.files if str(file) not in known]
    seen = Look(seen.roots, sorted([*seen.files, *map(Stamp.of, others)]))
    kept = Registration(seen, str(draft.folder), events=draft.events)
    kept.models = [
        (str(entry.base), entry.value) for kind, entry in draft.entries if kind == "models"
    ]
    kept.datasets = [
        (str(entry.base), entry.value) for kind, entry in draft.entries if kind == "datasets"
    ]
    kept.parts = [
        (kind, entry.name, entry.value if isinstance(entry.value, str) else "")
        for kind, entry in draft.entries
        if kind not in ("models", "datasets")
    ]
    return kept


def _read() -> _Content | None:
    data = private.read(FOLDER, _name())
    if data is None:
        return None
    try:
        content = msgspec.msgpack.decode(data, type=_Content, dec_hook=decode_custom)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return content if content.made_by == _own_files() else None


def _name() -> str:
    """Return the file's name: each environment has plugins of its own."""
    known_by = "\n".join([sys.version, sys.prefix, *settled_path()])
    return f"{zlib.crc32(known_by.encode('utf-8', 'surrogateescape')):08x}.msgpack"


def _own_files() -> list[Stamp]:
    """Return the files of zoo that say what a registration is and how it is kept."""
    here = os.path.dirname(os.path.abspath(__file__))
    roots = [here, os.path.join(os.path.dirname(here), "spec")]
    found = look(roots)
    return found.files if found else []


def _versions_of_zoo(folders: Iterable[Folder]) -> Iterator[str]:
    for folder in folders:
        for found in folder.found:
            yield from (plugin.version for plugin in found.plugins if plugin.distribution == OWN)


def _path() -> list[Stamp]:
    return [Stamp.of(path) for path in settled_path()]


def _exists(known: Registration) -> bool:
    return all(os.path.exists(root) for root in known.seen.roots)


def look(roots: list[str], before: Iterable[Stamp] = ()) -> Look | None:
    """Return the sources of a package as they are.

    Parameters
    ----------
    roots
        Its folders and files.
    before
        Files that were looked at earlier; they may lie elsewhere.

    Returns
    -------
    Look or None
        None if there are too many.
    """
    files: list[Stamp] = []
    folders = []
    for root in roots:
        (files.append(Stamp.of(root)) if root.endswith(SOURCES) else folders.append(root))
    seen = 0
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if entry.name.endswith(SOURCES):
                        status = entry.stat()
                        files.append(Stamp(entry.path, status.st_mtime_ns, status.st_size))
                    elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                        folders.append(entry.path)
        except OSError:
            continue
        if seen > MAX_FILES:
            return None
    found = {stamp.path for stamp in files}
    files += [Stamp.of(stamp.path) for stamp in before if stamp.path not in found]
    return Look(roots, sorted(files))
