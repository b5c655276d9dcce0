"""Files that zoo caches: few, owned by this user, and never a reason to fail."""

from __future__ import annotations

import os
import stat
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


def test_a_folder_has_a_limit(folder: Path) -> None:
    for age, name in enumerate("abc"):
        cache.write("kept", name, b"12")
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    assert cache.read("kept", "c", first=1) == b"1"  # looked at, not used
    cache.write("kept", "d", b"12", limit=7)
    assert cache.names("kept", "") == ["a", "b", "d"]
    assert cache.names("kept", "a") == ["a"]
    assert cache.names("nothing", "a") == []


posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX modes and links")


@posix
@pytest.mark.parametrize("mode", [0o775, 0o777, 0o757, 0o1777])
@pytest.mark.parametrize("place", ["", "cache", "cache/kept"])
def test_a_folder_that_others_can_write_to_keeps_no_program(
    place: str, mode: int, folder: Path, tmp_path: Path
) -> None:
    """They could put a folder of their own in its place; not so where it is sticky."""
    cache.write("kept", "one", b"1")
    (tmp_path / place).chmod(mode)
    if place == "cache/kept":  # may hold what others wrote: emptied, and closed
        assert cache.read("kept", "one") is None
        assert cache.write("kept", "one", b"1")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    elif mode & stat.S_ISVTX:
        assert cache.read("kept", "one") == b"1"
    else:
        assert cache.read("kept", "one") is None
        assert cache.write("kept", "two", b"2") is None
        assert cache.private_folder("jax") is None
        assert not (folder / "two").exists()
        told = cache.exposed(folder)
        assert told == (f"others can write to {tmp_path / place} (mode {mode:04o}); "
                        f"run: chmod go-w {tmp_path / place}")  # fmt: skip
        (tmp_path / place).chmod(mode & ~0o022)
        assert cache.exposed(folder) == ""
        assert cache.read("kept", "one") == b"1"


@posix
def test_a_link_counts_with_both_of_its_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open").mkdir(mode=0o700)
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "open/link").symlink_to(tmp_path / "own")
    (tmp_path / "own/link").symlink_to(tmp_path / "open")
    (tmp_path / "open").chmod(0o777)
    for home in ("open/link", "own/link"):
        monkeypatch.setenv("ZOO_HOME", str(tmp_path / home))
        assert cache.private_folder("kept") is None
        assert cache.exposed(tmp_path / home / "x").startswith("others can write to")
    (tmp_path / "open").chmod(0o700)
    (tmp_path / "own/loop").symlink_to("loop")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "own/loop"))
    assert cache.private_folder("kept") is None
    assert cache.exposed(tmp_path / "own/loop/x") == ""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "own/link"))
    assert cache.private_folder("kept") is not None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root's chown")
def test_a_folder_of_another_user_keeps_no_program(folder: Path, tmp_path: Path) -> None:
    cache.write("kept", "one", b"1")
    os.chown(tmp_path / "cache", 12345, -1)
    assert cache.read("kept", "one") is None
    assert "belongs to another user; set ZOO_HOME" in cache.exposed(folder)


@posix
def test_what_zoo_makes_is_closed_whatever_the_umask_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "a/b"))
    before = os.umask(0)
    try:
        assert cache.write("kept", "one", b"1")
        assert cache.read("kept", "one") == b"1"
    finally:
        os.umask(before)
