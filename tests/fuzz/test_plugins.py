"""Installed distributions with any metadata: the others are found, and nothing is imported."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fuzzing import corpus, mutated, watched
from hypothesis import given
from hypothesis import strategies as st

from zoo.registry.loading import installed_plugins

POINTS = [
    b"[zoo.plugins]\nguest = guest\n",
    b"[console_scripts]\nx = y:z\n\n[zoo.plugins]\na = b.c:d [extra]\nb=c\n",
]
METADATA = [
    b"Metadata-Version: 2.1\nName: zoo-guest\nVersion: 1.2\n",
    b"Metadata-Version: 2.4\nName: Zoo.Guest\nVersion: 1!2.0+x\nSummary: a\n b\n\nlong text\n",
]
TOKENS = (
    b"[zoo.plugins]\n", b"\n", b"=", b"[", b"]", b":", b"Name:", b"Version:", b"\0", b"\xff", b" ",
    b"\x1b[2J", b"\xe2\x80\xae", b"os", b"../", b"\r", b"#", b"a" * 3000,
)  # fmt: skip

FOLDERS = ("zoo_guest-1.2.dist-info", "x.dist-info", "-.dist-info", "zoo_guest.egg-info")


@contextmanager
def only(site: Path) -> Iterator[None]:
    """Let Python find what is installed in one folder, beside what always is."""
    sys.path.insert(0, str(site))
    try:
        yield
    finally:
        sys.path.remove(str(site))


def find(site: Path) -> None:
    with only(site), watched():
        plugins = installed_plugins()
    names = {plugin.name for plugin in plugins}
    assert {"vision", "tabular", "text", "sequence"} <= names
    for plugin in plugins:
        for text in (plugin.name, plugin.module, plugin.distribution, plugin.version):
            assert text.isprintable(), text


@given(
    points=mutated(POINTS, TOKENS),
    about=mutated(METADATA, TOKENS) | st.none(),
    folder=st.sampled_from(FOLDERS),
)
def test_any_metadata(points: bytes, about: bytes | None, folder: str) -> None:
    with tempfile.TemporaryDirectory() as site:  # importlib remembers what was in a folder
        info = Path(site, folder)
        info.mkdir()
        (info / "entry_points.txt").write_bytes(points)
        if about is not None:
            (info / ("METADATA" if "dist" in folder else "PKG-INFO")).write_bytes(about)
        find(Path(site))


@pytest.mark.parametrize("path", corpus("plugins"))
def test_kept_cases(path: Path) -> None:
    find(path)
