"""Standard input, where a file may be named."""

from __future__ import annotations

import sys
from typing import BinaryIO

from zoo.errors import InputError
from zoo.files import require_regular as require_regular

STANDARD_INPUT = "-"
STANDARD_INPUT_NAMES = frozenset({STANDARD_INPUT, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""Names of standard input where an ``INPUT`` may be that."""


def standard_input() -> BinaryIO:
    """Return standard input, or raise `InputError` if it is closed."""
    if sys.stdin is None:
        msg = "standard input is closed"
        raise InputError(msg, kind="unreadable")
    return sys.stdin.buffer
