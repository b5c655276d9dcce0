"""One careful HTTP GET: http and https only, each redirect checked, failures classified.

Failures that may be temporary are `TransientError`; all others are plain `FetchError`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from .errors import FetchError, OfflineError
from .text import printable, show_url

if TYPE_CHECKING:
    import requests

    from .pace import PacedSession

BLOCK = 1 << 16  # bytes per read; a dropped connection loses less than this
MAX_REDIRECTS = 5
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses worth a retry
_YEAR = 366 * 86400


class TransientError(FetchError):
    """A failure that a retry may cure; `wait` is how many seconds the server asks to be left."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def new_session(seconds: float | None = None) -> PacedSession:
    """Return a session whose answers, all together, may take so many seconds (None: no limit)."""
    from .pace import PacedSession

    return PacedSession(seconds)


def open_url(
    session: PacedSession,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    timeout: tuple[float, float] = (10, 30),
    statuses: tuple[int, ...] = (200,),
) -> requests.Response:
    """Send one GET and return the response with its body unread.

    Redirects are followed here, not by requests: each address is checked before anything is sent
    to it, so no server can redirect to a local file, or from https to http.

    Raises
    ------
    FetchError
        A bad address or redirect, an answer that is not HTTP, an encoded body, a status not in
        `statuses`, no time left.
    TransientError
        No connection, a timeout, a busy server.
    """
    origin = url
    for _ in range(MAX_REDIRECTS + 1):
        shown = show_url(url)
        if url != origin:
            shown += f" (redirected from {show_url(origin)})"
        _check_scheme(url, shown)
        session.pace.start(shown)
        session.pace.check_time()
        limits = (max(0.001, min(timeout[0], session.pace.left())), timeout[1])
        with _classified(shown, limits):
            response = session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=limits
            )
            location = response.headers["Location"] if response.is_redirect else None
        if location is None:
            return _check(response, shown, statuses)
        response.close()
        url = _redirect(origin, url, location)
    message = f"cannot fetch {show_url(origin)}: more than {MAX_REDIRECTS} redirects"
    raise FetchError(message)


def read_body(
    session: PacedSession, response: requests.Response, url: str, timeout: tuple[float, float]
) -> Iterator[bytes]:
    """Yield the body of a response in blocks.

    Raises
    ------
    FetchError
        The body is not HTTP, or comes too slowly.
    TransientError
        It ended early.
    """
    blocks = response.iter_content(BLOCK)
    while True:
        with _classified(show_url(url), timeout):
            block = next(blocks, None)
        if block is None:
            return
        session.pace.count_body(len(block))
        yield block


@contextmanager
def _classified(shown: str, timeout: tuple[float, float]) -> Iterator[None]:
    """Raise whatever an answer makes requests and the libraries below it raise as `FetchError`."""
    try:
        yield
    except FetchError:
        raise
    except Exception as error:
        raise _classify_failure(error, shown, timeout) from error


def _classify_failure(error: Exception, shown: str, timeout: tuple[float, float]) -> FetchError:
    """Return any exception as one sentence, `TransientError` if a retry may help."""
    from http.client import IncompleteRead
    from ssl import SSLCertVerificationError, SSLEOFError, SSLError

    from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL, MissingSchema
    from urllib3.exceptions import InvalidChunkLength, LocationValueError, NewConnectionError
    from urllib3.exceptions import TimeoutError as UrllibTimeout

    prefix = f"cannot fetch {shown}: "
    cause = _root_cause(error)
    reason = printable(str(cause).rsplit(": ", 1)[-1].strip("'\")> ")) or type(cause).__name__
    if isinstance(error, (InvalidURL, InvalidSchema, MissingSchema, LocationValueError)):
        return FetchError(f"{prefix}not a usable address ({reason})")
    if isinstance(error, ConnectTimeout):
        return TransientError(f"{prefix}no connection within {timeout[0]:g} seconds")
    if isinstance(cause, NewConnectionError):
        return TransientError(f"{prefix}{reason}")
    if isinstance(cause, (UrllibTimeout, TimeoutError)):
        return TransientError(f"{prefix}not a byte for {timeout[1]:g} seconds")
    if isinstance(cause, SSLCertVerificationError):
        return FetchError(f"{prefix}its certificate was not accepted ({reason})")
    if isinstance(cause, SSLError) and not isinstance(cause, SSLEOFError):
        return FetchError(f"{prefix}no encrypted connection ({reason})")
    bad_size = isinstance(cause, InvalidChunkLength) and cause.length
    if (isinstance(cause, IncompleteRead) and not bad_size) or "prematurely" in reason:
        return TransientError(f"{prefix}the answer ended early")
    if isinstance(cause, OSError):
        return TransientError(f"{prefix}{reason}")
    return FetchError(f"{prefix}the answer is not valid HTTP ({reason})")


