"""No half-written file gets its final name."""

import hashlib
import os
import stat

import pytest

from zoo_weights import atomic_write, hash_file


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")

    def fail():
        with atomic_write(path) as temp:
            temp.write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_write_replaces_the_old_file_and_honours_the_umask(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    (tmp_path / "plain").touch()
    with atomic_write(path) as temp:
        temp.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_hashes_are_those_of_hashlib(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 700_000)
    found = hash_file(tmp_path / "x", "sha256", "md5")
    assert found == {n: hashlib.new(n, b"abc" * 700_000).hexdigest() for n in ("sha256", "md5")}
