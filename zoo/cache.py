"""Files that zoo keeps between processes for this user alone: made by zoo, read back by zoo.

Whatever is wrong with them is no error: they are made anew.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from zoo.config import private_folder

MAX_BYTES = 256 << 20
"""Largest file that is read back; what zoo keeps is far smaller."""

KEPT = 200
"""Files of a folder that are kept; who writes one more removes what was used longest ago."""


def read(folder: str, name: str) -> bytes | None:
    """Return what `write` kept, or None where there is nothing that can be trusted.

    Parameters
    ----------
    folder
        Name of the private folder.
    name
        Name of the file in it.

    Returns
    -------
    bytes or None
        None too for a link, for a file of another user, and for one that others may write.
    """
    place = private_folder(folder)
    if place is None:
        return None
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(place / name, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            own = not hasattr(os, "getuid") or (
                status.st_uid == os.getuid() and not status.st_mode & 0o022
            )
            if not own or not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
                return None
            with contextlib.suppress(OSError):  # a file system that is only read
                os.utime(place / name)
            return file.read()
    except OSError:
        return None


def write(folder: str, name: str, data: bytes) -> Path | None:
    """Keep data under a name, whole or not at all; return the file, or None if it cannot be."""
    from zoo_weights import atomic_write

    place = private_folder(folder)
    if place is None:
        return None
    try:
        with atomic_write(place / name) as temporary:
            temporary.chmod(0o600)  # whatever the umask says
            temporary.write_bytes(data)
        files = sorted(place.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink()
    except OSError:  # another process may remove the same ones
        return None
    return place / name
