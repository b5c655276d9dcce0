"""The cache: every file is stored under its hash, so no path can have two contents.

``root/<sha256>/<name>`` or, where the publisher gives only an MD5, ``root/md5-<md5>/<name>``.
Next to the file is a pin: its size, times and inode when it was last hashed. While these are
unchanged, the file is not hashed again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from .errors import FetchError, HashMismatch, UnsafeFile, WeightsError, describe_system_error
from .fetch import Progress, download
from .files import atomic_write, copy_hashed, hash_file, locked, remove_orphans
from .partial import PartialFile
from .records import FileRecord
from .text import printable


class Pin(msgspec.Struct, frozen=True):
    """The state of a stored file when it was last hashed."""

    sha256: str
    size: int
    mtime_ns: int
    source: str = ""
    ctime_ns: int = 0
    inode: int = 0

    def matches_stat(self, now: os.stat_result) -> bool:
        """Return whether the file is unchanged; mtime can be set back, ctime cannot."""
        seen = (self.size, self.mtime_ns, self.ctime_ns, self.inode)
        return seen == (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)


@dataclass(frozen=True, slots=True)
class AddResult:
    """Outcome of `Store.add`; `expected` and `got` are digests of the same algorithm."""

    path: Path
    sha256: str
    matches: bool
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Outcome of `Store.verify`; `got` is empty where the file is not `present`."""

    ok: bool
    present: bool
    expected: str
    got: str


