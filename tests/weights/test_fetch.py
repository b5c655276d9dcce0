"""What downloads survive and what they refuse, against a real server."""

import hashlib
import re
import shutil
import signal
import ssl
import subprocess
import time

import pytest

from zoo_weights import FetchError, HashMismatch, OfflineError, download, get_bytes

MAIN = """
import sys; from pathlib import Path; from zoo_weights import download
print(download([sys.argv[1]], Path(sys.argv[2]), sha256=sys.argv[3]))
"""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "x.bin"


def leftovers(target):
    return sorted(p.name for p in target.parent.iterdir() if not p.name.endswith(".lock"))


def test_a_file_comes_whole_with_progress(server, content, sha256, target):
    seen = []
    url = server.page("/x", content)
    got = download([url], target, sha256=sha256(content), progress=lambda *now: seen.append(now))
    assert got == sha256(content)
    assert target.read_bytes() == content
    assert seen[0] == (0, len(content))
    assert seen[-1] == (len(content), len(content))
    assert leftovers(target) == ["x.bin"]


def test_dropped_connections_are_resumed_where_they_stopped(server, content, sha256, target):
    url = server.page("/x", content, drops=[300_000, 400_000])
    download([url], target, sha256=sha256(content))
    assert target.read_bytes() == content
    asked = [int(r[6:-1]) for r in server.ranges("/x")[1:]]
    assert len(asked) == 2
    assert asked[0] > 200_000
    assert asked[1] > 500_000


def test_a_server_that_ignores_range_costs_time_but_not_the_file(server, content, sha256, target):
    url = server.page("/x", content, drops=[500_000], ignores_range=True)
    download([url], target, sha256=sha256(content))
    assert target.read_bytes() == content


def test_a_server_without_etag_is_asked_from_the_start(server, content, sha256, target):
    url = server.page("/x", content, drops=[500_000], etag="")
    download([url], target, sha256=sha256(content))
    assert server.ranges("/x") == [None, None]


def test_a_file_replaced_meanwhile_is_never_mixed_with_the_old_one(server, content, target):
    def replace(page):
        page.etag, page.body = '"v2"', content[::-1]

    url = server.page("/x", content, drops=[500_000], after=replace)
    download([url], target)
    assert target.read_bytes() == content[::-1]


def test_a_server_that_resumes_another_version_is_caught(server, content, target):
    def replace(page):
        page.headers = {"Last-Modified": "Sat, 01 Jan 2000 00:00:00 GMT"}
        page.body = content[::-1] + b"longer"

    url = server.page("/x", content, drops=[500_000], after=replace)  # keeps its ETag
    download([url], target)
    assert target.read_bytes() == content[::-1] + b"longer"


def test_range_not_satisfiable_starts_again(server, content, sha256, target):
    def shrink(page):
        page.body = content[:1000]

    url = server.page("/x", content, drops=[500_000], after=shrink)
    download([url], target, sha256=sha256(content[:1000]))
    assert target.read_bytes() == content[:1000]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server, content, target):
    url = server.page("/x", content, failures=[503])
    download([url], target)
    assert len(server.ranges("/x")) == 2
    with pytest.raises(FetchError, match="answered 404"):
        download([server.url + "/none"], target.with_name("y"))
    assert len(server.ranges("/none")) == 1


def test_patience_ends_and_says_so(server, content, target):
    url = server.page("/x", content, failures=[503] * 9)
    with pytest.raises(FetchError, match=r"answered 503 .*gave up after 2 attempts"):
        download([url], target, retries=1)


def test_a_wrong_hash_is_explained_and_deleted_and_the_next_url_tried(
    server, content, sha256, target
):
    bad = server.page("/bad", b"<html>please log in")
    with pytest.raises(HashMismatch) as caught:
        download([bad], target, sha256=sha256(content))
    text = str(caught.value)
    for part in (sha256(content), sha256(b"<html>please log in"), "deleted", "login page", bad):
        assert part in text
    assert leftovers(target) == []
    download([bad, server.page("/x", content)], target, sha256=sha256(content))
    assert target.read_bytes() == content
    with pytest.raises(HashMismatch, match=r"any of 2 places:\n.*expected md5.*\n.*404"):
        download([bad, server.url + "/none"], target.with_name("y"), md5="0" * 32)


