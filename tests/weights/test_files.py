"""No half-written file gets its final name, and nothing but a file is replaced."""

import errno
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from zoo_weights import CannotWrite, WeightsError, atomic_write, hash_file, open_live

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links, modes, pipes and devices")


def write(path: Path, text: str = "new") -> None:
    with atomic_write(path) as temp:
        temp.write_text(text)


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


@POSIX
def test_links_stay_and_lead_to_the_new_content(tmp_path):
    """A link to another disk, or to a folder that is kept, is there for a reason."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_text("old")
    (tmp_path / "link").symlink_to("far/link2")
    (tmp_path / "far" / "link2").symlink_to(tmp_path / "far" / "real")
    (tmp_path / "dangling").symlink_to("far/fresh")
    write(tmp_path / "link")
    write(tmp_path / "dangling")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "link2").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "far" / "real").read_text() == "new"
    assert (tmp_path / "far" / "fresh").read_text() == "new"
    assert sorted(os.listdir(tmp_path / "far")) == ["fresh", "link2", "real"]


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444, 0o755])
def test_mode_and_owner_of_an_old_file_are_kept(tmp_path, mode):
    path = tmp_path / "x"
    path.write_text("old")
    owner = (12345, 54321) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    path.chmod(mode)
    with atomic_write(path) as temp:
        assert not stat.S_IMODE(temp.stat().st_mode) & 0o077  # nobody reads it meanwhile
        temp.write_text("new")
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (mode, *owner)
    assert path.read_text() == "new"


@POSIX
@pytest.mark.parametrize("through_link", [False, True])
def test_a_pipe_receives_the_content_and_stays(tmp_path, through_link):
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if through_link:
        path = tmp_path / "link"
        path.symlink_to("pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write(path)
    reader.join(10)
    assert received == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert path.is_symlink() == through_link


def make_device(path: Path) -> Path:
    """Make what ``/dev/null`` is, or a link to it where no device may be made."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_bytes(b"x")  # some file systems allow the node, and not its use
    except OSError:
        path.unlink(missing_ok=True)
        path.symlink_to(os.devnull)
    return path


@POSIX
def test_a_device_stays_one(tmp_path):
    device = make_device(tmp_path / "null")
    before = device.lstat()
    write(device)
    assert device.lstat() == before or device.is_symlink()
    assert stat.S_ISCHR(device.stat().st_mode)
    assert os.listdir(tmp_path) == ["null"]


@POSIX
@pytest.mark.parametrize("place", ["/dev/fd", "/proc/self/fd", "/proc/{pid}/fd"])
def test_a_descriptor_is_written_where_it_is(tmp_path, place):
    """``-o /dev/stdout >> log`` appends: neither the log nor its first lines are lost."""
    log, place = tmp_path / "log", Path(place.format(pid=os.getpid()))
    if not place.exists():
        pytest.skip(f"needs {place}")
    log.write_text("first\n")
    inode = log.stat().st_ino
    with log.open("ab") as file:
        (tmp_path / "out").symlink_to(place / str(file.fileno()))
        write(tmp_path / "out", "second\n")
        write(place / str(file.fileno()), "third\n")
        file.write(b"fourth\n")
    assert log.read_text() == "first\nsecond\nthird\nfourth\n"
    assert log.stat().st_ino == inode
    assert sorted(os.listdir(tmp_path)) == ["log", "out"]


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    for name, text in (
        (".", "is a folder, expected a file to write"),
        ("missing/x", "there is no folder"),
        ("file/x", "there is no folder"),
        ("x" * 300, "cannot be written, file name too long"),
    ):
        with pytest.raises(CannotWrite, match=text) as caught:
            write(tmp_path / name)
        assert caught.value.exit_status == 2
        assert isinstance(caught.value, WeightsError | OSError)
    assert os.listdir(tmp_path) == ["file"]


@POSIX
def test_links_in_a_circle_are_one_sentence(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CannotWrite, match="cannot be written, too many"):
        write(tmp_path / "a")


def test_a_full_disk_is_one_sentence_and_no_wrong_usage(tmp_path):
    (tmp_path / "x").write_text("old")
    for number in (errno.ENOSPC, errno.EFBIG):
        with pytest.raises(CannotWrite, match="x: cannot be written, ") as caught, \
                atomic_write(tmp_path / "x"):  # fmt: skip
            raise OSError(number, os.strerror(number))
        assert caught.value.exit_status == 1
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "x"):
        (tmp_path / "other").read_bytes()  # nothing about the file itself
    assert (tmp_path / "x").read_text() == "old"
    if os.path.exists("/dev/full"):
        with pytest.raises(CannotWrite, match="no space left"):
            write(Path("/dev/full"))


def test_a_name_of_any_length_and_bytes(tmp_path):
    for name in (b"n" * 255, "ä".encode() * 127, b"\xff" * 200):
        path = tmp_path / os.fsdecode(name)
        write(path)
        assert path.read_text() == "new"
    assert len(os.listdir(tmp_path)) == 3


@POSIX
def test_a_reader_that_has_enough_is_told_as_such(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(BrokenPipeError), open_live(Path(f"/dev/fd/{writing}")) as stream:
            stream.write(b"x")
    finally:
        os.close(writing)


def test_hashes_are_those_of_hashlib(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 700_000)
    found = hash_file(tmp_path / "x", "sha256", "md5")
    assert found == {n: hashlib.new(n, b"abc" * 700_000).hexdigest() for n in ("sha256", "md5")}
