"""Files that zoo caches: few, owned by this user, and never a reason to fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoo import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    return tmp_path / "cache/kept"


def test_what_is_written_is_read_back(folder: Path) -> None:
    assert cache.read("kept", "one") is None
    assert cache.write("kept", "one", b"1") == folder / "one"
    assert cache.read("kept", "one") == b"1"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX modes and links")
def test_what_others_could_have_written_is_not_read(folder: Path, tmp_path: Path) -> None:
    cache.write("kept", "one", b"1")
    (folder / "one").chmod(0o666)
    assert cache.read("kept", "one") is None
    (tmp_path / "elsewhere").write_bytes(b"2")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert cache.read("kept", "link") is None
    for name in ("one", "link"):  # it is written again, and nothing elsewhere
        cache.write("kept", name, b"3")
        assert cache.read("kept", name) == b"3"
    assert (tmp_path / "elsewhere").read_bytes() == b"2"


def test_what_was_used_longest_ago_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "FILES_PER_FOLDER", 3)
    for age, name in enumerate("abc"):
        cache.write("kept", name, b"")
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    assert cache.read("kept", "c") == b""  # used: "b" is now the oldest
    cache.write("kept", "d", b"")
    assert {path.name for path in folder.iterdir()} == {"a", "c", "d"}