def test_one_wrong_byte_is_noticed(server, content, sha256, target):
    url = server.page("/x", content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(HashMismatch):
        download([url], target, sha256=sha256(content))
    assert not target.exists()


def test_more_or_less_than_the_record_says_is_refused(server, content, target):
    url = server.page("/x", content)
    with pytest.raises(FetchError, match="has 1048576 bytes; expected exactly 1000"):
        download([url], target, size=1000)
    endless = server.page("/endless", content, chunked=True)
    with pytest.raises(FetchError, match="sends more than the 1000 bytes"):
        download([endless], target, size=1000)
    short = server.page("/short", content, declares=len(content) + 1)
    with pytest.raises(FetchError, match=r"gave up after 1 attempt$"):
        download([short], target, retries=0)
    assert not target.exists()


def test_without_any_size_there_is_still_a_limit(server, content, target, monkeypatch):
    monkeypatch.setattr("zoo_weights.fetch.MAX_BYTES", 100_000)
    with pytest.raises(FetchError, match="at most 100000"):
        download([server.page("/x", content)], target)
    with pytest.raises(FetchError, match="more than the 100000"):
        download([server.page("/y", content, chunked=True)], target)


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://host/x", "gopher://host/"])
def test_no_server_leads_out_of_the_web(server, target, where):
    url = server.page("/x", status=302, headers={"Location": where})
    with pytest.raises(FetchError, match=re.escape(where) + ".*only http and https"):
        download([url], target)
    with pytest.raises(FetchError, match="only http and https"):
        get_bytes(url, max_bytes=10, seconds=5)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_no_server_leads_from_https_to_http(server, content, target, tmp_path, monkeypatch):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    secure = type(server)()
    secure.http.socket = context.wrap_socket(secure.http.socket, server_side=True)
    url = secure.page("/x", status=302, headers={"Location": server.page("/x", content)})
    url = url.replace("http:", "https:")
    with pytest.raises(FetchError, match="certificate was not accepted"):
        download([url], target)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    with pytest.raises(FetchError, match="redirects from https to 'http:"):
        download([url], target)
    assert server.requests == []
    secure.page("/y", content)
    download([url.replace("/x", "/y")], target)
    secure.http.shutdown()
    secure.http.server_close()


def test_redirects_are_followed_but_not_for_ever(server, content, target):
    url = server.page("/a", status=302, headers={"Location": "/b?c=d"})
    server.page("/b?c=d", content)
    download([url], target)
    loop = server.page("/loop", status=301, headers={"Location": "/loop"})
    with pytest.raises(FetchError, match="more than 5 redirects"):
        download([loop], target.with_name("y"))


def test_a_stalled_server_is_left(server, content, target):
    url = server.page("/x", content, pause=3)
    start = time.monotonic()
    with pytest.raises(FetchError, match="gave up"):
        download([url], target, timeout=(1, 0.3), retries=1)
    assert time.monotonic() - start < 5


def test_compressed_answers_are_refused(server, target):
    url = server.page("/x", b"x", headers={"Content-Encoding": "gzip"})
    with pytest.raises(FetchError, match="encoding 'gzip'"):
        download([url], target)


def test_nobody_listening_and_a_bad_address_are_one_sentence(target):
    with pytest.raises(FetchError, match=r"cannot fetch 'http://127.0.0.1:9/x': .*refused"):
        download(["http://127.0.0.1:9/x"], target, retries=0)
    with pytest.raises(FetchError, match="cannot fetch"):
        download(["http://[bad/x"], target)


def test_eight_processes_download_once(server, content, sha256, target, python):
    url = server.page("/x", content, pause=0.05)
    running = [python(MAIN, url, target, sha256(content)) for _ in range(8)]
    assert {p.communicate()[0].strip() for p in running} == {sha256(content)}
    assert server.ranges("/x") == [None]


def test_a_killed_process_leaves_what_the_next_one_resumes(server, content, sha256, target, python):
    url = server.page("/x", content, pause=0.1)
    first = python(MAIN, url, target, sha256(content))
    part = target.with_name(".x.bin.part")
    until = time.monotonic() + 10
    while time.monotonic() < until and not (part.is_file() and part.stat().st_size > 200_000):
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not target.exists()
    server.pages["/x"].pause = 0
    download([url], target, sha256=sha256(content))
    assert target.read_bytes() == content
    assert int(server.ranges("/x")[-1][6:-1]) > 200_000


def test_mirrors_come_first_and_are_not_trusted(server, content, sha256, target, tmp_path):
    url = "http://far.example.org/data/x%20y.bin?v=1"
    copy = tmp_path / "mirror" / "far.example.org" / "data" / "x y.bin"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(content)
    mirror = tmp_path / "mirror"
    download([url], target, sha256=sha256(content), mirrors=[mirror], offline=True)
    assert target.read_bytes() == content
    with pytest.raises(HashMismatch, match="was not used"):
        download([url], target.with_name("y"), sha256="0" * 64, mirrors=[mirror], offline=True)
    server.page("/m/far.example.org/data/x%20y.bin?v=1", content)
    download([url], target.with_name("z"), mirrors=[server.url + "/m/"])
    assert len(server.requests) == 1


def test_a_mirror_without_the_file_falls_back_to_the_publisher(server, content, target, tmp_path):
    url = server.page("/x", content)
    download([url], target, mirrors=[tmp_path / "nowhere", server.url + "/m"])
    assert [path for path, _ in server.requests] == ["/m/127.0.0.1/x", "/x"]


def test_a_mirror_is_a_folder_or_an_address(target):
    with pytest.raises(
        FetchError, match=r"the mirror 'ftp://h/m' is neither a folder nor http\(s\)"
    ):
        download(["http://h/x"], target, mirrors=["ftp://h/m"])


def test_no_message_has_a_password(server, content, target):
    address = server.url.replace("://", "://me:secret@")
    with pytest.raises(FetchError) as caught:
        download([address + "/none"], target, retries=0, mirrors=[address + "/mirror"])
    assert "secret" not in str(caught.value)
    assert "://…@127.0.0.1" in str(caught.value)
    server.page("/x", content)
    with pytest.raises(FetchError, match="is not the requested file") as caught:
        download([address + "/x"], target, sha256="0" * 64)
    assert "secret" not in str(caught.value)


def test_a_url_cannot_climb_out_of_a_mirror(tmp_path, target):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "mirror" / "h").mkdir(parents=True)
    url = "http://h/%2e%2e/%2e%2e/secret"
    with pytest.raises(OfflineError):
        download([url], target, mirrors=[tmp_path / "mirror"], offline=True)


