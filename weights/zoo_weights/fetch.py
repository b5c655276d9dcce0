"""Download files: resume after a stop, verify before renaming, once for all processes.

Urls are tried in order, each in the mirrors first. A file without the expected hash never gets its
final name.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .errors import FetchError, HashMismatch, OfflineError
from .files import copy_hashed, flush_and_rename, hash_file
from .partial import PartialFile, RemoteVersion
from .text import printable
from .web import (
    BLOCK,
    TransientError,
    classify_failure,
    declared_length,
    get_bytes,
    new_session,
    open_url,
)

if TYPE_CHECKING:
    import requests

__all__ = ["Progress", "download", "get_bytes"]

Progress = Callable[[int, int | None], None]

MAX_BYTES = 16 << 30  # limit where neither record nor server states a size
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_RETRY_RESET = 1 << 20  # an attempt that brought this many bytes resets the count of retries


def download(
    urls: Sequence[str],
    target: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    mirrors: Sequence[str | os.PathLike[str]] = (),
    offline: bool = False,
    progress: Progress | None = None,
    timeout: tuple[float, float] = (10, 30),
    retries: int = 4,
) -> str:
    """Download a file to `target`, unless it is already there.

    Parameters
    ----------
    urls
        http(s) addresses of the file, in the order to try.
    target
        Final path; missing folders are created.
    sha256, md5
        Expected digests, lower-case hex.
    size
        Expected size in bytes.
    mirrors
        Folders or http(s) addresses tried first, as ``<mirror>/<host>/<path>``.
    offline
        Use mirror folders only.
    progress
        Called with the bytes done and the total (None where unknown).
    timeout
        Seconds to wait for a connection, and for the next bytes.
    retries
        Further attempts per address after a temporary failure.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    HashMismatch
        The file received, or already at `target`, is another one.
    OfflineError
        Offline, and the file is in no mirror folder.
    FetchError
        Any other failure.
    """
    from filelock import FileLock

    job = _Job(target, sha256, md5, size, progress or (lambda done, total: None), timeout, retries)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if target.is_file():  # another process was first
                digests = hash_file(target, *job.names)
                return job.check(digests, str(target), "it was left as it is")
            return _try_places(job, urls, mirrors, offline)
    except OSError as error:
        message = f"cannot write {str(target)!r}: {error.strerror or error}"
        raise FetchError(message) from error


class _Job:
    """One file to download: its target, its expected hashes and size, timeouts and retries."""

    def __init__(
        self,
        target: Path,
        sha256: str | None,
        md5: str | None,
        size: int | None,
        progress: Progress,
        timeout: tuple[float, float],
        retries: int,
    ) -> None:
        self.target, self.size, self.progress = target, size, progress
        self.timeout, self.retries = timeout, retries
        self.expected = {"sha256": sha256, "md5": md5}
        self.names = ("sha256", "md5") if md5 else ("sha256",)

    def check(self, digests: dict[str, str], where: str, done: str) -> str:
        """Return the SHA-256 if the digests are as expected, else raise `HashMismatch`."""
        for name, want in self.expected.items():
            if want and digests[name] != want:
                message = (
                    f"{printable(where)} is not the requested file: expected {name} {want}, "
                    f"received {digests[name]}; {done}. Either its publisher replaced it, or "
                    "something in between (a proxy, a login page) answered instead"
                )
                raise HashMismatch(message)
        return digests["sha256"]


def _sources(urls: Sequence[str], mirrors: Sequence[str | os.PathLike[str]]) -> list[str | Path]:
    """Return the places to try, in order: for each url, its place in every mirror, then itself."""
    places: list[str | Path] = []
    for url in urls:
        parts = urlsplit(url if "[" not in url else "")  # mirrors have no IPv6 hosts
        host, path = parts.hostname or "", parts.path.lstrip("/")
        for mirror in [os.fspath(mirror) for mirror in mirrors if host]:
            if mirror.startswith(("http://", "https://")):
                query = f"?{parts.query}" if parts.query else ""
                places.append(f"{mirror.rstrip('/')}/{host}/{path}{query}")
            elif ".." not in (names := unquote(path).replace("\\", "/").split("/")):
                places.append(Path(mirror, host, *names))
        places.append(url)
    return places


def _try_places(
    job: _Job, urls: Sequence[str], mirrors: Sequence[str | os.PathLike[str]], offline: bool
) -> str:
    places = _sources(urls, mirrors)
    failures: list[FetchError] = []
    with new_session() as session:
        for place in places:
            try:
                if isinstance(place, Path):
                    return _copy_from_mirror(job, place)
                if not offline:
                    return _download_url(job, session, place)
            except FetchError as error:
                failures.append(error)
    if not failures and not offline:
        message = f"{job.target.name!r} has no address to download it from; add it by hand"
        raise FetchError(message)
    if len(failures) == 1 and not offline:
        raise failures[0]
    reasons = "".join(f"\n  {failure}" for failure in failures)
    kind = HashMismatch if any(isinstance(e, HashMismatch) for e in failures) else FetchError
    if not offline:
        message = f"cannot fetch {job.target.name!r} from any of {len(places)} places:{reasons}"
        raise kind(message)
    address = f" from {printable(urls[0])}" if urls else ""
    message = (
        f"file {job.target.name!r} is not on this machine and zoo is offline; expected it "
        f"at {str(job.target)!r}. Download it{address} on another machine and add it here with "
        f"`zoo weights add`{reasons}"
    )
    raise HashMismatch(message) if kind is HashMismatch else OfflineError(message)


def _copy_from_mirror(job: _Job, source: Path) -> str:
    """Copy from a mirror folder. Links in it may point anywhere: the folder is the user's own."""
    if not source.is_file():
        message = f"not in the mirror: {printable(str(source))}"
        raise FetchError(message)
    size = source.stat().st_size
    if job.size is not None and size != job.size:
        message = f"{printable(str(source))} has {size} bytes; expected {job.size}"
        raise FetchError(message)
    temp = job.target.with_name(f".{job.target.name}.copy")  # ours: the caller holds the lock
    try:
        digest = job.check(copy_hashed(source, temp, *job.names), str(source), "it was not used")
        flush_and_rename(temp, job.target)
    finally:
        temp.unlink(missing_ok=True)
    job.progress(size, size)
    return digest


