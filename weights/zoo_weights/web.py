"""One careful HTTP GET: http and https only, each redirect checked, failures classified.

Failures that may be temporary are `TransientError`; all others are plain `FetchError`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from .errors import FetchError, OfflineError
from .text import printable

if TYPE_CHECKING:
    import requests

BLOCK = 1 << 16  # bytes per read; a dropped connection loses less than this
MAX_REDIRECTS = 5
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses worth a retry


class TransientError(FetchError):
    """A failure that a retry may cure."""


def new_session() -> requests.Session:
    """Return a session that uses the user's proxies and requests uncompressed bytes."""
    import requests

    session = requests.Session()
    # Lengths and hashes are those of the stored bytes, so the transfer must not compress.
    session.headers.update({"User-Agent": "keras-zoo", "Accept-Encoding": "identity"})
    return session


def open_url(
    session: requests.Session,
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
        A bad address or redirect, an encoded body, a status not in `statuses`.
    TransientError
        No connection, a timeout, a busy server.
    """
    import requests

    origin = url
    for _ in range(MAX_REDIRECTS + 1):
        _check_scheme(url, origin)
        try:
            response = session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=timeout
            )
            location = session.get_redirect_target(response)
        except requests.RequestException as error:
            raise classify_failure(error, url, timeout) from error
        except (ValueError, UnicodeError) as error:
            message = f"cannot fetch {printable(url)!r}: not a usable address"
            raise FetchError(message) from error
        if location is None:
            return _check(response, url, statuses)
        response.close()
        target = urljoin(url, location)
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            message = (
                f"cannot fetch {printable(origin)!r}: it redirects from https to "
                f"{printable(target)!r}; an encrypted address may lead to https only"
            )
            raise FetchError(message)
        url = target
    message = f"cannot fetch {printable(origin)!r}: more than {MAX_REDIRECTS} redirects"
    raise FetchError(message)


def classify_failure(error: Exception, url: str, timeout: tuple[float, float]) -> FetchError:
    """Return an exception of `requests` as one sentence, `TransientError` if a retry may help."""
    import requests

    prefix = f"cannot fetch {printable(url)!r}: "
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError(f"{prefix}its certificate was not accepted ({_root_cause(error)})")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return TransientError(f"{prefix}no connection within {timeout[0]:g} seconds")
    if isinstance(error, requests.exceptions.Timeout):
        return TransientError(f"{prefix}not a byte for {timeout[1]:g} seconds")
    if isinstance(error, ValueError):  # requests' errors about the address itself are ValueErrors
        return FetchError(f"{prefix}not a usable address ({_root_cause(error)})")
    return TransientError(f"{prefix}{_root_cause(error)}")


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
        message = f"cannot fetch {printable(url)!r}: zoo is offline; give a local file"
        raise OfflineError(message)
    outcome: list[bytes | Exception] = []

    def work() -> None:
        try:
            outcome.append(_read_body(url, max_bytes, seconds))
        except Exception as error:  # re-raised in the caller's thread
            outcome.append(error)

    # A server that sends a byte now and then defeats any timeout on a single read, and a name
    # lookup has no timeout at all: only a second thread lets the caller return on time.
    thread = threading.Thread(target=work, name="zoo-get-bytes", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        message = f"cannot fetch {printable(url)!r}: not done within {seconds:g} seconds"
        raise FetchError(message)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _read_body(url: str, max_bytes: int, seconds: float) -> bytes:
    import requests

    deadline = time.monotonic() + seconds
    timeout = (min(10.0, seconds), seconds)
    too_much = f"cannot fetch {printable(url)!r}: larger than the {max_bytes} bytes allowed"
    body = bytearray()
    with new_session() as session, open_url(session, url, timeout=timeout) as response:
        if (declared_length(response) or 0) > max_bytes:
            raise FetchError(too_much)
        try:
            for block in response.iter_content(min(BLOCK, max_bytes + 1)):
                body += block
                if len(body) > max_bytes:
                    raise FetchError(too_much)
                if time.monotonic() > deadline:
                    break  # the caller has returned
        except requests.RequestException as error:
            raise classify_failure(error, url, timeout) from error
    return bytes(body)


def declared_length(response: requests.Response) -> int | None:
    """Return the Content-Length of a response in bytes, None if missing or invalid."""
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _check(response: requests.Response, url: str, statuses: tuple[int, ...]) -> requests.Response:
    status = response.status_code
    encoding = response.headers.get("Content-Encoding", "identity")
    if status not in statuses:
        response.close()
        reason = printable(str(response.reason or ""), 60)
        message = f"cannot fetch {printable(url)!r}: the server answered {status} {reason}".rstrip()
        raise (TransientError if status in _TRANSIENT else FetchError)(message)
    if encoding.lower() != "identity":
        response.close()
        message = (
            f"cannot fetch {printable(url)!r}: sent in encoding {printable(encoding, 40)!r}, "
            "although plain bytes were requested"
        )
        raise FetchError(message)
    return response


def _check_scheme(url: str, origin: str) -> None:
    try:
        good = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        good = False
    if not good:
        how = "" if url == origin else f" (redirected from {printable(origin)!r})"
        message = f"cannot fetch {printable(url)!r}{how}: only http and https addresses are fetched"
        raise FetchError(message)


def _root_cause(error: BaseException) -> str:
    """Return the last clause of the root cause, which requests wraps in three layers."""
    while True:
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    return printable(str(error).rsplit(": ", 1)[-1].strip("'\")> ")) or type(error).__name__
