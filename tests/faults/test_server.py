"""A misbehaving server: every answer is the file or one sentence, in bounded time."""

from __future__ import annotations

import gzip
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_server import Server
from one_file import DATA, LEN, SHA, assert_only_the_file, fetch
from raw_server import RawServer, Reply, answer, chunk, chunked, for_ever, head, redirect, say

from zoo_weights import FetchError, FileRecord, Store, get_bytes
from zoo_weights.text import printable

OTHER = DATA[::-1]
PAGE = b"<html><form action=login>Please log in</form></html>"
LAST = b"0\r\n\r\n"
BOMB = gzip.compress(bytes(1 << 24))

RIGHT: dict[str, Reply] = {
    "plain": answer(body=DATA),
    "chunks": chunked(chunk(DATA[:7]), chunk(DATA[7:]), LAST),
    "chunk extensions": chunked(chunk(DATA, b';name="value"'), LAST),
    "trailers": chunked(chunk(DATA), b"0\r\nX-Check: 1\r\n\r\n"),
    "chunks of one byte": chunked(
        b"".join(chunk(DATA[i : i + 1]) for i in range(2000)), chunk(DATA[2000:]), LAST
    ),
    "chunks and a length": chunked(chunk(DATA), LAST, lines=("Content-Length: 5",)),
    "the same length twice": say(head(LEN, LEN), DATA),
    "no length": say(head(), DATA),
    "more than the length": say(head(LEN), DATA, b"and more"),
    "HTTP/1.0": say(f"HTTP/1.0 200 OK\r\n{LEN}\r\n\r\n".encode(), DATA),
    "no reason phrase": say(f"HTTP/1.1 200\r\n{LEN}\r\n\r\n".encode(), DATA),
    "bare line feeds": say(f"HTTP/1.1 200 OK\n{LEN}\n\n".encode(), DATA),
    "NUL in a header": say(head("X-Nul: a\0b", LEN), DATA),
    "an ETag of two lines": say(head('ETag: "a\r\n b"', LEN), DATA),
    "100 first": say(head(status="100 Continue"), head(LEN), DATA),
    "empty encoding": say(head("Content-Encoding: ", LEN), DATA),
    "a redirect": redirect("/plain"),
    "a redirect with a bomb": redirect("/plain", BOMB, "Content-Encoding: gzip"),
    "a redirect in UTF-8": redirect("/plain?caf\xc3\xa9"),
}
"""Odd, and yet the file."""

