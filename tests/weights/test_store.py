"""The cache: the right content or none, whatever happens to its files."""

import hashlib
import os
import stat

import pytest

from zoo_weights import (
    FetchError,
    FileRecord,
    HashMismatch,
    OfflineError,
    Store,
    UnsafeFile,
    WeightsError,
)

DATA = b"these are weights"
SHA = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.bin"
    path.write_bytes(DATA)
    return path


def touch_with(path, data):
    """Change the content and keep the length, as a bad disk or a careless editor does."""
    path.write_bytes(data)
    os.utime(path, ns=(2, 2))


def test_a_file_is_downloaded_once_and_kept_for_this_user_alone(server, store):
    record = FileRecord(urls=(server.page("/w/a%20b.h5", DATA),), sha256=SHA, bytes=len(DATA))
    assert not store.has(record)
    assert not store.root.exists()  # describing costs nothing
    path = store.fetch(record)
    assert path.read_bytes() == DATA
    assert path == store.path(record)
    assert path.name == "a_b.h5"
    assert store.has(record)
    assert store.fetch(record) == path
    assert len(server.requests) == 1
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_untouched_file_is_not_hashed_again_and_a_touched_one_is(server, store):
    record = FileRecord(urls=(server.page("/x", DATA),), sha256=SHA)
    path = store.fetch(record)
    os.utime(path, ns=(1, 1))
    assert store.fetch(record) == path  # same content: pinned again
    touch_with(path, DATA[::-1])
    with pytest.raises(HashMismatch, match=r"changed after it was stored"):
        store.fetch(record)
    result = store.verify(record)
    assert (result.ok, result.present, result.expected) == (False, True, SHA)
    assert store.remove(record)
    assert not store.remove(record)
    assert os.listdir(store.root) == []
    assert store.fetch(record).read_bytes() == DATA


def test_a_changed_file_that_was_given_its_old_time_is_hashed(server, store, tmp_path):
    """Written over in place, and replaced: its size and time are as they were."""
    record = FileRecord(urls=(server.page("/x", DATA),), sha256=SHA)
    path = store.fetch(record)
    before = path.stat()
    for replace in (False, True):
        changed = tmp_path / "changed" if replace else path
        changed.write_bytes(DATA[::-1])
        os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.replace(changed, path)
        assert path.stat().st_mtime_ns == before.st_mtime_ns
        with pytest.raises(HashMismatch, match=r"changed after it was stored"):
            store.fetch(record)


def test_a_broken_pin_is_no_reason_to_trust(server, store):
    record = FileRecord(urls=(server.page("/x", DATA),), sha256=SHA)
    path = store.fetch(record)
    pin = path.with_name(".x.pin.json")
    pin.write_text("{")
    path.write_bytes(DATA[::-1])
    with pytest.raises(HashMismatch):
        store.fetch(record)
    pin.unlink()
    path.write_bytes(DATA)
    assert store.fetch(record) == path
    assert pin.is_file()


def test_with_md5_alone_the_first_content_seen_is_the_only_one(server, store, file):
    record = FileRecord(urls=(server.page("/x", DATA),), md5=MD5)
    path = store.fetch(record)
    assert path.parent.name == f"md5-{MD5}"
    assert SHA in path.with_name(".x.pin.json").read_text()
    assert store.verify(record).expected == SHA
    # Someone who can forge an MD5 has another SHA-256; here the pin plays the honest one.
    pin = path.with_name(".x.pin.json")
    pin.write_text(pin.read_text().replace(SHA, "0" * 64))
    assert not store.verify(record).ok
    assert not store.add(record, file).matches
    os.utime(path, ns=(1, 1))
    with pytest.raises(HashMismatch, match="0000"):
        store.fetch(record)


def test_a_record_without_a_hash_is_never_here(store):
    """It must not end a command that goes through all records."""
    record = FileRecord(urls=("https://h/x",))
    assert not store.has(record)
    assert not store.verify(record).present
    assert not store.remove(record)


def test_adding_the_right_file_twice_succeeds(store, file):
    for record in (FileRecord(sha256=SHA), FileRecord(md5=MD5), FileRecord(sha256=SHA, md5=MD5)):
        for _ in range(2):
            result = store.add(record, file)
            assert result.matches
            assert result.sha256 == SHA
            assert store.fetch(record) == result.path
    assert file.read_bytes() == DATA


def test_adding_a_wrong_file_stores_nothing_and_says_both_hashes(store, file):
    result = store.add(FileRecord(sha256="0" * 64), file)
    assert (result.matches, result.expected, result.got) == (False, "0" * 64, SHA)
    result = store.add(FileRecord(md5="0" * 32, sha256=SHA), file)
    assert (result.matches, result.expected, result.got) == (False, "0" * 32, MD5)
    assert not store.root.exists()
    with pytest.raises(WeightsError, match="no such file"):
        store.add(FileRecord(sha256=SHA), file.with_name("none"))
    with pytest.raises(WeightsError, match="neither sha256 nor md5"):
        store.add(FileRecord(urls=("https://h/x",)), file)


def test_a_missing_file_says_how_to_get_it(store, tmp_path):
    record = FileRecord(urls=("https://h/x.h5",), sha256=SHA)
    with pytest.raises(OfflineError, match="zoo weights add"):
        Store(store.root, offline=True).fetch(record)
    with pytest.raises(FetchError, match=r"no address.*UCI.*zoo weights add"):
        store.fetch(FileRecord(sha256=SHA, source="UCI"))
    result = store.verify(record)
    assert (result.ok, result.present, result.got) == (False, False, "")
    mirror = tmp_path / "m" / "h"
    mirror.mkdir(parents=True)
    (mirror / "x.h5").write_bytes(DATA)
    offline = Store(store.root, mirrors=[tmp_path / "m"], offline=True)
    assert offline.fetch(record).read_bytes() == DATA


