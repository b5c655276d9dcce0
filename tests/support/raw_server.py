"""A server that answers with the bytes it is told, whether they are HTTP or not."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat


@dataclass(frozen=True)
class Ask:
    """A request: its path, the first byte of its range (0 for all), and how many came before."""

    path: str
    start: int
    number: int
    port: int


Reply = Callable[[Ask], Iterable[bytes | float]]
"""What is sent, in order; a number is a pause in seconds."""


class RawServer:
    """Replies by path; every answer ends with the end of the connection."""

    def __init__(self, replies: dict[str, Reply], host: str = "127.0.0.1") -> None:
        self.replies = replies
        self.asked: list[Ask] = []
        self._closed = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family, backlog=64)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    block = connection.recv(65536)
                    if not block:
                        return
                    request += block
                ask = self._read(request.decode("latin-1"))
                for part in self.replies[ask.path](ask):
                    if isinstance(part, float):
                        self._closed.wait(part)
                    else:
                        connection.sendall(part)
                    if self._closed.is_set():
                        return
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.5)
                while connection.recv(65536):  # so that the client sees an end, not a reset
                    pass
            except (OSError, IndexError):
                return

    def _read(self, request: str) -> Ask:
        path = request.split(" ", 2)[1].lstrip("/")
        match = re.search(r"^range: bytes=(\d+)-", request, re.MULTILINE | re.IGNORECASE)
        number = sum(ask.path == path for ask in self.asked)
        ask = Ask(path, int(match[1]) if match else 0, number, self.port)
        self.asked.append(ask)
        return ask


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "\r\n")).encode("latin-1")


def say(*parts: bytes | float) -> Reply:
    return lambda ask: parts


def answer(*lines: str, status: str = "200 OK", body: bytes = b"") -> Reply:
    return say(head(*lines, f"Content-Length: {len(body)}", status=status), body)


def chunked(*parts: bytes, lines: tuple[str, ...] = ()) -> Reply:
    return say(head("Transfer-Encoding: chunked", *lines), *parts)


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def for_ever(*parts: bytes | float, first: bytes = b"") -> Reply:
    return lambda ask: chain([first], (part for _ in repeat(None) for part in parts))


def redirect(place: str, body: bytes = b"", *lines: str) -> Reply:
    """A redirect; ``{port}`` and ``{path}`` in the place are those of the request."""

    def reply(ask: Ask) -> Iterator[bytes]:
        where = place.format(port=ask.port, path=ask.path)
        yield head(f"Location: {where}", *lines, f"Content-Length: {len(body)}", status="302 Found")
        yield body

    return reply
