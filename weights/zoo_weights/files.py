"""How files are written, locked, hashed in constant memory, and end with a checksum.

What a killed writer left beside a file goes when the file is written again.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import platform
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import CannotWrite, FetchError, UnsafeFile, describe_cause
from .text import printable

BLOCK = 1 << 20  # bytes read at a time

TEMPORARY = re.compile(r"\.(.+)\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp", re.DOTALL)
"""Target, machine and process of a temporary file, and a random number."""

_DESCRIPTOR = re.compile(r"(?:/proc/(\d+)(?:/task/\d+)?|/dev)/fd/(\d+)")
_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file; on success, its content becomes that of `path`.

    A regular file is replaced by a rename, after a flush to disk: it appears complete or not at
    all. Links to it stay, and so do its mode and its owner where the system allows that. A pipe, a
    device or a descriptor is never replaced: it receives the content.

    Parameters
    ----------
    path
        Final name, in an existing folder.

    Yields
    ------
    pathlib.Path
        Where to write; it exists and is empty.

    Raises
    ------
    CannotWrite
        The file cannot be written, or the disk is full.
    """
    if is_stream(path):
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            temp = Path(folder, path.name)
            temp.touch()
            with _reported(path, _FULL):
                yield temp
            with _reported(path), open_live(path) as stream, temp.open("rb") as content:
                shutil.copyfileobj(content, stream)
        return
    with _reported(path):
        target = _follow(path)
        _check_place(path, target)
        old = target.stat() if target.exists() else None
        temp = temporary_path(target)
        mode = 0o666 if old is None else 0o600  # the umask applies
        os.close(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        with _reported(path, _FULL):
            yield temp
        with _reported(path):
            flush_and_rename(temp, target, like=old)
    finally:
        temp.unlink(missing_ok=True)  # already gone after a rename


def flush_and_rename(temp: Path, path: Path, like: os.stat_result | None = None) -> None:
    """Flush `temp` to disk and rename it to `path`, replacing what was there.

    With `like`, it first gets that mode and, where allowed, that owner and group.
    """
    with temp.open("r+b") as stream:
        if like is not None and hasattr(os, "fchown"):
            for user, group in ((like.st_uid, -1), (-1, like.st_gid)):
                with suppress(OSError):
                    os.fchown(stream.fileno(), user, group)
            os.fchmod(stream.fileno(), like.st_mode & 0o777)
        os.fsync(stream.fileno())
    os.replace(temp, path)
    if os.name == "posix":  # elsewhere a folder can neither be opened nor need be
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def temporary_path(path: Path) -> Path:
    """Return an unused temporary path next to `path`; remove what killed writers of it left."""
    machine = _machine()
    name = os.fsdecode(os.fsencode(path.name)[:200])  # with the rest, a long one may be too long
    with suppress(OSError):  # what cannot be removed does no harm
        for other in os.listdir(path.parent):
            match = TEMPORARY.fullmatch(other)
            ours = match is not None and match[1] == name and match[2] == machine
            if match and ours and not _is_alive(int(match[3])):
                path.with_name(other).unlink(missing_ok=True)
    return path.with_name(f".{name}.{machine}-{os.getpid()}-{os.urandom(4).hex()}.tmp")


def is_temporary(path: Path) -> bool:
    """Return whether a path is named as a temporary file is."""
    return TEMPORARY.fullmatch(path.name) is not None


def _machine() -> str:
    """Return what tells the processes of this machine and container from those of others."""
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"


def _is_alive(process: int) -> bool:
    """Return whether a process exists, or may exist."""
    if os.name != "posix":  # elsewhere signal 0 ends a process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # another user's
    return True


@contextmanager
def open_live(path: Path) -> Iterator[BinaryIO]:
    """Yield a pipe, a device or a descriptor to write to, or a file to append to.

    Raises
    ------
    CannotWrite
        It cannot be written, or the disk is full.
    """
    with _reported(path):
        target = _follow(path)
        match = _DESCRIPTOR.fullmatch(str(target))
        if match and match[1] in (None, str(os.getpid())):
            # Opened by its name, a file would be written from its start.
            stream: BinaryIO = os.fdopen(os.dup(int(match[2])), "wb")
        elif is_stream(path):
            flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOCTTY", 0)
            stream = os.fdopen(os.open(target, flags), "wb")
        else:
            _check_place(path, target)
            stream = target.open("ab")
    with _reported(path, _FULL), stream:
        yield stream


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def irregular_kind(path: str | os.PathLike[str]) -> str | None:
    """Return what a path leads to, such as ``"a pipe"``; None for a regular file.

    Opening a pipe waits for its other end, and a device may never end.

    Raises
    ------
    OSError, ValueError
        Nothing is there, or it cannot be looked at.
    """
    mode = os.stat(path).st_mode
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no regular file")


def is_stream(path: Path) -> bool:
    """Return whether a path leads to a pipe, a device or a descriptor, as ``/dev/stdout`` does."""
    with _reported(path):
        target = _follow(path)
        if _DESCRIPTOR.fullmatch(str(target)):
            return True
        return target.exists() and not (target.is_file() or target.is_dir())


def make_folder(path: Path) -> None:
    """Make a folder and its parents, unless it exists; raise `CannotWrite` if that fails."""
    with _reported(path):
        Path(os.path.realpath(path)).mkdir(parents=True, exist_ok=True)


def _follow(path: Path) -> Path:
    """Return the path that links lead to; the descriptor itself, where one is on the way.

    What a descriptor leads to is open already: it has a position, and no name that must stay.
    """
    for _ in range(40):
        path = Path(os.path.realpath(path.parent), path.name)
        if _DESCRIPTOR.fullmatch(str(path)) or not path.is_symlink():
            return path
        path = path.parent / os.readlink(path)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _check_place(path: Path, target: Path) -> None:
    shown = printable(str(path), None)
    if target.is_dir():
        message = f"{shown}: is a folder, expected a file to write"
        raise CannotWrite(message)
    if not target.parent.is_dir():
        message = f"{shown}: there is no folder {printable(str(target.parent), None)}"
        raise CannotWrite(message)


@contextmanager
def _reported(path: Path, numbers: frozenset[int] | None = None) -> Iterator[None]:
    """Raise `CannotWrite` for an error of the system, or only for those with some numbers."""
    try:
        yield
    except (CannotWrite, BrokenPipeError):  # a reader that has enough is no failure
        raise
    except OSError as error:
        if numbers is not None and error.errno not in numbers:
            raise
        text = f"{printable(str(path), None)}: cannot be written, {describe_cause(error)}"
        failure = CannotWrite(text)
        failure.errno = error.errno
        if error.errno in _FULL:
            failure.exit_status = 1
        raise failure from error


def make_private_folder(path: Path) -> None:
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
        make_private_folder(path.parent)
        try:
            lock.acquire(wait)
        except FileNotFoundError:  # the folder has been removed meanwhile
            make_private_folder(path.parent)
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
