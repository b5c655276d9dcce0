"""Download files: resume after a stop, verify before renaming, once for all processes.

Urls are tried in order, each in the mirrors first. A file without the expected hash never gets its
final name.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .errors import FetchError, HashMismatch, OfflineError, describe_system_error
from .files import atomic_write, copy_hashed, flush_and_rename, hash_file, locked
from .partial import PartialFile, RemoteVersion
from .text import hide_password, printable, show_url
from .web import TransientError, declared_length, get_bytes, new_session, open_url, read_body

if TYPE_CHECKING:
    import requests

    from .pace import PacedSession

__all__ = ["Progress", "download", "get_bytes"]

Progress = Callable[[int, int | None], None]

MAX_BYTES = 16 << 30  # limit where neither record nor server states a size
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_RETRY_RESET = 1 << 20  # an attempt that brought this many bytes resets the count of retries
_PATIENCE = 60.0  # seconds that a busy server may ask for before it is given up
_PATIENCE_ELSEWHERE = 10.0  # the same while there are other places to try
_NO_RANGES = (400, 412, 416, 431, 501)  # statuses of servers that dislike a request for a range


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
    seconds: float | None = None,
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
        Further attempts per address after a temporary failure. A wait that the server asks for is
        kept, up to a minute; for a longer one the address is given up.
    seconds
        Time for all of it together: waiting for another process, every address, every retry.
        Without it, a file takes at most as long as ``MIN_RATE`` of `zoo_weights.pace` allows.

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
    job = _Job(target, sha256, md5, size, progress or (lambda done, total: None), timeout, retries)
    try:
        with new_session(seconds) as session, locked(target, session.pace.left()):
            if target.is_file():  # another process was first
                digests = hash_file(target, *job.names)
                return job.check(digests, str(target), "it was left as it is")
            return _try_places(job, session, _sources(urls, mirrors), urls, offline)
    except OSError as error:
        raise FetchError(describe_system_error(error, str(target))) from error


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
                    f"{printable(hide_password(where))} is not the requested file: "
                    f"expected {name} {want}, received {digests[name]}; {done}. "
                    "Either its publisher replaced it, or something in between (a proxy, a login "
                    "page) answered instead"
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
            if "://" in mirror and not mirror.startswith(("http://", "https://")):
                message = f"the mirror {show_url(mirror)} is neither a folder nor http(s)"
                raise FetchError(message)
            if mirror.startswith(("http://", "https://")):
                query = f"?{parts.query}" if parts.query else ""
                places.append(f"{mirror.rstrip('/')}/{host}/{path}{query}")
            elif ".." not in (names := unquote(path).replace("\\", "/").split("/")):
                places.append(Path(mirror, host, *names))
        places.append(url)
    return places


def _try_places(
    job: _Job,
    session: PacedSession,
    places: list[str | Path],
    urls: Sequence[str],
    offline: bool,
) -> str:
    failures: list[FetchError] = []
    for number, place in enumerate(places, 1):
        try:
            if isinstance(place, Path):
                return _copy_from_mirror(job, place)
            if not offline:
                patience = _PATIENCE if number == len(places) else _PATIENCE_ELSEWHERE
                return _download_url(job, session, place, patience)
        except FetchError as error:
            failures.append(error)
            if session.pace.left() <= 0:
                break
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
    address = f" from {printable(hide_password(urls[0]))}" if urls else ""
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
    with atomic_write(job.target) as temp:
        digest = job.check(copy_hashed(source, temp, *job.names), str(source), "it was not used")
    PartialFile(job.target).discard()
    job.progress(size, size)
    return digest


def _download_url(job: _Job, session: PacedSession, url: str, patience: float) -> str:
    part = PartialFile(job.target, *job.names)
    while True:
        _complete(job, session, url, part, patience)
        resumed = part.resumed
        try:
            digest = job.check(part.digests(), url, "the download was deleted")
            break
        except HashMismatch:
            part.discard()
            if not resumed:  # else it may be a mixture of two versions: once more, from the start
                raise
    part.sidecar.unlink(missing_ok=True)  # first: nobody looks for it once the target is there
    flush_and_rename(part.path, job.target)
    return digest


def _complete(
    job: _Job, session: PacedSession, url: str, part: PartialFile, patience: float
) -> None:
    """Complete `part`, trying again after temporary failures."""
    attempts = 0
    while True:
        before = part.size
        try:
            _transfer(job, session, url, part)
            return
        except TransientError as error:
            attempts = 1 if part.size - before >= _RETRY_RESET else attempts + 1
            # Random, so that many machines do not retry at the same instant.
            pause = max(error.wait, min(30.0, 0.5 * 2**attempts) * random.uniform(0.5, 1.0))
            patient = error.wait <= patience and pause < session.pace.left()
            if attempts > job.retries or not patient:
                message = f"{error}; gave up after {attempts} attempt{'s' * (attempts > 1)}"
                raise FetchError(message) from error
            sleep(pause)


def _transfer(job: _Job, session: PacedSession, url: str, part: PartialFile) -> None:
    """Complete `part`, from its current end if the server still has the same file."""
    version = part.version()
    done = part.size if version and version.url == url and version.validator else 0
    if version and done and done == version.total:
        part.resumed = True
        return  # complete: an earlier process died before the rename
    if version and done:
        headers = {"Range": f"bytes={done}-", "If-Range": version.validator}
        statuses = (200, 206, *_NO_RANGES)
        with open_url(
            session, url, headers=headers, timeout=job.timeout, statuses=statuses
        ) as response:
            continues = _continues(response, version, done)
            if continues or response.status_code == 200:
                part.resumed = continues
                _receive(job, session, response, url, part, done if continues else 0)
                return
        part.discard()  # the file on the server has changed, or the server has no ranges
    with open_url(session, url, timeout=job.timeout) as response:
        _receive(job, session, response, url, part, 0)


def _receive(
    job: _Job,
    session: PacedSession,
    response: requests.Response,
    url: str,
    part: PartialFile,
    done: int,
) -> None:
    """Append the body of a response to the bytes that are done; without any, start anew."""
    version = part.version() if done else None
    total = version.total if version else declared_length(response)
    if not done:
        _check_size(job, url, total)
        part.start(RemoteVersion.of(url, response.headers, total))
    part.hash_rest()
    limit = next(n for n in (job.size, total, MAX_BYTES) if n is not None)
    job.progress(done, total or job.size)
    with part.path.open("ab") as stream:
        for block in read_body(session, response, url, job.timeout):
            done += len(block)
            if done > limit:
                break
            stream.write(block)
            part.hash_block(block)
            job.progress(done, total or job.size)
    if done > limit:
        part.discard()
        message = f"cannot fetch {show_url(url)}: it sends more than the {limit} bytes expected"
        raise FetchError(message)
    expected = total if total is not None else job.size
    if expected is not None and done < expected:
        message = f"cannot fetch {show_url(url)}: it ended after {done} of {expected} bytes"
        raise TransientError(message)


def _continues(response: requests.Response, version: RemoteVersion, done: int) -> bool:
    """Return whether a response continues the version exactly where its first bytes end."""
    content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    fresh = RemoteVersion.of(version.url, response.headers, version.total)
    return (
        response.status_code == 206
        and content_range is not None
        and int(content_range[1]) == done
        and version.total in (None, int(content_range[2]))
        and fresh.etag in ("", version.etag)
        and fresh.modified in ("", version.modified)
    )


def _check_size(job: _Job, url: str, total: int | None) -> None:
    limit = MAX_BYTES if job.size is None else job.size
    if total is not None and (total > limit or (job.size is not None and total != job.size)):
        allowed = "at most" if job.size is None else "exactly"
        message = f"cannot fetch {show_url(url)}: it has {total} bytes; expected {allowed} {limit}"
        raise FetchError(message)
