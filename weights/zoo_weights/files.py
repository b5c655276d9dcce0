"""Writing so that nothing half-written has a final name, and hashing without filling memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOCK = 1 << 20  # bytes read at a time


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a fresh temporary path beside `path`; on success it becomes `path`, all at once.

    The temporary file exists and is empty. It is flushed to the disk before the rename; when the
    block raises it is removed and `path` stays as it was.

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
        settle(temp, path)
    finally:
        temp.unlink(missing_ok=True)  # gone already where the rename was done


def settle(temp: Path, path: Path) -> None:
    """Flush `temp` to the disk and rename it to `path`, which it replaces."""
    with temp.open("r+b") as stream:
        os.fsync(stream.fileno())
    os.replace(temp, path)
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def hash_file(path: Path, *names: str) -> dict[str, str]:
    """Return the hex digests of a file, read once.

    Parameters
    ----------
    path
        File to read.
    *names
        Algorithms as `hashlib` names them; ``"sha256"`` if none is given.

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
    """Copy the bytes of `source` into `target` and return the digests of what was copied."""
    hashes = new_hashes(*names)
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(BLOCK):
            writer.write(block)
            for digest in hashes.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def new_hashes(*names: str) -> dict[str, hashlib._Hash]:
    """Return empty hash objects by name; for recognising files, not for keeping secrets."""
    return {name: hashlib.new(name, usedforsecurity=False) for name in names}
