"""Temporary files: their names, and the removal of those whose writer was killed."""

from __future__ import annotations

import os
import platform
import re
import zlib
from contextlib import suppress
from pathlib import Path

TEMPORARY = re.compile(r"\.(.+)\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp", re.DOTALL)
"""Target, machine and process of a temporary file, and a random number."""


def temporary_path(path: Path) -> Path:
    """Return an unused temporary path next to `path`; remove what killed writers of it left."""
    machine = _machine()
    name = os.fsdecode(os.fsencode(path.name)[:200])  # with the rest, a long one may be too long
    with suppress(OSError):  # what cannot be removed does no harm
        for other in os.listdir(path.parent):
            match = TEMPORARY.fullmatch(other)
            ours = match is not None and match[1] == name and match[2] == machine
            if match and ours and not _is_alive(int(match[3])):
                path.with_name(other).unlink(missing_ok=True)
    return path.with_name(f".{name}.{machine}-{os.getpid()}-{os.urandom(4).hex()}.tmp")


def is_temporary(path: Path) -> bool:
    """Return whether a path is named as a temporary file is."""
    return TEMPORARY.fullmatch(path.name) is not None


def _machine() -> str:
    """Return what tells the processes of this machine and container from those of others."""
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"


def _is_alive(process: int) -> bool:
    """Return whether a process exists, or may exist."""
    if os.name != "posix":  # elsewhere signal 0 ends a process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # another user's
    return True
