"""Atomic writes, and hashing in constant memory; the checksum that ends a file of our own."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UnsafeFile
from .leftovers import temporary_path
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
    temp = temporary_path(path)
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
