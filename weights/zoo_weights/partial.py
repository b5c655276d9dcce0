"""An unfinished download: its bytes so far, and a sidecar that names the file they are from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from .files import BLOCK, atomic_write, new_hashes


class RemoteVersion(msgspec.Struct, frozen=True):
    """The version of the remote file that a partial file belongs to.

    `total` is its full size in bytes, where the server stated it.
    """

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str], total: int | None) -> RemoteVersion:
        """Return the version that the headers of a response describe."""
        return cls(url, headers.get("ETag", ""), headers.get("Last-Modified", ""), total)

    @property
    def validator(self) -> str:
        """Value of If-Range: a strong ETag, else the date; empty where there is neither.

        A value that no header may hold, such as one of several lines, could not be sent back.
        """
        value = self.modified if not self.etag or self.etag.startswith("W/") else self.etag
        return value if value.isascii() and value.isprintable() else ""


class PartialFile:
    """The partial file of one target (`.NAME.part`) and its sidecar (`.NAME.part.json`).

    Both survive when a process dies, and a later one continues from them. The caller holds the
    target's lock. `resumed` says that the bytes are not all of one answer.
    """

    def __init__(self, target: Path, *hashes: str) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self.sidecar = target.with_name(f".{target.name}.part.json")
        self._names = hashes
        self._hashes = new_hashes(*hashes)
        self._hashed = 0
        self.resumed = False

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self) -> RemoteVersion | None:
        """Return the version that the bytes on disk belong to, None if unknown."""
        try:
            return msgspec.json.decode(self.sidecar.read_bytes(), type=RemoteVersion)
        except (OSError, msgspec.MsgspecError):
            return None

    def start(self, version: RemoteVersion) -> None:
        """Start from zero bytes. Old bytes are deleted first: no new sidecar may describe them."""
        self.discard()
        with atomic_write(self.sidecar) as temp:
            temp.write_bytes(msgspec.json.encode(version))
        self.path.touch()

    def discard(self) -> None:
        """Delete the bytes and the sidecar."""
        self.path.unlink(missing_ok=True)
        self.sidecar.unlink(missing_ok=True)
        self._restart_hashes()
        self.resumed = False

    def hash_block(self, block: bytes) -> None:
        """Hash a block that was written."""
        for digest in self._hashes.values():
            digest.update(block)
        self._hashed += len(block)

    def digests(self) -> dict[str, str]:
        """Return the hex digest of all bytes on disk, by algorithm."""
        self.hash_rest()
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}

    def hash_rest(self) -> None:
        """Hash the bytes that an earlier process or attempt left on disk."""
        if self._hashed == self.size:
            return
        self._restart_hashes()
        with self.path.open("rb") as stream:
            while block := stream.read(BLOCK):
                self.hash_block(block)

    def _restart_hashes(self) -> None:
        self._hashes = new_hashes(*self._names)
        self._hashed = 0