def test_a_shipped_file_is_used_where_it_lies(store, file, tmp_path):
    record = FileRecord(file="mine.bin", sha256=SHA)
    assert store.has(record, base=tmp_path)
    assert store.fetch(record, base=tmp_path) == file
    assert store.verify(record, base=tmp_path).ok
    assert not store.root.exists()
    file.write_bytes(b"other")
    with pytest.raises(HashMismatch):
        store.fetch(record, base=tmp_path)
    with pytest.raises(FetchError, match="reinstall the package"):
        store.fetch(FileRecord(file="none.bin"), base=tmp_path)


def test_a_shipped_file_cannot_be_a_link_out_of_its_folder(store, file, tmp_path):
    folder = tmp_path / "spec"
    folder.mkdir()
    (folder / "x").symlink_to(file)
    with pytest.raises(UnsafeFile, match="leads out"):
        store.fetch(FileRecord(file="x"), base=folder)


def test_a_url_cannot_choose_a_name_outside_the_cache(store):
    for end in ("..", "%2e%2e", "a%2f..%2f..%2fb", ".part", "\u202e".encode().hex(), "x" * 300, ""):
        path = store.path(FileRecord(urls=(f"https://h/{end}",), sha256=SHA))
        assert path.parent == store.root / SHA
        assert not path.name.startswith(".")
        assert len(path.name) <= 100


def test_a_cache_that_cannot_be_made_is_one_sentence(file):
    with pytest.raises(WeightsError, match="cannot be made, file exists; move it away"):
        Store(file / "cache").add(FileRecord(sha256=SHA), file)


STOPPED = """
import sys, time; from pathlib import Path; import zoo_weights.store as module
def copy_hashed(source, target, *names):
    target.write_bytes(b"half")
    print("copying", flush=True)
    time.sleep(60)
module.copy_hashed = copy_hashed
record = module.FileRecord(sha256=sys.argv[3], urls=("https://h/x",))
module.Store(Path(sys.argv[1])).add(record, Path(sys.argv[2]))
"""

ADD_AND_PULL = """
import sys; from pathlib import Path; from zoo_weights import FileRecord, Store
store, record = Store(Path(sys.argv[1])), FileRecord(urls=(sys.argv[3],), sha256=sys.argv[4])
if int(sys.argv[5]) % 2:
    assert store.add(record, Path(sys.argv[2])).matches
print(store.fetch(record).read_bytes() == Path(sys.argv[2]).read_bytes(), store.verify(record).ok)
"""


def test_the_copy_of_a_killed_process_goes_and_that_of_a_running_one_stays(store, file, python):
    record = FileRecord(sha256=SHA, urls=("https://h/x",))
    process = python(STOPPED, store.root, file, SHA)
    assert process.stdout.readline() == "copying\n"
    (copy,) = store.path(record).parent.glob(".*.tmp")
    assert store.sweep() == []
    other = FileRecord(sha256=hashlib.sha256(b"other").hexdigest())
    file.write_bytes(b"other")
    store.add(other, file)  # another file of the store sweeps too
    assert copy.exists()
    with pytest.raises(FetchError, match=r"another process is still writing '.*/x'"):
        Store(store.root, seconds=0.2).fetch(record)
    process.kill()
    process.communicate()
    assert not store.has(record)
    assert store.sweep() == [(copy, 4)]
    assert not copy.exists()
    assert store.verify(other).ok


def test_every_operation_that_writes_sweeps_first(server, store, file):
    record = FileRecord(sha256=SHA, urls=(server.page("/x", DATA),))
    orphan = store.path(record).with_name(".x.99-abcd.tmp")
    for operation in (
        lambda: store.add(record, file),
        lambda: store.remove(record),
        lambda: store.fetch(record),
    ):
        orphan.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_bytes(b"left")
        operation()
        assert not orphan.exists()
    assert store.has(record)


def test_an_unfinished_download_is_counted_and_removed(server, store):
    data = bytes(200_000)
    record = FileRecord(
        urls=(server.page("/x", data, declares=300_000),),
        sha256=hashlib.sha256(bytes(300_000)).hexdigest(),
    )
    with pytest.raises(FetchError, match="ended early"):
        Store(store.root, seconds=0.5).fetch(record)
    assert store.unfinished(record) == 196_608
    assert not store.remove(record)
    assert store.unfinished(record) == 0
    assert os.listdir(store.root) == []


def test_adding_a_file_ends_its_unfinished_download(server, store, file):
    record = FileRecord(urls=(server.page("/x", DATA),), sha256=SHA)
    part = store.path(record).with_name(".x.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    store.add(record, file)
    assert not part.exists()


@pytest.mark.slow
def test_eight_processes_add_and_pull_the_same_file(server, store, file, python):
    file.write_bytes(bytes(5_000_000))
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    url = server.page("/x", file.read_bytes(), pause=0.002)
    running = [python(ADD_AND_PULL, store.root, file, url, sha, n) for n in range(8)]
    for process in running:
        assert process.communicate() == ("True True\n", "")
    names = {path.name for path in (store.root / sha).iterdir()}
    assert names == {"x", ".x.pin.json", ".x.lock"}


def test_a_store_that_cannot_be_written_is_one_sentence(store, file, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo_weights.store.copy_hashed", full)
    record = FileRecord(sha256=SHA, urls=("https://h/x",))
    with pytest.raises(WeightsError, match=r"/x: cannot be written, no space left on device"):
        store.add(record, file)
    assert not list(store.root.glob("*/.*.tmp"))
