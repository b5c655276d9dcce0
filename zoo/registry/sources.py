"""The state of the files that decide what code does: names of cache files contain it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from zoo.registry.loading import PRELOADED_FILES, STARTED_AT

MAX_FILES = 10_000
"""Maximum number of files whose state is looked at; what depends on more is not cached."""


class Stamp(NamedTuple):
    """The state of a file.

    A changed file may be given its old size and modification time, but not its time of change.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Stamp:
        """Return the state of a file; raise `OSError` if there is none."""
        status = os.stat(path)
        times = (status.st_mtime_ns, status.st_ctime_ns)
        return cls(os.fspath(path), status.st_size, *times, status.st_ino)


def stamps_of(paths: Iterable[str]) -> list[Stamp] | None:
    """Return the stamps of files and of those in folders, sorted; None if they are too many.

    Raises
    ------
    OSError
        If one cannot be looked at.
    """
    waiting = list(paths)
    stamps: list[Stamp] = []
    while waiting and len(stamps) <= MAX_FILES:
        path = waiting.pop()
        if not os.path.isdir(path):
            stamps.append(Stamp.of(path))
        elif os.path.basename(path) != "__pycache__":
            waiting += [os.path.join(path, name) for name in os.listdir(path)]
    return sorted(stamps) if len(stamps) <= MAX_FILES else None


def may_differ(stamps: Iterable[Stamp]) -> bool:
    """Whether this process may have imported code that was in these files before."""
    return any(
        max(stamp.mtime_ns, stamp.ctime_ns) > STARTED_AT or stamp.path in PRELOADED_FILES
        for stamp in stamps
    )