WRONG: dict[str, tuple[Reply, str]] = {
    "chunk size -5": (chunked(b"-5\r\nhello\r\n", LAST), "not valid HTTP"),
    "chunk size -1": (for_ever(bytes(65536), first=head("Transfer-Encoding: chunked") + b"-1\r\n"),
                      "never end"),
    "chunk size xyz": (chunked(b"xyz\r\nhello\r\n", LAST), "not valid HTTP"),
    "chunk size empty": (chunked(b"\r\nhello\r\n", LAST), "not valid HTTP"),
    "chunk size huge": (chunked(b"ffffffffffffffff\r\nhello"), "ended early"),
    "chunk size too large": (chunked(b"10\r\nhello\r\n"), "ended early"),
    "chunk size too small": (chunked(b"2\r\nhello\r\n", LAST), "not valid HTTP"),
    "no last chunk": (chunked(chunk(DATA[:100])), "ended early"),
    "endless size line": (for_ever(b"1" * 4096, first=head("Transfer-Encoding: chunked")),
                          "not valid HTTP|never end"),
    "endless extensions": (for_ever(b"1;" + b"x" * 60_000 + b"\r\na\r\n",
                                    first=head("Transfer-Encoding: chunked")), "never end"),
    "endless trailers": (for_ever(b"a: " + b"b" * 9999 + b"\r\n", first=chunk(DATA).join(
        [head("Transfer-Encoding: chunked"), b"0\r\n"])), "never end"),
    "transfer coding gzip": (say(head("Transfer-Encoding: gzip, chunked"), LAST), "not valid HTTP"),
    "length too small": (say(head("Content-Length: 10"), DATA), "has 10 bytes; expected exactly"),
    "length too large": (say(head("Content-Length: 100001"), DATA), "has 100001 bytes"),
    "length negative": (say(head("Content-Length: -5"), DATA), "Content-Length -5"),
    "length no number": (say(head("Content-Length: many"), DATA), "Content-Length many"),
    "length empty": (say(head("Content-Length: "), DATA), "Content-Length"),
    "length in other digits": (say(head("Content-Length: ¹²³"), DATA), "Content-Length"),
    "length of 5,000 digits": (say(head("Content-Length: " + "9" * 5000), DATA), "Content-Length"),
    "two lengths": (say(head(LEN, "Content-Length: 7"), DATA), "Content-Length"),
    "closes early": (say(head(LEN), DATA[:500]), "ended early"),
    "closes at once": (say(), "closed connection|reset"),
    "closes in the headers": (say(b"HTTP/1.1 200 OK\r\nContent-Le"), "without a colon"),
    "closes before the body": (say(head(LEN)), "ended early"),
    "endless headers": (for_ever(b"X-More: more\r\n", first=b"HTTP/1.1 200 OK\r\n"),
                        "more than 100 headers"),
    "an endless header": (for_ever(b"x" * 4096, first=b"HTTP/1.1 200 OK\r\nX: "), "not valid HTTP"),
    "an endless status": (for_ever(b"x" * 4096, first=b"HTTP/1.1 200 "), "not valid HTTP"),
    "a header without a colon": (say(head("what is this", LEN), DATA), "without a colon"),
    "a flood of 100": (for_ever(head("X: " + "x" * 9999, status="100 Continue")), "never end"),
    "a flood of 102": (for_ever(head(status="102 Processing")), "answered 102"),
    "switching protocols": (answer(status="101 Switching Protocols"), "answered 101"),
    "status 99": (answer(status="99 Odd"), "not valid HTTP"),
    "status abc": (answer(status="abc"), "not valid HTTP"),
    "HTTP/9": (say(b"HTTP/9.9 200 OK\r\n\r\n"), "not valid HTTP"),
    "HTTP/0.9": (say(PAGE), "not valid HTTP"),
    "not HTTP": (say(os.urandom(4000) + b"\r\n"), "not valid HTTP"),
    "a greeting of SSH": (say(b"SSH-2.0-OpenSSH_9.6\r\n"), "not valid HTTP"),
    "TLS to plain HTTP": (say(b"\x15\x03\x01\x00\x02\x02\x46\n"), "not valid HTTP"),
    "blank lines": (for_ever(b"\r\n"), "not valid HTTP"),
    "redirect to itself": (redirect("/{path}"), "more than 5 redirects"),
    "redirect in a circle": (redirect("/redirect%20back"), "more than 5 redirects"),
    "redirect to a file": (redirect("file:///etc/passwd"), "only http and https"),
    "redirect to FTP": (redirect("ftp://127.0.0.1/x"), "only http and https"),
    "redirect to data": (redirect("data:text/plain,hello"), "only http and https"),
    "redirect to a script": (redirect("javascript:alert(1)"), "only http and https"),
    "redirect to no host": (redirect("http://"), "more than 5 redirects"),
    "redirect to half a host": (redirect("http://[bad/x"), "not a usable address"),
    "redirect to no port": (redirect("http://127.0.0.1:port/"), "not a usable address"),
    "redirect to port 99999": (redirect("http://127.0.0.1:99999/"), "not a usable address"),
    "redirect with an escape": (redirect("file:///\x1b[2J"), r"\\x1b\[2J"),
    "redirect without a place": (answer(status="302 Found"), "answered 302"),
    "a choice": (answer(status="300 Multiple Choices", body=PAGE), "answered 300"),
    "206 unasked": (answer(f"Content-Range: bytes 0-9/{len(DATA)}", status="206 Partial Content",
                           body=DATA[:10]), "answered 206"),
    "204": (say(head(status="204 No Content")), "answered 204"),
    "gzip": (answer("Content-Encoding: gzip", body=gzip.compress(DATA)), "encoding 'gzip'"),
    "gzip of garbage": (answer("Content-Encoding: gzip", body=DATA), "encoding 'gzip'"),
    "a bomb": (answer("Content-Encoding: gzip", body=BOMB), "encoding 'gzip'"),
    "unknown encoding": (answer("Content-Encoding: a\x1b[2J", body=DATA), r"encoding 'a\\+x1b"),
    **{str(code): (answer(status=f"{code} {reason}", body=PAGE), f"answered {code} {reason}")
       for code, reason in {304: "Not Modified", 400: "Bad Request", 401: "Unauthorized",
                            403: "Forbidden", 404: "Not Found", 407: "Proxy", 410: "Gone",
                            416: "Range", 418: "Teapot", 429: "Too Many", 451: "Law",
                            500: "Error", 501: "No", 502: "Bad Gateway", 503: "Busy",
                            504: "Late", 511: "Log In", 599: "Odd", 999: "Denied"}.items()},
    "an escape in the reason": (answer(status="404 \x1b]0;title\x07"), r"404 \\x1b"),
    "a login page": (answer(body=PAGE), "has 52 bytes; expected exactly"),
    "a login page in chunks": (chunked(chunk(PAGE), LAST), "ended after 52 of 100000 bytes"),
    "an empty body": (answer(), "has 0 bytes"),
    "an empty body in chunks": (chunked(LAST), "ended after 0 of 100000 bytes"),
    "another file": (answer(body=OTHER), "is not the requested file"),
    "one wrong bit": (answer(body=DATA[:-1] + bytes([DATA[-1] ^ 1])), "is not the requested file"),
    "endless body": (for_ever(bytes(65536), first=head()), "more than the 100000 bytes"),
    "endless chunks": (for_ever(chunk(bytes(65536)), first=head("Transfer-Encoding: chunked")),
                       "more than the 100000 bytes"),
    "no first byte": (say(30.0), "not a byte for"),
    "stops in the headers": (say(b"HTTP/1.1 200 OK\r\n", 30.0), "not a byte for"),
    "stops in the body": (say(head(LEN), DATA[:500], 30.0), "not a byte for"),
    "drips headers": (for_ever(b"X", 0.05, first=b"HTTP/1.1 200 OK\r\n"), "too slow"),
    "drips a body": (for_ever(b"X", 0.05, first=head(LEN)), "too slow"),
    "drips chunks": (for_ever(b"1\r\nX\r\n", 0.05, first=head("Transfer-Encoding: chunked")),
                     "too slow"),
    "drips 100": (for_ever(head(status="100 Continue"), 0.05), "too slow"),
}  # fmt: skip
"""Each with words of its message."""

