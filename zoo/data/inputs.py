"""``INPUT…``: files, folders, globs, URLs and standard input, in the order they were named."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import InputError

PICTURES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
})  # fmt: skip
"""File names that are taken for pictures when a folder is named."""

STANDARD_INPUT = "-"

URL_BYTES = 50_000_000
URL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name as people see it, and how to get at it.

    Attributes
    ----------
    name
        Path, URL, or ``"-"``.
    """

    name: str

    def fetch(self) -> Path | bytes:
        """Return the path, or the bytes of a URL or of standard input.

        Raises
        ------
        InputError
            If a URL cannot be fetched.
        """
        if self.name == STANDARD_INPUT:
            return sys.stdin.buffer.read()
        if is_url(self.name):
            return fetch_url(self.name)
        return Path(self.name)


def is_url(text: str) -> bool:
    """Whether a name is meant as a URL: it has a scheme (a drive letter is none)."""
    scheme, found, _ = text.partition("://")
    return bool(found) and len(scheme) > 1


def fetch_url(url: str) -> bytes:
    """Return what an http(s) URL holds, within bounds of size and time, as an input."""
    from zoo.config import offline
    from zoo_weights import FetchError, get_bytes

    try:
        return get_bytes(url, max_bytes=URL_BYTES, seconds=URL_SECONDS, offline=offline())
    except FetchError as error:
        raise InputError(str(error), kind="not-fetched") from None


class NamedInputs:
    """The inputs that names mean, found anew and one after the other whenever they are gone over.

    A folder means the pictures in it and below, sorted; a pattern that is no file of its own means
    the files it matches, sorted. A name that means nothing is an input too: its record tells.

    Parameters
    ----------
    names
        Files, folders, globs, URLs, or ``"-"`` for standard input.
    but
        Inputs to pass over, by name: how often each.
    """

    def __init__(self, names: Iterable[str], but: Mapping[str, int] | None = None) -> None:
        self.names = tuple(names)
        self.but = but or {}

    def __iter__(self) -> Iterator[Input]:
        """Yield the inputs, holding the names of a folder's files at most."""
        left = dict(self.but)
        for item in _expanded(self.names):
            if left.get(item.name):
                left[item.name] -= 1
            else:
                yield item


def _expanded(names: Iterable[str]) -> Iterator[Input]:
    for name in names:
        if name == STANDARD_INPUT or is_url(name) or os.path.isfile(name):
            yield Input(name)
        elif os.path.isdir(name):
            yield from (Input(str(Path(path))) for path in _pictures(name))
        elif glob.has_magic(name) and (matches := sorted(glob.glob(name, recursive=True))):
            yield from _expanded(glob.escape(m) if not os.path.exists(m) else m for m in matches)
        else:
            yield Input(name)


def _pictures(folder: str) -> Iterator[str]:
    """Yield the pictures in a folder and below, sorted; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            # A name and whether it is a folder are all that is kept: there may be millions.
            found = sorted(
                (entry.name, folders)
                for entry in entries
                if (folders := entry.is_dir(follow_symlinks=False))
                or (os.path.splitext(entry.name)[1].lower() in PICTURES and entry.is_file())
            )
    except PermissionError:
        return
    for name, folders in found:
        path = os.path.join(folder, name)
        if folders:
            yield from _pictures(path)
        else:
            yield path
