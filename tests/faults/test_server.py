"""A misbehaving server: every answer is the file or one sentence, in bounded time."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import chain, repeat
from pathlib import Path

import pytest
from raw_server import Ask, RawServer, Reply

from zoo_weights import FetchError, FileRecord, HashMismatch, Store, download, get_bytes

DATA = random.Random(3).randbytes(100_000)  # more than one block
SHA = hashlib.sha256(DATA).hexdigest()
OTHER = DATA[::-1]
PAGE = b"<html><form action=login>Please log in</form></html>"

OK, LEN = "200 OK", f"Content-Length: {len(DATA)}"


def head(*lines: str, status: str = OK) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "\r\n")).encode("latin-1")


def say(*parts: bytes | float) -> Reply:
    return lambda ask: parts


def answer(*lines: str, status: str = OK, body: bytes = b"") -> Reply:
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


def fetch(*urls: str, target: Path, retries: int = 0, seconds: float = 30.0) -> None:
    digest = download(urls, target, sha256=SHA, size=len(DATA), timeout=(5, 1.0), retries=retries,
                      seconds=seconds)  # fmt: skip
    assert digest == SHA


def assert_only_the_file(target: Path) -> None:
    assert target.read_bytes() == DATA
    assert {path.name for path in target.parent.iterdir()} == {"x.bin", ".x.bin.lock"}


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
    assert text.isprintable()
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
    assert message.isprintable()
    assert time.monotonic() - start < 4


# What may happen when a download is continued: (first answer, answer to the range).
FIRST = head('ETag: "1"', LEN)
BEGUN = 65_536  # a block: the bytes that a dropped connection leaves


def part(etag: str = '"1"', first: int = BEGUN, total: int = len(DATA)) -> bytes:
    place = f"Content-Range: bytes {first}-{total - 1}/{total}"
    length = f"Content-Length: {len(DATA) - BEGUN}"
    return head(f"ETag: {etag}", place, length, status="206 Partial Content")


RESUMED: dict[str, tuple[bytes | float, ...]] = {
    "the rest": (part(), DATA[BEGUN:]),
    "the whole file": (FIRST, DATA),
    "the whole file, changed": (head('ETag: "2"', LEN), DATA),
    "another ETag": (part('"2"'), OTHER[BEGUN:]),
    "another date": (part().replace(b"ETag", b"Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
                                            b"ETag"), OTHER[BEGUN:]),
    "another file under the same ETag": (part(), OTHER[BEGUN:]),
    "another place": (part(first=BEGUN - 1), DATA[BEGUN - 1 :]),
    "another size": (part(total=len(DATA) + 1), DATA[BEGUN:]),
    "no place": (head(f"Content-Length: {len(DATA) - BEGUN}", status="206 Partial Content"),
                 DATA[BEGUN:]),
    "a place in words": (head("Content-Range: bytes some-more/all", "Content-Length: 1",
                              status="206 Partial Content"), b"x"),
    "several parts": (head("Content-Type: multipart/byteranges; boundary=x", "Content-Length: 1",
                           status="206 Partial Content"), b"x"),
    "400": (head("Content-Length: 0", status="400 Bad Request"),),
    "412": (head("Content-Length: 0", status="412 Precondition Failed"),),
    "416": (head("Content-Length: 0", status="416 Range Not Satisfiable"),),
    "501": (head("Content-Length: 0", status="501 Not Implemented"),),
}  # fmt: skip


@pytest.mark.parametrize("name", RESUMED)
def test_whatever_continues_a_download_the_file_is_right(name: str, target: Path) -> None:
    """Two versions are never mixed: what does not fit is thrown away and begun again, once."""

    def reply(ask: Ask) -> tuple[bytes | float, ...]:
        if ask.start:
            assert ask.start == BEGUN
            return RESUMED[name]
        return (FIRST, DATA if ask.number else DATA[: BEGUN + 99])

    server = RawServer({"x": reply})
    with pytest.raises(FetchError, match="ended early"):  # the first process gives up here
        fetch(f"{server.url}/x", target=target)
    fetch(f"{server.url}/x", target=target)
    assert_only_the_file(target)
    assert len(server.asked) == (2 if "rest" in name or "whole" in name else 3)
    server.close()


def test_a_server_that_has_another_file_is_left_after_one_new_beginning(target: Path) -> None:
    replies: list[tuple[bytes, ...]] = [(FIRST, OTHER[: BEGUN + 99]), (part(), OTHER[BEGUN:])]
    server = RawServer({"x": lambda ask: replies[bool(ask.start)] if ask.number < 2
                        else (FIRST, OTHER), "good": RIGHT["plain"]})  # fmt: skip
    with pytest.raises(FetchError):
        fetch(f"{server.url}/x", target=target)
    with pytest.raises(HashMismatch, match="is not the requested file"):
        fetch(f"{server.url}/x", target=target)
    assert [ask.start for ask in server.asked] == [0, BEGUN, 0]
    fetch(f"{server.url}/x", f"{server.url}/good", target=target)
    assert_only_the_file(target)
    server.close()


LATER = {
    "3600": "in 3600 seconds", "61": "in 61 seconds", "0061": "in 61 seconds",
    "99999999999999999999999": "in 31622400 seconds",
    formatdate(time.time() + 7300, usegmt=True): r"in 7[23]\d\d seconds \(20",
    "Fri, 31 Dec 9999 23:59:59 GMT": "in 31622400 seconds",
}  # fmt: skip


@pytest.mark.parametrize("value", LATER)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
def test_a_long_retry_after_is_told_and_the_next_address_tried(
    value: str, status: str, target: Path
) -> None:
    server = RawServer({"x": answer(f"Retry-After: {value}", status=status),
                        "good": RIGHT["plain"]})  # fmt: skip
    start = time.monotonic()
    with pytest.raises(FetchError, match=f"asks to try again {LATER[value]}"):
        fetch(f"{server.url}/x", target=target, retries=4)
    assert len(server.asked) == 1
    with pytest.raises(FetchError, match=f"asks to try again {LATER[value]}"):
        get_bytes(f"{server.url}/x", max_bytes=9, seconds=5.0)
    fetch(f"{server.url}/x", f"{server.url}/good", target=target, retries=4)
    assert time.monotonic() - start < 20
    server.close()


def test_a_short_retry_after_is_kept(target: Path) -> None:
    times: list[float] = []

    def reply(ask: Ask) -> tuple[bytes | float, ...]:
        times.append(time.monotonic())
        if ask.number < 1:
            return (head("Retry-After: 2", "Content-Length: 0", status="429 Wait"),)
        return (head(LEN), DATA)

    server = RawServer({"x": reply})
    fetch(f"{server.url}/x", target=target, retries=4)
    assert times[1] - times[0] >= 2
    server.close()


@pytest.mark.parametrize(
    "value", ["", "-5", "soon", "1.5e9", "0", "¹", "Sat, 01 Jan 2000 00:00:00 GMT",
              "Sat, 99 Jan 9999 99:99:99 GMT"],
)  # fmt: skip
def test_a_retry_after_that_says_nothing_is_retried_as_without(
    value: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo_weights.fetch.random.uniform", lambda low, high: 0.01)

    def reply(ask: Ask) -> tuple[bytes | float, ...]:
        if ask.number < 1:
            return (head(f"Retry-After: {value}", "Content-Length: 0", status="503 Busy"),)
        return (head(LEN), DATA)

    server = RawServer({"x": reply})
    fetch(f"{server.url}/x", target=target, retries=1)
    assert len(server.asked) == 2
    server.close()


def test_five_requests_take_more_than_seven_seconds(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("zoo_weights.fetch.random.uniform", lambda low, high: low)
    monkeypatch.setattr("zoo_weights.fetch.sleep", slept.append)
    server = RawServer({"x": answer(status="503 Busy")})
    with pytest.raises(FetchError, match="gave up after 5 attempts"):
        fetch(f"{server.url}/x", target=target, retries=4, seconds=60)
    assert len(server.asked) == 5
    assert sum(slept) > 7
    server.close()


def test_everything_together_ends_in_time(target: Path) -> None:
    """Each address alone would be within its limits; the waits between them too."""
    server = RawServer({"x": for_ever(bytes(300), 0.01, first=head(LEN)),
                        "busy": answer(status="503 Busy")})  # fmt: skip
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"not done within 1 seconds"):
        fetch(*[f"{server.url}/x"] * 5, target=target, retries=4, seconds=1.0)
    with pytest.raises(FetchError, match="answered 503"):
        fetch(*[f"{server.url}/busy"] * 5, target=target, retries=9, seconds=1.5)
    assert time.monotonic() - start < 20
    server.close()


def test_no_server_at_all(raw: RawServer, target: Path) -> None:
    good = f"{raw.url}/plain"
    with socket.socket() as silent, socket.create_server(("127.0.0.1", 0)) as deaf:
        silent.bind(("127.0.0.1", 0))
        urls = {
            f"http://127.0.0.1:{silent.getsockname()[1]}/x": "refused",
            f"http://127.0.0.1:{deaf.getsockname()[1]}/x": "not a byte for",
            f"https://127.0.0.1:{raw.port}/plain": "no encrypted connection|not a byte for",
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