class Store:
    """The files of records, downloaded once and verified.

    Parameters
    ----------
    root
        Folder of the cache; created when first needed, readable by this user only.
    mirrors
        Folders or http(s) addresses tried before every url, as ``<mirror>/<host>/<path>``.
    offline
        Never use the network.
    seconds
        Time for each download, waits and retries included; None for no limit.
    """

    def __init__(
        self,
        root: Path,
        *,
        mirrors: Sequence[str | os.PathLike[str]] = (),
        offline: bool = False,
        seconds: float | None = None,
    ) -> None:
        self.root = Path(root)
        self.mirrors = tuple(mirrors)
        self.offline = offline
        self.seconds = seconds

    def path(self, record: FileRecord, *, base: Path | None = None) -> Path:
        """Return the path of the file, whether it exists or not.

        Parameters
        ----------
        record
            The file.
        base
            Folder of the spec that declares it; a file shipped there is preferred to the cache.

        Raises
        ------
        UnsafeFile
            The shipped file is outside `base`.
        WeightsError
            The record has no hash to store it under.
        """
        return _shipped_path(record, base) or self._cache_path(record)

    def has(self, record: FileRecord, *, base: Path | None = None) -> bool:
        """Return whether the file exists, without hashing it."""
        shipped = _shipped_path(record, base)
        if shipped is None and not _is_named(record):
            return False
        return (shipped or self._cache_path(record)).is_file()

    def fetch(
        self, record: FileRecord, *, base: Path | None = None, progress: Progress | None = None
    ) -> Path:
        """Return the path of the verified file, downloading it if needed.

        Parameters
        ----------
        record
            The file.
        base
            Folder of the spec that declares it, for ``record.file``.
        progress
            Called with the bytes done and the total (None where unknown).

        Returns
        -------
        pathlib.Path
            A file with the hash of the record.

        Raises
        ------
        HashMismatch
            The stored, shipped or downloaded file has another hash.
        OfflineError, FetchError
            The file is missing and could not be downloaded.
        """
        shipped = _shipped_path(record, base)
        if shipped is not None:
            _verify(record, hash_file(shipped, *_hash_names(record)), shipped, None)
            return shipped
        path = self._cache_path(record)
        if path.is_file():
            self._recheck(record, path)
            return path
        if not record.urls:
            source = f" (source: {printable(record.source)})" if record.source else ""
            message = (
                f"file {path.name!r} is not at {str(path)!r} and its record has no address to "
                f"download it from{source}; add it with `zoo weights add`"
            )
            raise FetchError(message)
        self.sweep()
        sha256 = download(
            record.urls,
            path,
            sha256=record.sha256,
            md5=record.md5,
            size=record.bytes,
            mirrors=self.mirrors,
            offline=self.offline,
            progress=progress,
            seconds=self.seconds,
        )
        self._try_pin(path, path.stat(), sha256, record.urls[0])
        return path

    def add(self, record: FileRecord, file: Path) -> AddResult:
        """Store a copy of a user's file; a file with another hash is reported and not stored.

        Parameters
        ----------
        record
            The expected file.
        file
            The user's file, which stays where it is.

        Raises
        ------
        WeightsError
            The file does not exist, or the record has no hash.
        """
        path = self._cache_path(record)
        if not file.is_file():
            message = f"cannot add {str(file)!r}: no such file"
            raise WeightsError(message)
        pin = self._read_pin(path)
        try:
            digests = hash_file(file, *_hash_names(record))
        except OSError as error:
            message = f"cannot read {str(file)!r}: {error.strerror or error}"
            raise WeightsError(message) from error
        expected, got = _compare(record, digests, pin)
        if expected == got:
            with self.writing(path):
                with atomic_write(path) as temp:
                    digests = copy_hashed(file, temp, *_hash_names(record))
                    expected, got = _compare(record, digests, pin)
                    if expected != got:
                        message = f"{str(file)!r} changed while it was copied; nothing was stored"
                        raise HashMismatch(message)
                PartialFile(path).discard()
                _write_pin(path, path.stat(), digests["sha256"], str(file))
        return AddResult(path, digests["sha256"], expected == got, expected, got)

    def verify(self, record: FileRecord, *, base: Path | None = None) -> VerifyResult:
        """Hash the entire file and compare it with the record, and with the pin."""
        if not _is_named(record) and _shipped_path(record, base) is None:
            return VerifyResult(ok=False, present=False, expected="", got="")
        path = self.path(record, base=base)
        pin = self._read_pin(path)
        if not path.is_file():
            expected = record.sha256 or (pin.sha256 if pin else record.md5) or ""
            return VerifyResult(ok=False, present=False, expected=expected, got="")
        expected, got = _compare(record, hash_file(path, *_hash_names(record)), pin)
        return VerifyResult(ok=expected == got, present=True, expected=expected, got=got)

    def remove(self, record: FileRecord) -> bool:
        """Remove the cached file and its by-products; return whether there was a file.

        A file shipped in a package is not touched.
        """
        if not _is_named(record):
            return False
        path = self._cache_path(record)
        if not path.parent.is_dir():
            return False
        with self.writing(path):
            present = path.is_file()
            for leftover in (path, _pin_path(path)):
                leftover.unlink(missing_ok=True)
            PartialFile(path).discard()
            with suppress(OSError):  # where an open file cannot be removed, its lock stays
                path.with_name(f".{path.name}.lock").unlink()
                path.parent.rmdir()
        return present

    def unfinished(self, record: FileRecord) -> int:
        """Return the bytes of an unfinished download, which the next `fetch` continues."""
        return PartialFile(self._cache_path(record)).size if _is_named(record) else 0

    def sweep(self) -> list[tuple[Path, int]]:
        """Remove the temporary files of processes that were killed; return their paths and sizes.

        Those of running processes stay. Whatever writes to the store does this first.
        """
        folders: list[Path] = []
        with suppress(OSError):  # no store yet, or another user's
            folders += self.root.iterdir()
        return [orphan for folder in folders for orphan in remove_orphans(folder)]

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Hold the lock of a file of the store; sweep first.

        Raises
        ------
        WeightsError
            The system refuses: a full disk, a folder of another user.
        """
        self.sweep()
        try:
            with locked(path):
                yield
        except OSError as error:
            raise WeightsError(describe_system_error(error, str(path))) from error

    def _cache_path(self, record: FileRecord) -> Path:
        if not _is_named(record):
            what = record.urls[0] if record.urls else record.file or record.source
            message = (
                f"the record of {printable(what)!r} has neither sha256 nor md5; without a hash a "
                "file cannot be verified"
            )
            raise WeightsError(message)
        key = record.sha256 or f"md5-{record.md5}"
        return self.root / key / _basename(record)

    def _recheck(self, record: FileRecord, path: Path) -> None:
        """Trust a file that matches its pin; hash any other, and pin it if it is right."""
        pin, now = self._read_pin(path), path.stat()
        same_hash = pin is not None and pin.sha256 == (record.sha256 or pin.sha256)
        if pin and same_hash and pin.matches_stat(now):
            return
        digests = hash_file(path, *_hash_names(record))
        _verify(record, digests, path, pin)
        self._try_pin(path, now, digests["sha256"], pin.source if pin else "")

    def _try_pin(self, path: Path, now: os.stat_result, sha256: str, source: str) -> None:
        with suppress(WeightsError), self.writing(path):  # else the next use hashes it again
            _write_pin(path, now, sha256, source)

    def _read_pin(self, path: Path) -> Pin | None:
        try:
            return msgspec.json.decode(_pin_path(path).read_bytes(), type=Pin)
        except (OSError, msgspec.MsgspecError):
            return None


def _shipped_path(record: FileRecord, base: Path | None) -> Path | None:
    """Return the file in the package, if the record names one that exists."""
    if record.file is None or base is None:
        return None
    folder = base.resolve()
    path = (folder / record.file).resolve()
    if not path.is_relative_to(folder):
        message = (
            f"file {printable(record.file)!r} leads out of {str(folder)!r}; a spec may only name "
            "files inside its own folder"
        )
        raise UnsafeFile(message)
    if path.is_file():
        return path
    if record.urls or record.sha256 or record.md5:
        return None  # it may still be downloaded, or was added by hand
    message = f"file {printable(record.file)!r} is not in {str(folder)!r}; reinstall the package"
    raise FetchError(message)


def _is_named(record: FileRecord) -> bool:
    """Return whether a record has a hash, by which a stored file is named."""
    return bool(record.sha256 or record.md5)


def _hash_names(record: FileRecord) -> tuple[str, ...]:
    return ("sha256", "md5") if record.md5 else ("sha256",)


def _compare(record: FileRecord, digests: dict[str, str], pin: Pin | None) -> tuple[str, str]:
    """Return the digests (expected, received): MD5 if it differs, else SHA-256."""
    if record.md5 and record.md5 != digests["md5"]:
        return record.md5, digests["md5"]
    # An MD5 can be forged: after the first file with it, only the same content is accepted.
    expected = record.sha256 or (pin.sha256 if pin and record.md5 else digests["sha256"])
    return expected, digests["sha256"]


def _verify(record: FileRecord, digests: dict[str, str], path: Path, pin: Pin | None) -> None:
    expected, got = _compare(record, digests, pin)
    if expected != got:
        message = (
            f"file {str(path)!r} does not match its record: expected {expected}, received {got}; "
            "it was not used. It was changed after it was stored: remove it and fetch it again"
        )
        raise HashMismatch(message)


def _write_pin(path: Path, now: os.stat_result, sha256: str, source: str) -> None:
    pin = Pin(
        sha256, now.st_size, now.st_mtime_ns, source, ctime_ns=now.st_ctime_ns, inode=now.st_ino
    )
    with atomic_write(_pin_path(path)) as temp:
        temp.write_bytes(msgspec.json.encode(pin))


def _pin_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.pin.json")


def _basename(record: FileRecord) -> str:
    """Return a readable name, safe on any file system; the file is found by its hash."""
    path = urlsplit(record.urls[0]).path if record.urls else record.file or ""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", unquote(path).rsplit("/", 1)[-1]).lstrip(".")
    return name[-100:].lstrip(".") or "file"
