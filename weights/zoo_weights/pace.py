"""Limits on an answer while it is read: time, average rate, and what is sent besides the body.

A timeout on each read is not enough: a server that sends a byte now and then never reaches it, and
one that sends headers without end fills the memory. So every byte of an answer, from the status
line on, passes through one reader that counts.
"""

from __future__ import annotations

import http.client
import io
import math
import re
import time
from email.errors import MissingHeaderBodySeparatorDefect
from typing import Any, ClassVar

from requests import Session
from requests.adapters import HTTPAdapter

from .errors import FetchError

MIN_RATE = 4_000
"""Bytes per second that a server must send, on average over `WINDOW`."""

WINDOW = 60.0
"""Seconds over which the rate is averaged."""

OVERHEAD = 1 << 20
"""Bytes that a server may send besides the body: headers, and the framing of small chunks..."""

FRAMING = 8
"""... and the bytes it may send for each byte of the body."""

_LENGTH = re.compile(r"[0-9]{1,18}")


class Pace:
    """The limits of one session, and what its current answer has used of them.

    Parameters
    ----------
    seconds
        Time for all answers together; None for no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self._end = time.monotonic() + self.seconds
        self.start("")

    def left(self) -> float:
        """Return the seconds left."""
        return self._end - time.monotonic()

    def start(self, shown: str) -> None:
        """Begin to count an answer anew; `shown` is its address in messages."""
        self._shown = shown
        self._received = self._body = self._counted = 0
        self._since = time.monotonic()

    def count_body(self, size: int) -> None:
        """Count bytes of the body that have reached the reader."""
        self._body += size

    def count(self, size: int) -> None:
        """Count bytes received; raise `FetchError` if a limit is exceeded."""
        self._received += size
        self.check_time()
        if self._received > OVERHEAD + FRAMING * self._body:
            message = f"cannot fetch {self._shown}: its headers or chunks never end"
            raise FetchError(message)
        elapsed = time.monotonic() - self._since
        if elapsed < WINDOW:
            return
        fresh = self._received - self._counted
        if fresh < MIN_RATE * elapsed:
            message = (
                f"cannot fetch {self._shown}: too slow, {fresh} bytes in "
                f"{elapsed:.0f} seconds; at least {MIN_RATE} a second are expected"
            )
            raise FetchError(message)
        self._counted, self._since = self._received, time.monotonic()

    def check_time(self) -> None:
        """Raise `FetchError` if no time is left."""
        if self.left() <= 0:
            message = f"cannot fetch {self._shown}: not done within {self.seconds:g} seconds"
            raise FetchError(message)


class _PacedReader(io.RawIOBase):
    """The bytes of a socket, counted; no read waits longer than the time left."""

    def __init__(self, raw: io.RawIOBase, sock: Any, pace: Pace) -> None:
        self._raw, self._sock, self._pace = raw, sock, pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._pace.check_time()
        left = self._pace.left()
        if left < (self._sock.gettimeout() or math.inf):
            self._sock.settimeout(max(left, 0.001))
        try:
            size = self._raw.readinto(buffer)
        except TimeoutError:
            self._pace.check_time()
            raise
        self._pace.count(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    """An answer read at a pace, refused where its headers leave open where its body ends."""

    pace: ClassVar[Pace]

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_PacedReader(raw, sock, self.pace))

    def begin(self) -> None:
        super().begin()
        lines = self.headers.get_all("Content-Length", [])
        lengths = {value.strip() for line in lines for value in line.split(",")}
        coding = self.headers.get("Transfer-Encoding", "identity").strip().lower()
        fault = ""
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
            fault = f"Content-Length {', '.join(sorted(lengths))}"
        elif coding not in ("identity", "chunked"):
            fault = f"Transfer-Encoding {coding}"
        elif any(isinstance(d, MissingHeaderBodySeparatorDefect) for d in self.headers.defects):
            fault = "a header line without a colon"
        if fault:
            raise http.client.HTTPException(fault)


class _PacedAdapter(HTTPAdapter):  # type: ignore[misc]
    """Makes the connections of a session, also those through proxies, read at its pace."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._response = type("PacedResponse", (_PacedResponse,), {"pace": pace})

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **options)
        kind = pool.ConnectionCls
        if getattr(kind, "response_class", None) is not self._response:
            pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": self._response})
        return pool


class PacedSession(Session):  # type: ignore[misc]
    """A session that uses the user's proxies and requests uncompressed bytes, within limits."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.pace = Pace(seconds)
        for scheme in ("http://", "https://"):
            self.mount(scheme, _PacedAdapter(self.pace))
        # Lengths and hashes are those of the stored bytes, so the transfer must not compress.
        self.headers.update({"User-Agent": "keras-zoo", "Accept-Encoding": "identity"})

    def get_redirect_target(self, response: Any) -> None:
        """Return no target: requests would read, and unpack, the body of every redirect."""
        return
