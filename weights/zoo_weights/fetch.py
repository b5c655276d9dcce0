"""Downloading: resumed where it stopped, checked before it has its name, once for all processes.

Every url is tried in order, each first in the mirrors. A file that does not have the hash of its
record never gets its final name.
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
from .files import copy_hashed, hash_file, settle
from .partial import Origin, Part
from .text import printable
from .web import (
    BLOCK,
    TryAgain,
    declared_length,
    get_bytes,
    new_session,
    open_url,
    sorted_failure,
)

if TYPE_CHECKING:
    import requests

__all__ = ["Progress", "download", "get_bytes"]

Progress = Callable[[int, int | None], None]

MAX_BYTES = 16 << 30  # accepted where neither record nor server says how much will come
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_MUCH = 1 << 20  # an attempt that brought this many bytes was worth it: count retries anew


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
    """Bring a file to `target`, unless it is there already.

    Parameters
    ----------
    urls
        http(s) addresses of the same file, in the order to try.
    target
        Final path; missing folders are made.
    sha256, md5
        Lower-case hex digests it must have.
    size
        Bytes it must have.
    mirrors
        Folders or http(s) addresses tried first, as ``<mirror>/<host>/<path>``.
    offline
        Use folders only.
    progress
        Called with bytes done and bytes in all (None where unknown).
    timeout
        Seconds to wait for a connection, and for the next bytes.
    retries
        Further attempts after a failure that may pass, for each address.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    HashMismatch
        What came, or what was at `target` already, is another file.
    OfflineError
        Offline, and in none of the mirror folders.
    FetchError
        Anything else that went wrong.
    """
    from filelock import FileLock

    job = _Job(target, sha256, md5, size, progress or (lambda done, total: None), timeout, retries)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if target.is_file():  # another process was first
                digests = hash_file(target, *job.names)
                return job.checked(digests, str(target), "it was left as it is")
            return _first_that_works(job, urls, mirrors, offline)
    except OSError as error:
        message = f"cannot write {str(target)!r}: {error.strerror or error}"
        raise FetchError(message) from error


class _Job:
    """One wanted file: where it goes, how it is recognised, how patient to be."""

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
        self.wanted = {"sha256": sha256, "md5": md5}
        self.names = ("sha256", "md5") if md5 else ("sha256",)

    def checked(self, digests: dict[str, str], where: str, done: str) -> str:
        """Return the SHA-256 if the digests are the wanted ones."""
        for name, want in self.wanted.items():
            if want and digests[name] != want:
                message = (
                    f"{printable(where)} is not the file that was asked for: expected {name} "
                    f"{want}, got {digests[name]}; {done}. Either it was replaced by its "
                    "publisher, or something in between (a proxy, a login page) answered instead"
                )
                raise HashMismatch(message)
        return digests["sha256"]


def _places(urls: Sequence[str], mirrors: Sequence[str | os.PathLike[str]]) -> list[str | Path]:
    """Return where to look, in order: each url's place in every mirror, then the url itself."""
    places: list[str | Path] = []
    for url in urls:
        parts = urlsplit(url if "[" not in url else "")  # no mirror is laid out by IPv6 address
        host, path = parts.hostname or "", parts.path.lstrip("/")
        for mirror in [os.fspath(mirror) for mirror in mirrors if host]:
            if mirror.startswith(("http://", "https://")):
                query = f"?{parts.query}" if parts.query else ""
                places.append(f"{mirror.rstrip('/')}/{host}/{path}{query}")
            elif ".." not in (names := unquote(path).replace("\\", "/").split("/")):
                places.append(Path(mirror, host, *names))
        places.append(url)
    return places


def _first_that_works(
    job: _Job, urls: Sequence[str], mirrors: Sequence[str | os.PathLike[str]], offline: bool
) -> str:
    places = _places(urls, mirrors)
    failures: list[FetchError] = []
    with new_session() as session:
        for place in places:
            try:
                if isinstance(place, Path):
                    return _from_folder(job, place)
                if not offline:
                    return _from_web(job, session, place)
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
        f"file {job.target.name!r} is not on this machine and zoo is offline; it was looked for "
        f"at {str(job.target)!r}. Download it{address} on another machine and add it here with "
        f"`zoo weights add`{reasons}"
    )
    raise HashMismatch(message) if kind is HashMismatch else OfflineError(message)