def test_offline_says_where_it_looked_and_what_to_do(target, tmp_path):
    with pytest.raises(OfflineError) as caught:
        download(["https://h/x"], target, mirrors=[tmp_path], offline=True)
    for part in ("x.bin", str(target), "https://h/x", "zoo weights add", str(tmp_path / "h" / "x")):
        assert part in str(caught.value)


def test_a_file_that_is_there_is_not_downloaded_nor_overwritten(content, sha256, target):
    target.parent.mkdir()
    target.write_bytes(content)
    assert download([], target, sha256=sha256(content)) == sha256(content)
    with pytest.raises(HashMismatch, match="left as it is"):
        download([], target, sha256="0" * 64)
    with pytest.raises(FetchError, match="no address"):
        download([], target.with_name("y"))


def test_a_photo_is_fetched_within_its_limits(server, content):
    url = server.page("/photo", b"jpeg")
    assert get_bytes(url, max_bytes=4, seconds=5) == b"jpeg"
    with pytest.raises(FetchError, match="larger than the 3 bytes"):
        get_bytes(url, max_bytes=3, seconds=5)
    big = server.page("/big", content, chunked=True)
    with pytest.raises(FetchError, match="larger than the 1000 bytes"):
        get_bytes(big, max_bytes=1000, seconds=5)
    with pytest.raises(FetchError, match="404"):
        get_bytes(server.url + "/none", max_bytes=1000, seconds=5)
    with pytest.raises(OfflineError):
        get_bytes(url, max_bytes=4, seconds=5, offline=True)


def test_a_dripping_server_cannot_hold_a_user_up(server, content):
    url = server.page("/drip", content, pause=0.2)
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"not done within 0\.5 seconds"):
        get_bytes(url, max_bytes=1 << 21, seconds=0.5)
    assert time.monotonic() - start < 1.5


def test_md5_alone_is_checked(server, content, target):
    url = server.page("/x", content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert download([url], target, md5=md5) == hashlib.sha256(content).hexdigest()
