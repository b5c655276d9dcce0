"""Cache files for this user alone, written by zoo and read back by later processes.

A missing, damaged or untrusted file is not an error: it is written again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path

from zoo.config import home

MAX_BYTES = 256 << 20
"""Maximum size of a file that is read back; zoo's own are far smaller."""

FILES_PER_FOLDER = 200
"""Maximum number of files in a folder."""


def private_folder(name: str) -> Path | None:
    """Return a cache folder that only this user can write to, or None if there cannot be one.

    Compiled programs are native code: they are read back only from a folder of mode 0700 that
    belongs to the user who runs them, and that nobody else can put another folder in the place of.
    A folder that others could write to is emptied first.
    """
    path = home("cache") / name
    try:
        from zoo_weights.files import make_private_folder

        make_private_folder(path)
        if hasattr(os, "getuid"):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or exposed(path):
                return None
            if status.st_mode & 0o022:
                import shutil

                shutil.rmtree(path)
                path.mkdir(mode=0o700)
            elif status.st_mode & 0o777 != 0o700:
                path.chmod(0o700)
    except OSError:
        return None
    return path


def exposed(path: Path) -> str:
    """Say which folder above a path lets others replace it, and the cure; empty if none does.

    Whoever can write to a folder can rename what is in it, unless it is sticky like ``/tmp``. So
    every folder up to the root counts, on the path as written and on the one that links lead to.
    They must belong to this user or to root, which is whoever owns ``/``.
    """
    if not hasattr(os, "getuid"):
        return ""
    trusted = {0, os.getuid(), os.stat("/").st_uid}
    real = Path(os.path.realpath(path))
    for folder in dict.fromkeys((*path.absolute().parents, *real.parents)):
        try:
            status, link = folder.stat(), folder.lstat()
        except OSError:
            continue  # not there yet: it will be made for this user alone
        if not {status.st_uid, link.st_uid} <= trusted:
            return f"{folder} belongs to another user; set ZOO_HOME to a folder of your own"
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            mode = stat.S_IMODE(status.st_mode)
            return f"others can write to {folder} (mode {mode:04o}); run: chmod go-w {folder}"
    return ""


def names(folder: str, prefix: str) -> list[str]:
    """Return the names of the files in a private folder that start with `prefix`, sorted."""
    parent = private_folder(folder)
    try:
        return sorted(path.name for path in parent.glob(f"{prefix}*")) if parent else []
    except OSError:
        return []


def read(folder: str, name: str, *, first: int | None = None) -> bytes | None:
    """Return what `write` stored, or None if there is no file that can be trusted.

    Parameters
    ----------
    folder
        Name of the private folder.
    name
        Name of the file in it.
    first
        Number of bytes at its start to look at; that does not count as a use of the file.

    Returns
    -------
    bytes or None
        Also None for a link, for a file of another user, and for one that others may write.
    """
    parent = private_folder(folder)
    if parent is None:
        return None
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(parent / name, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            private = not hasattr(os, "getuid") or (
                status.st_uid == os.getuid() and not status.st_mode & 0o022
            )
            if not private or not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
                return None
            if first is not None:
                return file.read(first)
            with contextlib.suppress(OSError):  # a read-only file system
                os.utime(parent / name)
            return file.read()
    except OSError:
        return None


def write(folder: str, name: str, data: bytes, *, limit: int | None = None) -> Path | None:
    """Write a file atomically; return its path, or None if it cannot be written.

    The least recently used files of the folder are removed: those beyond `FILES_PER_FOLDER`, and
    those that make it larger than `limit` bytes.
    """
    from zoo_weights.files import atomic_write

    parent = private_folder(folder)
    if parent is None:
        return None
    try:
        (parent / name).unlink(missing_ok=True)  # it may be a link, or have another owner
        with atomic_write(parent / name) as temporary:
            temporary.chmod(0o600)  # whatever the umask says
            temporary.write_bytes(data)
        files = sorted(parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        totals = itertools.accumulate(path.stat().st_size for path in files)
        for number, (path, total) in enumerate(zip(files, totals, strict=True)):
            if number >= FILES_PER_FOLDER or (limit is not None and total > limit):
                path.unlink()
    except OSError:  # another process may remove the same files
        return None
    return parent / name