def _root_cause(error: BaseException) -> BaseException:
    """Return the exception at the root of those that requests and urllib3 wrap around it."""
    while True:
        inside = (getattr(error, "reason", None), *error.args)
        inner = next((part for part in inside if isinstance(part, BaseException)), None)
        if inner is None:
            return error
        error = inner


def _redirect(origin: str, url: str, location: str) -> str:
    """Return the address that a redirect leads to."""
    try:
        # As browsers do: headers are Latin-1, addresses in them often UTF-8.
        target = urljoin(url, location.encode("latin-1").decode("utf-8", "replace"))
        leaves_https = urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"
    except ValueError as error:
        message = (
            f"cannot fetch {show_url(origin)}: it redirects to {show_url(location)}, "
            "which is not a usable address"
        )
        raise FetchError(message) from error
    if leaves_https:
        message = (
            f"cannot fetch {show_url(origin)}: it redirects from https to "
            f"{show_url(target)}; an encrypted address may lead to https only"
        )
        raise FetchError(message)
    return target


def get_bytes(url: str, *, max_bytes: int, seconds: float, offline: bool = False) -> bytes:
    """Fetch a small file that the user named, such as a photo, into memory.

    Parameters
    ----------
    url
        An http or https address.
    max_bytes
        Maximum size of the body.
    seconds
        Time limit for name lookup, redirects and body together.
    offline
        Raise `OfflineError` without trying.

    Returns
    -------
    bytes
        The body.

    Raises
    ------
    OfflineError
        If `offline`.
    FetchError
        Any other failure, in one sentence.
    """
    if offline:
        message = f"cannot fetch {show_url(url)}: zoo is offline; give a local file"
        raise OfflineError(message)
    outcome: list[bytes | Exception] = []

    def work() -> None:
        try:
            outcome.append(_read_small(url, max_bytes, seconds))
        except Exception as error:  # re-raised in the caller's thread
            outcome.append(error)

    # A server that sends a byte now and then defeats any timeout on a single read, and a name
    # lookup has no timeout at all: only a second thread lets the caller return on time.
    thread = threading.Thread(target=work, name="zoo-get-bytes", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        message = f"cannot fetch {show_url(url)}: not done within {seconds:g} seconds"
        raise FetchError(message)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _read_small(url: str, max_bytes: int, seconds: float) -> bytes:
    timeout = (min(10.0, seconds), seconds)
    too_much = f"cannot fetch {show_url(url)}: larger than the {max_bytes} bytes allowed"
    body = bytearray()
    with new_session(seconds) as session, open_url(session, url, timeout=timeout) as response:
        if (declared_length(response) or 0) > max_bytes:
            raise FetchError(too_much)
        for block in read_body(session, response, url, timeout):
            body += block
            if len(body) > max_bytes:
                raise FetchError(too_much)
    return bytes(body)


def declared_length(response: requests.Response) -> int | None:
    """Return the Content-Length of a response in bytes, None if the body says where it ends."""
    value = response.headers.get("Content-Length")
    if value is None or "Transfer-Encoding" in response.headers:
        return None
    return int(value.partition(",")[0])  # if there are several, they are equal


def _check(response: requests.Response, shown: str, statuses: tuple[int, ...]) -> requests.Response:
    status = response.status_code
    encoding = response.headers.get("Content-Encoding", "").strip()
    if status not in statuses:
        response.close()
        reason = printable(str(response.reason or ""), 60)
        message = f"cannot fetch {shown}: the server answered {status} {reason}".rstrip()
        if status not in _TRANSIENT:
            raise FetchError(message)
        wait = _seconds_to_wait(response.headers.get("Retry-After", ""))
        if wait:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() + wait))
            message += f" and asks to try again in {wait:.0f} seconds ({when})"
        raise TransientError(message, wait)
    if encoding.lower() not in ("", "identity"):
        response.close()
        message = (
            f"cannot fetch {shown}: sent in encoding {printable(encoding, 40)!r}, "
            "although plain bytes were requested"
        )
        raise FetchError(message)
    return response


def _seconds_to_wait(value: str) -> float:
    """Return the seconds that a Retry-After (a number or a date) asks for; 0 if it is neither."""
    from email.utils import parsedate_to_datetime

    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), _YEAR)) if len(value) < 10 else float(_YEAR)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return max(0.0, min(seconds, float(_YEAR)))


def _check_scheme(url: str, shown: str) -> None:
    try:
        good = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        good = False
    if not good:
        message = f"cannot fetch {shown}: only http and https addresses are fetched"
        raise FetchError(message)
