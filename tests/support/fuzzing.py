"""Mutated files, and a watch over what reading them may not do."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"

SECONDS = 10.0
"""Time that one input may take."""

CHANGES = frozenset(
    {
        "os.chmod", "os.exec", "os.fork", "os.link", "os.mkdir", "os.posix_spawn", "os.remove",
        "os.rename", "os.rmdir", "os.symlink", "os.system", "os.truncate", "pickle.find_class",
        "shutil.rmtree", "socket.connect", "subprocess.Popen",
    }
)  # fmt: skip

EDITS = ("flip", "set", "insert", "delete", "repeat", "splice", "cut")


def corpus(kind: str) -> list[Any]:
    """Return the files of a kind that once were, or could be, trouble; as parameters."""
    paths = sorted((CORPUS / kind).iterdir())
    assert paths
    return [pytest.param(path, id=path.name) for path in paths]


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """Draw a seed with a few edits: bits, bytes, tokens, and pieces of itself or another seed."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        size = draw(st.sampled_from((1, 2, 4, 16, 200)))
        edit = draw(st.sampled_from(EDITS))
        if edit == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif edit == "set":
            data[place : place + size] = draw(st.sampled_from((b"\0", b"\xff", b"\x7f"))) * size
        elif edit == "insert":
            data[place:place] = draw(st.sampled_from(tokens) | st.binary(max_size=8))
        elif edit == "delete":
            del data[place : place + size]
        elif edit == "repeat":
            times = draw(st.sampled_from((1, 3, 300)))
            data[place:place] = data[place : place + size] * times
        elif edit == "splice":
            other = draw(st.sampled_from(seeds))
            start = draw(st.integers(0, len(other)))
            data[place : place + size] = other[start : start + size]
        elif edit == "cut":
            del data[place:]
    return bytes(data)


def check_message(error: Exception, lines: int = 1) -> None:
    """Assert that a message may be printed: bounded, and without control characters."""
    text = str(error)
    assert all(line.isprintable() for line in text.split("\n")), text
    assert text.count("\n") < lines, text
    assert 0 < len(text) < 5000 * lines


class _Watch:
    """What happened since the watch began; None while nobody watches."""

    events: list[str] | None = None
    allowed: frozenset[Path] = frozenset()


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _Watch.events is None:
        return
    if event == "open":
        writes = (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not _is_allowed(arguments[0]):
            _Watch.events.append(f"open {arguments[0]}")
    elif event == "import":
        package = arguments[0].partition(".")[0]
        if package not in sys.modules and package not in sys.stdlib_module_names:
            _Watch.events.append(f"import {arguments[0]}")
    elif event in CHANGES and not _is_allowed(*arguments[:1]):
        _Watch.events.append(f"{event} {arguments}")


def _is_allowed(path: Any = 0) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    place = Path(os.fsdecode(path))
    return any(place == allowed or allowed in place.parents for allowed in _Watch.allowed)


sys.addaudithook(_note)


@contextmanager
def watched(*allowed: Path) -> Iterator[None]:
    """Assert that the block ends in time, imports no other package, and changes nothing.

    Parameters
    ----------
    allowed
        Files, and folders of files, that it may change.
    """
    _Watch.allowed, _Watch.events = frozenset(allowed), []
    began = time.process_time()
    try:
        yield
    finally:
        took = time.process_time() - began
        events, _Watch.events = _Watch.events, None
    assert took < SECONDS
    assert events == []


def json_values(keys: Collection[str]) -> st.SearchStrategy[Any]:
    """Return any plain data, with keys that mean something among its keys."""
    leaves = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
        | st.sampled_from(("", "..", "a" * 5000, "\x1b[2J", "\u202e", "\ud800", 10**40))
    )  # fmt: skip
    names = st.sampled_from(sorted(keys)) | st.text(max_size=8)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )
