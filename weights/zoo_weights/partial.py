"""A download that is not finished: its bytes, and a note of what they are the beginning of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from .files import BLOCK, atomic_write, new_hashes


class Origin(msgspec.Struct, frozen=True):
    """Which version of which address the bytes of a part file are the beginning of.

    `total` is the size of the whole in bytes, where the server told.
    """

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str], total: int | None) -> Origin:
        """Read the validators from the headers of a response."""
        return cls(url, headers.get("ETag", ""), headers.get("Last-Modified", ""), total)

    @property
    def validator(self) -> str:
        """What to send as If-Range: a strong ETag, else the date, else nothing to rely on."""
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag


class Part:
    """The part file of one target (`.NAME.part`) and its sidecar (`.NAME.part.json`).

    Both stay behind when a process dies, and a later one goes on from there. The caller holds the
    lock of the target.
    """

    def __init__(self, target: Path, *hashes: str) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")
        self._names = hashes
        self._hashes = new_hashes(*hashes)
        self._hashed = 0

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> Origin | None:
        """Return what the bytes on disk belong to, or None if that is not known."""
        try:
            return msgspec.json.decode(self.note.read_bytes(), type=Origin)
        except (OSError, msgspec.MsgspecError):
            return None

    def begin(self, origin: Origin) -> None:
        """Start from nothing. The bytes go first, so old ones never stand beside a new note."""
        self.discard()
        with atomic_write(self.note) as temp:
            temp.write_bytes(msgspec.json.encode(origin))
        self.path.touch()

    def discard(self) -> None:
        """Remove bytes and note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self._restart_hashes()

    def feed(self, block: bytes) -> None:
        """Hash one block that was written."""
        for digest in self._hashes.values():
            digest.update(block)
        self._hashed += len(block)

    def digests(self) -> dict[str, str]:
        """Return the hex digest of all bytes on disk, by algorithm."""
        self.catch_up()
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}

    def catch_up(self) -> None:
        """Hash what an earlier process or attempt has left on disk."""
        if self._hashed == self.size:
            return
        self._restart_hashes()
        with self.path.open("rb") as stream:
            while block := stream.read(BLOCK):
                self.feed(block)

    def _restart_hashes(self) -> None:
        self._hashes = new_hashes(*self._names)
        self._hashed = 0
