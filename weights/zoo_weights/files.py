"""Atomic writes, and hashing in constant memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    os.close(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the umask applies
    try:
        yield temp
        flush_and_rename(temp, path)
    finally:
        temp.unlink(missing_ok=True)  # already gone after a rename


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
