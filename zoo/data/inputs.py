"""``INPUT…``: files, folders, globs, URLs and standard input, in the order given."""

from __future__ import annotations

import base64
import glob
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import InputError

IMAGE_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
})  # fmt: skip
"""Suffixes of the files in a folder that are taken for images."""

STANDARD_INPUT = "-"

URL_BYTES = 50_000_000
URL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name for people, and access to what it holds.

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


def name_fields(name: str) -> dict[str, str]:
    """Return the fields of a record that name its input.

    ``input`` is the name. If that is no text, ``input`` has U+FFFD for what is none of it, and
    ``input_bytes`` the bytes of the name, in base64.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(name)
        shown = raw.decode("utf-8", "replace")
        return {"input": shown, "input_bytes": base64.b64encode(raw).decode()}
    return {"input": name}


def name_from_fields(record: Mapping[str, str]) -> str:
    """Return the name that `name_fields` was given."""
    if raw := record.get("input_bytes"):
        return os.fsdecode(base64.b64decode(raw, validate=True))
    return record["input"]


def text_name(name: str) -> str:
    """Return a name as text, with escapes for bytes that are not UTF-8, as in CSV."""
    return name.encode("utf-8", "backslashreplace").decode()


def is_url(text: str) -> bool:
    """Return whether a name is a URL: it has a scheme (a drive letter is not one)."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and len(scheme) > 1


def fetch_url(url: str) -> bytes:
    """Fetch an http(s) URL as an input, within limits of size and time."""
    from zoo.config import offline, timeout
    from zoo_weights import FetchError, get_bytes

    try:
        seconds = timeout() or URL_SECONDS
        return get_bytes(url, max_bytes=URL_BYTES, seconds=seconds, offline=offline())
    except FetchError as error:
        raise InputError(str(error), kind="not-fetched") from None


class NamedInputs:
    """The inputs that names stand for, looked up again, one by one, on every iteration.

    A folder stands for the images in it and below, sorted; a pattern that is not itself a file,
    for the files it matches, sorted. A name that matches nothing is an input too: its record says
    so.

    Parameters
    ----------
    names
        Files, folders, globs, URLs, or ``"-"`` for standard input.
    skip
        Number of inputs to skip, by `text_name`: the first ones of that name.
    """

    def __init__(self, names: Iterable[str], skip: Mapping[str, int] | None = None) -> None:
        self.names = tuple(names)
        self.skip = skip or {}

    def __iter__(self) -> Iterator[Input]:
        """Yield the inputs, holding no more than the names in a folder."""
        left = dict(self.skip)
        for item in _expand(self.names):
            if left.get(name := text_name(item.name)):
                left[name] -= 1
            else:
                yield item


def _expand(names: Iterable[str]) -> Iterator[Input]:
    for name in names:
        if name == STANDARD_INPUT or is_url(name) or os.path.isfile(name):
            yield Input(name)
        elif os.path.isdir(name):
            yield from (Input(str(Path(path))) for path in _walk_images(name))
        elif glob.has_magic(name) and (matches := sorted(glob.glob(name, recursive=True))):
            yield from _expand(glob.escape(m) if not os.path.exists(m) else m for m in matches)
        else:
            yield Input(name)


def _walk_images(folder: str) -> Iterator[str]:
    """Yield the images in a folder and below, sorted; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            # Only names and whether they are folders are kept: there may be millions.
            children = sorted(
                (entry.name, is_folder)
                for entry in entries
                if (is_folder := entry.is_dir(follow_symlinks=False))
                or (os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and entry.is_file())
            )
    except PermissionError:
        return
    for name, is_folder in children:
        path = os.path.join(folder, name)
        if is_folder:
            yield from _walk_images(path)
        else:
            yield path
