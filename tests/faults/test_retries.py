"""Downloads that are continued, or told to wait: the right file, and an end to every wait."""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path

import pytest
from one_file import DATA, LEN, assert_only_the_file, fetch
from raw_server import Ask, RawServer, answer, for_ever, head

from zoo_weights import FetchError, HashMismatch, get_bytes

OTHER = DATA[::-1]
RIGHT = answer(body=DATA)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "x.bin"


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
                        else (FIRST, OTHER), "good": RIGHT})  # fmt: skip
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
    "in two hours": r"in 7[12]\d\d seconds \(20",
    "Fri, 31 Dec 9999 23:59:59 GMT": "in 31622400 seconds",
}  # fmt: skip


@pytest.mark.parametrize("value", LATER)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
def test_a_long_retry_after_is_told_and_the_next_address_tried(
    value: str, status: str, target: Path
) -> None:
    date = formatdate(time.time() + 7290, usegmt=True) if value == "in two hours" else value
    server = RawServer({"x": answer(f"Retry-After: {date}", status=status),
                        "good": RIGHT})  # fmt: skip
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
