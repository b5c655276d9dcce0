"""Open files that people name: regular files only, for a pipe or a device may never end."""

from __future__ import annotations

import os
import sys
from os import PathLike
from typing import BinaryIO

from zoo.errors import InputError, unreadable
from zoo_weights.files import irregular_kind

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
    """Open a regular file for reading.

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


def standard_input() -> BinaryIO:
    """Return standard input, or raise `InputError` if it is closed."""
    if sys.stdin is None:
        msg = "standard input is closed"
        raise InputError(msg, kind="unreadable")
    return sys.stdin.buffer
