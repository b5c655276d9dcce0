"""``INPUT…``: files, folders, globs, URLs and standard input, in the order they were named."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import InputError

PICTURES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    }
)  # fmt: skip
"""File names that are taken for pictures when a folder is named."""

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
        if self.name == "-":
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


def expand(names: Iterable[str]) -> Iterator[Input]:
    """Yield the inputs that `names` mean.

    A folder means the pictures in it and below, sorted; a pattern that is no file of its own means
    the files it matches, sorted. A name that means nothing is an input too: its record tells.
    """
    for name in names:
        path = Path(name)
        if name == "-" or is_url(name) or path.is_file():
            yield Input(name)
        elif path.is_dir():
            files = sorted(f for f in path.rglob("*") if f.suffix.lower() in PICTURES)
            yield from (Input(str(file)) for file in files if file.is_file())
        elif glob.has_magic(name) and (matches := sorted(glob.glob(name, recursive=True))):
            yield from expand(glob.escape(m) if not Path(m).exists() else m for m in matches)
        else:
            yield Input(name)
