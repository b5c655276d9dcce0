"""Atomic writes, locks, hashing in constant memory; the checksum that ends a file of our own."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from .errors import WRITE_ERRORS, WRITING, FetchError, UnsafeFile
from .text import printable

BLOCK = 1 << 20  # bytes read at a time


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a fresh temporary path next to `path`; on success it is renamed to `path`.

    The temporary file exists and is empty. It is flushed to disk before the rename; if the block
    raises, it is removed and `path` stays as it was.

    Parameters
    ----------
    path
        Final name, in an existing folder.

    Yields
    ------
    pathlib.Path
        Where to write.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with name_written(path, temp):
        os.close(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the umask applies
        try:
            yield temp
            flush_and_rename(temp, path)
        finally:
            temp.unlink(missing_ok=True)  # already gone after a rename


@contextmanager
def name_written(path: Path, temp: Path | None = None) -> Iterator[None]:
    """Let the system's errors name the file that is being written.

    A failing write names no file, and one to a temporary file names a file that is gone.
    """
    try:
        yield
    except OSError as error:
        full = error.filename is None and errno.errorcode.get(error.errno or 0) in WRITE_ERRORS
        if full or error.filename in (str(temp or path), temp or path):
            error.filename = str(path)
            error.add_note(WRITING)
        raise


def flush_and_rename(temp: Path, path: Path) -> None:
    """Flush `temp` to disk and rename it to `path`, replacing what was there."""
    with temp.open("r+b") as stream:
        os.fsync(stream.fileno())
    os.replace(temp, path)
    if os.name == "posix":  # elsewhere a folder can neither be opened nor need be
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def make_folder(path: Path) -> None:
    """Make a folder, and the parents that are missing, for this user alone."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def locked(path: Path, seconds: float = math.inf) -> Iterator[None]:
    """Hold the lock of a file, ``.NAME.lock`` beside it; make the folder if it is missing.

    Whoever writes the file or anything beside it holds its lock. The system releases it when a
    process ends: a temporary file beside a free lock has no owner any more.

    Raises
    ------
    FetchError
        Another process holds the lock for longer than `seconds`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    wait = -1 if seconds == math.inf else max(0.0, seconds)
    try:
        make_folder(path.parent)
        try:
            lock.acquire(wait)
        except FileNotFoundError:  # the folder has been removed meanwhile
            make_folder(path.parent)
            lock.acquire(wait)
    except Timeout as error:
        message = f"another process is still writing {str(path)!r}; try again later"
        raise FetchError(message) from error
    try:
        yield
    finally:
        lock.release()


def remove_orphans(folder: Path) -> list[tuple[Path, int]]:
    """Remove the temporary files that killed processes left in a folder of locked files.

    Returns
    -------
    list
        Path and size in bytes of each. Nothing is removed while any lock in the folder is held.
    """
    from filelock import FileLock

    removed: list[tuple[Path, int]] = []
    with ExitStack() as stack, suppress(OSError):  # a lock that is held, a folder of another user
        # Looked up before the locks: a file that is there now has its lock there already.
        found = [path for path in folder.glob(".*") if path.suffix == ".tmp"]
        for lock in folder.glob(".*.lock") if found else ():
            stack.enter_context(FileLock(lock, timeout=0))
        for path in found:
            size = path.stat().st_size
            path.unlink()
            removed.append((path, size))
    return removed


def hash_file(path: Path, *names: str) -> dict[str, str]:
    """Return the hex digests of a file, reading it once.

    Parameters
    ----------
    path
        File to read.
    *names
        Algorithms by their `hashlib` names; ``"sha256"`` if none is given.

    Returns
    -------
    dict
        Digest by algorithm.
    """
    hashes = new_hashes(*(names or ("sha256",)))
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            for digest in hashes.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def copy_hashed(source: Path, target: Path, *names: str) -> dict[str, str]:
    """Copy `source` to `target` and return the digests of the copied bytes."""
    hashes = new_hashes(*names)
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(BLOCK):
            writer.write(block)
            for digest in hashes.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def new_hashes(*names: str) -> dict[str, hashlib._Hash]:
    """Return new hash objects by name, for identifying files, not for security."""
    return {name: hashlib.new(name, usedforsecurity=False) for name in names}


# The checksum of a file of our own: its last line, over every byte before it.
#
# HDF5 stores where its arrays are and how their numbers are coded without any check: a flipped bit
# there moves an array or changes its type, and the file still opens. So the checksum is compared
# before HDF5 sees the file. HDF5 ignores what follows its own end: other programs read the file as
# before. It protects against damage, not against forgery.

_LINE = re.compile(rb"\nzoo sha256 ([0-9a-f]{64})\n\Z")
_LENGTH = 77  # bytes of such a line


def append_checksum(path: Path) -> None:
    """Append the checksum of all bytes of a file to it."""
    with path.open("r+b") as stream:
        digest = new_hashes("sha256")["sha256"]
        while block := stream.read(BLOCK):
            digest.update(block)
        stream.write(f"\nzoo sha256 {digest.hexdigest()}\n".encode())


def has_checksum(path: Path) -> bool:
    """Return whether a file ends with a checksum, right or wrong."""
    return _stored(path) is not None


def check_checksum(path: Path) -> None:
    """Raise `UnsafeFile` if a file ends with a checksum that does not fit its content."""
    stored = _stored(path)
    if stored is None:
        return
    digest = new_hashes("sha256")["sha256"]
    with path.open("rb") as stream:
        left = stream.seek(0, 2) - _LENGTH
        stream.seek(0)
        while block := stream.read(min(BLOCK, left)):
            digest.update(block)
            left -= len(block)
    if digest.hexdigest() != stored:
        message = f"{printable(str(path))!r} is damaged: its content does not match its checksum"
        raise UnsafeFile(message)


def _stored(path: Path) -> str | None:
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - _LENGTH))
        match = _LINE.match(stream.read())
    return match[1].decode() if match else None
