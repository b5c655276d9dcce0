"""Opening files that may be anything: regular ones only, of a limited size where they are ours."""

from __future__ import annotations

import os
import sys
from os import PathLike
from typing import Any, BinaryIO

from zoo.errors import InputError, unreadable
from zoo_weights.files import irregular_kind

MAX_BYTES = 16 << 20
"""Maximum size of a file of figures or settings that is read whole.

The largest is the history of a long training: it has room for 100,000 epochs of eight figures with
all their digits.
"""

MAX_DEPTH = 50
"""Maximum depth of JSON; deeper, and going through it fails at a place that nobody foresaw."""

STANDARD_INPUT = "-"
STANDARD_INPUT_NAMES = frozenset({STANDARD_INPUT, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""Names of standard input where an ``INPUT`` may be that."""


def require_regular(path: str | PathLike[str], expected: str = "a file") -> None:
    """Raise `InputError` unless a path leads to a regular file.

    Parameters
    ----------
    path
        The path.
    expected
        What it should be, for the message.
    """
    try:
        kind = irregular_kind(path)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise unreadable(path, error) from None
    if kind is not None:
        msg = f"{path}: is {kind}, expected {expected}"
        raise InputError(msg, kind="unreadable")


def open_regular(path: str | PathLike[str], expected: str = "a file") -> BinaryIO:
    """Open a regular file for reading; a pipe or a device may never end.

    Raises
    ------
    InputError
        If it is anything else, or cannot be opened.
    """
    require_regular(path, expected)
    try:
        return open(path, "rb", opener=_open_nonblocking)
    except OSError as error:
        raise unreadable(path, error) from None


def _open_nonblocking(path: str, flags: int) -> int:
    # A pipe that took the file's place meanwhile must not be waited for.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_regular(path: str | PathLike[str]) -> bytes:
    """Return the content of a regular file of at most `MAX_BYTES`.

    Raises
    ------
    InputError
        If it is anything else, cannot be read, or is larger.
    """
    with open_regular(path) as file:
        try:
            data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise unreadable(path, error) from None
    if len(data) > MAX_BYTES:
        msg = f"{path}: has more than {MAX_BYTES} bytes"
        raise InputError(msg, kind="too-large")
    return data


def read_json(path: str | PathLike[str], kind: Any) -> Any:
    """Return the data of a JSON file of ours.

    Parameters
    ----------
    path
        The file.
    kind
        Type that the data must have, as msgspec takes it.

    Raises
    ------
    InputError
        As for `read_regular`.
    ValueError
        If it is not JSON, or of another type; the message names file and field.
    """
    import json

    import msgspec

    try:
        # Not by msgspec: the figures of a training may be NaN.
        data = json.loads(read_regular(path).decode())
        _check_depth(data)
        msgspec.convert(data, kind)
    except RecursionError:
        msg = f"{path}: is nested too deeply"
        raise ValueError(msg) from None
    except ValueError as error:
        msg = f"{path}: {error}"
        raise ValueError(msg) from None
    return data


def _check_depth(data: Any, left: int = MAX_DEPTH) -> None:
    if not left:
        raise RecursionError
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for part in parts:
        _check_depth(part, left - 1)


def standard_input() -> BinaryIO:
    """Return standard input, or raise `InputError` if it is closed."""
    if sys.stdin is None:
        msg = "standard input is closed"
        raise InputError(msg, kind="unreadable")
    return sys.stdin.buffer
