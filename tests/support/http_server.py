"""A real HTTP server with bad habits, for tests of downloads."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """One address of the server and how it misbehaves."""

    body: bytes = b""
    etag: str = '"v1"'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drops: list[int] = field(default_factory=list)  # hang up after so many bytes, once each
    ignores_range: bool = False
    declares: int | None = None  # a false Content-Length
    chunked: bool = False
    pause: float = 0.0  # seconds before every 64 KiB
    failures: list[int] = field(default_factory=list)  # statuses to send first
    after: Callable[[Page], None] = lambda page: None


class Server:
    """Pages by path, and a record of the requests."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        # Many tests are about clients that hang up.
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def page(self, path: str, body: bytes = b"", **habits: object) -> str:
        self.pages[path] = Page(body, **habits)  # type: ignore[arg-type]
        return self.url + path

    def ranges(self, path: str) -> list[str | None]:
        return [header for name, header in self.requests if name == path]

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                server.requests.append((self.path, self.headers["Range"]))
                page = server.pages.get(self.path) or Page(status=404)
                try:
                    server._answer(self, page)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        return Handler

    def _answer(self, to: BaseHTTPRequestHandler, page: Page) -> None:
        status, start = (page.failures.pop(0) if page.failures else page.status), 0
        match = re.fullmatch(r"bytes=(\d+)-", to.headers["Range"] or "")
        fresh = to.headers["If-Range"] in (None, page.etag)
        if match and status == 200 and fresh and not page.ignores_range:
            start = int(match[1])
            status = 206 if start < len(page.body) else 416
        body = page.body[start:] if status in (200, 206) else b""
        to.send_response(status)
        if status == 206:
            to.send_header("Content-Range", f"bytes {start}-{len(page.body) - 1}/{len(page.body)}")
        if page.etag:
            to.send_header("ETag", page.etag)
        for name, value in page.headers.items():
            to.send_header(name, value)
        if page.chunked:
            to.send_header("Transfer-Encoding", "chunked")
        else:
            to.send_header(
                "Content-Length", str(len(body) if page.declares is None else page.declares)
            )
        to.end_headers()
        stop = page.drops.pop(0) if page.drops and body else None
        for place in range(0, len(body[:stop]), 65536):
            time.sleep(page.pause)
            block = body[:stop][place : place + 65536]
            to.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if page.chunked else block)
        if page.chunked and stop is None:
            to.wfile.write(b"0\r\n\r\n")
        to.wfile.flush()
        page.after(page)
        if stop is not None or page.declares is not None:
            to.close_connection = True
