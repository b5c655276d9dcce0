"""The checksum of a file of our own: its last line, over every byte before it.

HDF5 stores where its parts are and what their numbers mean beside the numbers, without a check: a
flipped bit there moves an array or changes its type, and the file still opens. The checksum is
compared before HDF5 sees the file. HDF5 ignores what follows its own end, so other programs read
the file as before. It protects against damage, not against forgery: whoever changes a file on
purpose can also change its checksum.
"""

from __future__ import annotations

import re
from pathlib import Path

from .errors import UnsafeFile
from .files import BLOCK, new_hashes
from .text import printable

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