def _from_folder(job: _Job, source: Path) -> str:
    """Copy from a mirror folder; a link in it may lead anywhere, since its owner is the user."""
    if not source.is_file():
        message = f"not in the mirror: {printable(str(source))}"
        raise FetchError(message)
    size = source.stat().st_size
    if job.size is not None and size != job.size:
        message = f"{printable(str(source))} has {size} bytes; {job.size} are expected"
        raise FetchError(message)
    temp = job.target.with_name(f".{job.target.name}.copy")  # the lock makes this name ours
    try:
        digest = job.checked(copy_hashed(source, temp, *job.names), str(source), "it was not taken")
        settle(temp, job.target)
    finally:
        temp.unlink(missing_ok=True)
    job.progress(size, size)
    return digest


def _from_web(job: _Job, session: requests.Session, url: str) -> str:
    part = Part(job.target, *job.names)
    failed = 0
    while True:
        before = part.size
        try:
            _transfer(job, session, url, part)
            break
        except TryAgain as error:
            failed = 1 if part.size - before >= _MUCH else failed + 1
            if failed > job.retries:
                message = f"{error}; gave up after {failed} attempt{'s' * (failed > 1)}"
                raise FetchError(message) from error
            # Random, so that many machines do not come back in the same instant.
            time.sleep(min(30.0, 0.3 * 2**failed) * random.uniform(0.5, 1.0))
    try:
        digest = job.checked(part.digests(), url, "what came was deleted")
    except HashMismatch:
        part.discard()
        raise
    settle(part.path, job.target)
    part.discard()
    return digest


def _transfer(job: _Job, session: requests.Session, url: str, part: Part) -> None:
    """Bring `part` to its end, from where it stands if the server still has the same file."""
    import requests

    origin = part.origin()
    done = part.size if origin and origin.url == url and origin.validator else 0
    if origin and done and done == origin.total:
        return  # complete: an earlier process died just before the end
    headers = {"Range": f"bytes={done}-", "If-Range": origin.validator} if origin and done else {}
    statuses = (200, 206, 416) if done else (200,)
    with open_url(session, url, headers=headers, timeout=job.timeout, statuses=statuses) as answer:
        if origin and answer.status_code != 200:
            _check_continues(answer, origin, done, part)
            total = origin.total
        else:
            done, total = 0, declared_length(answer)
            _check_size(job, url, total)
            part.begin(Origin.of(url, answer.headers, total))
        part.catch_up()
        limit = next(n for n in (job.size, total, MAX_BYTES) if n is not None)
        job.progress(done, total or job.size)
        try:
            with part.path.open("ab") as stream:
                for block in answer.iter_content(BLOCK):
                    done += len(block)
                    if done > limit:
                        break
                    stream.write(block)
                    part.feed(block)
                    job.progress(done, total or job.size)
        except requests.RequestException as error:
            raise sorted_failure(error, url, job.timeout) from error
    if done > limit:
        part.discard()
        message = f"cannot fetch {printable(url)!r}: it sends more than the {limit} bytes expected"
        raise FetchError(message)
    expected = total if total is not None else job.size
    if expected is not None and done < expected:
        message = f"cannot fetch {printable(url)!r}: it ended after {done} of {expected} bytes"
        raise TryAgain(message)


def _check_continues(answer: requests.Response, origin: Origin, done: int, part: Part) -> None:
    """Make sure that a 206 carries on exactly where the part file ends; anything else restarts."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    fresh = Origin.of(origin.url, answer.headers, origin.total)
    same = (
        answer.status_code == 206
        and found is not None
        and int(found[1]) == done
        and origin.total in (None, int(found[2]))
        and fresh.etag in ("", origin.etag)
        and fresh.modified in ("", origin.modified)
    )
    if not same:
        part.discard()
        message = (
            f"cannot fetch {printable(origin.url)!r}: the file changed on the server meanwhile"
        )
        raise TryAgain(message)


def _check_size(job: _Job, url: str, total: int | None) -> None:
    limit = MAX_BYTES if job.size is None else job.size
    if total is not None and (total > limit or (job.size is not None and total != job.size)):
        allowed = "at most" if job.size is None else "exactly"
        message = (
            f"cannot fetch {printable(url)!r}: it has {total} bytes; expected {allowed} {limit}"
        )
        raise FetchError(message)
