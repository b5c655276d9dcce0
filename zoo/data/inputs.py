"""``INPUT…``: files, folders, globs, URLs and standard input, in the order given."""

from __future__ import annotations

import base64
import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import InputError, unreadable
from zoo.files import STANDARD_INPUT, STANDARD_INPUT_NAMES, standard_input

IMAGE_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
})  # fmt: skip
"""Suffixes of the files in a folder that are taken for images."""

INPUT_BYTES = 50_000_000
"""Maximum bytes of an input that is not a file."""

URL_SECONDS = 30.0

MAX_PATTERN = 1000
"""Maximum characters of a pattern: matching takes the square of it."""

_ANY_FOLDERS = re.compile(r"(?:^|(?<=[/\\]))\*\*(?:[/\\]+|$)")


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name for people, and access to what it holds.

    Attributes
    ----------
    name
        Path, URL, or ``"-"``.
    error
        Why it cannot be an input, where that was found while it was looked for.
    """

    name: str
    error: InputError | None = None

    @property
    def is_standard_input(self) -> bool:
        """Whether the name is one of standard input."""
        return self.name in STANDARD_INPUT_NAMES

    def fetch(self) -> Path | bytes:
        """Return the path, or the bytes of a URL or of standard input.

        Raises
        ------
        InputError
            If it cannot be an input, or a URL cannot be fetched.
        """
        if self.error is not None:
            raise self.error
        if self.is_standard_input:
            return _read_standard_input()
        if is_url(self.name):
            return fetch_url(self.name)
        return Path(self.name)


def _read_standard_input() -> bytes:
    try:
        data = standard_input().read(INPUT_BYTES + 1)
    except OSError as error:
        raise unreadable(STANDARD_INPUT, error) from None
    if len(data) > INPUT_BYTES:
        msg = f"standard input has more than {INPUT_BYTES:,} bytes; pass it as a file"
        raise InputError(msg, kind="too-large")
    return data


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
    from zoo_weights.errors import FetchError
    from zoo_weights.fetch import get_bytes

    try:
        seconds = timeout() or URL_SECONDS
        return get_bytes(url, max_bytes=INPUT_BYTES, seconds=seconds, offline=offline())
    except FetchError as error:
        raise InputError(str(error), kind="not-fetched") from None


class NamedInputs:
    """The inputs that names stand for, looked up again, one by one, on every iteration.

    A folder stands for the images in it and below, sorted; a pattern that is not itself a file,
    for the files it matches, sorted. Links to folders are not followed; pipes, sockets and devices
    in a folder are passed over. A name that matches nothing, a folder that cannot be listed, and a
    link in one that leads nowhere or in a circle, are inputs too: their records say so.

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
        if name in STANDARD_INPUT_NAMES or is_url(name):
            yield Input(name)
        elif os.path.lexists(name) or not glob.has_magic(name) or len(name) > MAX_PATTERN:
            yield from _expand_path(name)
        else:
            try:
                matches = sorted(set(_match(name)))
            except (OSError, ValueError, RecursionError, re.error) as error:
                msg = f"{name}: cannot be looked for, {error}"
                yield Input(name, InputError(msg, kind="unreadable"))
            else:
                for match in matches or [name]:
                    yield from _expand_path(match)


def _match(pattern: str) -> Iterator[str]:
    """Yield what a pattern matches; ``**`` follows no links to folders, which may be circles."""
    before, *rest = _ANY_FOLDERS.split(pattern, maxsplit=1)
    if not rest:
        yield from glob.glob(pattern)
        return
    for top in glob.glob(before) if before else ["."]:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = folder if before else folder[2:]
            if rest[0]:
                yield from _match(os.path.join(glob.escape(inside), rest[0]))
            else:
                yield from (os.path.join(inside, name) for name in files)


def _expand_path(name: str) -> Iterator[Input]:
    return walk_images(name) if os.path.isdir(name) else iter([Input(name)])


def walk_images(folder: str) -> Iterator[Input]:
    """Yield the images in a folder and below, sorted; links to folders are not followed."""
    pending = [("", iter([(folder, True)]))]
    while pending:  # not a call for each level: there may be thousands
        parent, children = pending[-1]
        name, is_folder = next(children, ("", False))
        path = os.path.join(parent, name)
        if not name:
            pending.pop()
        elif not is_folder:
            yield Input(str(Path(path)))
        else:
            try:
                pending.append((path, iter(_list_images(path))))
            except OSError as error:
                yield Input(str(Path(path)), unreadable(path, error))


def _list_images(folder: str) -> list[tuple[str, bool]]:
    """Return the names of the images and folders in a folder, sorted, and which are folders."""
    with os.scandir(folder) as entries:
        # Only names are kept, and whether they are folders: there may be millions.
        names = sorted(
            (entry.name, is_folder)
            for entry in entries
            if (is_folder := _is_folder(entry)) or _is_image(entry)
        )
    return names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() not in IMAGE_SUFFIXES:
        return False
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:  # a link in a circle
        return True