def _download_url(job: _Job, session: requests.Session, url: str) -> str:
    part = PartialFile(job.target, *job.names)
    attempts = 0
    while True:
        before = part.size
        try:
            _transfer(job, session, url, part)
            break
        except TransientError as error:
            attempts = 1 if part.size - before >= _RETRY_RESET else attempts + 1
            if attempts > job.retries:
                message = f"{error}; gave up after {attempts} attempt{'s' * (attempts > 1)}"
                raise FetchError(message) from error
            # Random, so that many machines do not retry at the same instant.
            time.sleep(min(30.0, 0.3 * 2**attempts) * random.uniform(0.5, 1.0))
    try:
        digest = job.check(part.digests(), url, "the download was deleted")
    except HashMismatch:
        part.discard()
        raise
    part.sidecar.unlink(missing_ok=True)  # first: nobody looks for it once the target is there
    flush_and_rename(part.path, job.target)
    return digest


def _transfer(job: _Job, session: requests.Session, url: str, part: PartialFile) -> None:
    """Complete `part`, from its current end if the server still has the same file."""
    import requests

    version = part.version()
    done = part.size if version and version.url == url and version.validator else 0
    if version and done and done == version.total:
        return  # complete: an earlier process died before the rename
    headers = {"Range": f"bytes={done}-", "If-Range": version.validator} if version and done else {}
    statuses = (200, 206, 416) if done else (200,)
    with open_url(
        session, url, headers=headers, timeout=job.timeout, statuses=statuses
    ) as response:
        if version and response.status_code != 200:
            _check_continues(response, version, done, part)
            total = version.total
        else:
            done, total = 0, declared_length(response)
            _check_size(job, url, total)
            part.start(RemoteVersion.of(url, response.headers, total))
        part.hash_rest()
        limit = next(n for n in (job.size, total, MAX_BYTES) if n is not None)
        job.progress(done, total or job.size)
        try:
            with part.path.open("ab") as stream:
                for block in response.iter_content(BLOCK):
                    done += len(block)
                    if done > limit:
                        break
                    stream.write(block)
                    part.hash_block(block)
                    job.progress(done, total or job.size)
        except requests.RequestException as error:
            raise classify_failure(error, url, job.timeout) from error
    if done > limit:
        part.discard()
        message = f"cannot fetch {printable(url)!r}: it sends more than the {limit} bytes expected"
        raise FetchError(message)
    expected = total if total is not None else job.size
    if expected is not None and done < expected:
        message = f"cannot fetch {printable(url)!r}: it ended after {done} of {expected} bytes"
        raise TransientError(message)


def _check_continues(
    response: requests.Response, version: RemoteVersion, done: int, part: PartialFile
) -> None:
    """Check that a 206 continues exactly where `part` ends; otherwise discard it for a restart."""
    content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    fresh = RemoteVersion.of(version.url, response.headers, version.total)
    same = (
        response.status_code == 206
        and content_range is not None
        and int(content_range[1]) == done
        and version.total in (None, int(content_range[2]))
        and fresh.etag in ("", version.etag)
        and fresh.modified in ("", version.modified)
    )
    if not same:
        part.discard()
        message = f"cannot fetch {printable(version.url)!r}: the file on the server has changed"
        raise TransientError(message)


def _check_size(job: _Job, url: str, total: int | None) -> None:
    limit = MAX_BYTES if job.size is None else job.size
    if total is not None and (total > limit or (job.size is not None and total != job.size)):
        allowed = "at most" if job.size is None else "exactly"
        message = (
            f"cannot fetch {printable(url)!r}: it has {total} bytes; expected {allowed} {limit}"
        )
        raise FetchError(message)