EXTRA: dict[str, Reply] = {"redirect%20back": redirect("/redirect%20in%20a%20circle"),
                           "plain?caf%C3%A9": answer(body=DATA)}  # fmt: skip


@pytest.fixture(scope="module")
def raw() -> Iterator[RawServer]:
    replies = {**RIGHT, **{name: reply for name, (reply, _) in WRONG.items()}}
    server = RawServer({**{quoted(name): reply for name, reply in replies.items()}, **EXTRA})
    yield server
    server.close()


@pytest.fixture(autouse=True)
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time over which the rate is averaged, where a test is about it."""
    if "drips" in request.node.name:
        monkeypatch.setattr("zoo_weights.pace.WINDOW", 0.5)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "x.bin"


def quoted(name: str) -> str:
    return name.replace(" ", "%20")


@pytest.mark.parametrize("name", RIGHT)
def test_an_odd_answer_that_is_the_file(name: str, raw: RawServer, target: Path) -> None:
    url = f"{raw.url}/{quoted(name)}"
    fetch(url, target=target)
    assert_only_the_file(target)
    assert get_bytes(url, max_bytes=len(DATA), seconds=5.0) == DATA


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_one_sentence_and_the_next_address_is_tried(
    name: str, raw: RawServer, target: Path
) -> None:
    url, good = f"{raw.url}/{quoted(name)}", f"{raw.url}/plain"
    start = time.monotonic()
    with pytest.raises(FetchError, match=WRONG[name][1]) as caught:
        fetch(url, target=target)
    text = str(caught.value)
    assert "\n" not in text
    assert printable(text, None) == text
    assert url in text
    assert not target.exists()
    fetch(url, good, target=target)
    assert_only_the_file(target)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("name", WRONG)
def test_the_input_of_a_wrong_answer_fails_alone(name: str, raw: RawServer) -> None:
    """Without a hash, some of these answers are files: another, an empty one, a login page."""
    start, message = time.monotonic(), "cannot fetch"
    try:
        body = get_bytes(f"{raw.url}/{quoted(name)}", max_bytes=200_000, seconds=0.7)
    except FetchError as error:
        body, message = b"", str(error)
    assert body in (OTHER, PAGE, DATA[:10], DATA, b"", DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert message.startswith("cannot fetch")
    assert printable(message, None) == message
    assert time.monotonic() - start < 4


def test_no_server_at_all(raw: RawServer, server: Server, target: Path) -> None:
    good = f"{raw.url}/plain"
    with socket.socket() as silent, socket.create_server(("127.0.0.1", 0)) as deaf:
        silent.bind(("127.0.0.1", 0))
        urls = {
            f"http://127.0.0.1:{silent.getsockname()[1]}/x": "refused",
            f"http://127.0.0.1:{deaf.getsockname()[1]}/x": "not a byte for",
            server.url.replace("http:", "https:") + "/x": "no encrypted connection",
            "http://no-such-host.invalid/x": "no-such-host",
            "http://127.0.0.1:0/x": "refused|assign|not a usable",
            "http:///x": "not a usable address",
            "http://[::1/x": "only http|not a usable address",
        }
        for url, message in urls.items():
            with pytest.raises(FetchError, match=message) as caught:
                fetch(url, target=target)
            assert url in str(caught.value)
        fetch(*urls, good, target=target)
    assert_only_the_file(target)


def test_a_proxy_is_no_better(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of a proxy, to a request and to a tunnel, have the same limits."""
    monkeypatch.delenv("NO_PROXY")
    flood = for_ever(b"X: " + b"x" * 9999 + b"\r\n", first=b"HTTP/1.1 200 OK\r\n")
    server = RawServer({"http://far.invalid/x": WRONG["chunk size -5"][0],
                        "http://far.invalid/y": RIGHT["plain"],
                        "far.invalid:443": flood})  # fmt: skip
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, server.url)
    with pytest.raises(FetchError, match=r"'http://far\.invalid/x': .* not valid HTTP"):
        fetch("http://far.invalid/x", target=target)
    with pytest.raises(FetchError, match=r"'https://far\.invalid/x': .*(never end|100 headers)"):
        fetch("https://far.invalid/x", target=target)
    fetch("http://far.invalid/y", target=target)
    assert_only_the_file(target)
    server.close()


def test_an_address_of_ip_version_6(target: Path) -> None:
    try:
        server = RawServer({"x": RIGHT["plain"]}, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    fetch(f"{server.url}/x", target=target)
    assert_only_the_file(target)
    server.close()


def test_a_record_of_several_addresses_needs_one_that_is_right(
    raw: RawServer, tmp_path: Path
) -> None:
    names = ("chunk size -5", "404", "redirect to half a host", "another file", "plain")
    record = FileRecord(urls=tuple(f"{raw.url}/{quoted(name)}" for name in names), sha256=SHA)
    assert Store(tmp_path / "cache").fetch(record).read_bytes() == DATA
