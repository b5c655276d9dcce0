"""`zoo weights`: listing, fetching, adding, checking and removing files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from http_server import Server
from registered import change

import zoo
from zoo.registry.registry import registry
from zoo_weights import WeightsRecord, hash_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Random weights of mlp-pima."""
    path = tmp_path / "mine.weights.h5"
    zoo.get_model("mlp-pima", weights=None).keras.save_weights(path)
    return path


@pytest.fixture
def published(
    file: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """mlp-pima has weights of the tag `small`, and a server that has them; nothing is here."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    record = WeightsRecord(
        tag="small", urls=(f"{server.url}/pima.weights.h5",), bytes=file.stat().st_size,
        sha256=hash_file(file, "sha256")["sha256"], licence="CC0-1.0",
    )  # fmt: skip
    change(monkeypatch, registry().models, "mlp-pima", weights=(record,))
    server.page("/pima.weights.h5", file.read_bytes())
    return server


def test_fetched_checked_and_removed(cli, published: Server, file: Path) -> None:
    (record,) = json.loads(cli("weights", "list", "mlp-pima", "--json").out)
    assert (record["model"], record["tag"], record["here"]) == ("mlp-pima", "small", False)
    size = f"{file.stat().st_size / 1000:.0f} kB"
    assert cli("weights", "list", "mlp-p*").out.split(None, 2) == [
        "mlp-pima.small", "-", f"{size}  CC0-1.0\n",
    ]  # fmt: skip
    assert cli("weights", "verify", "mlp-pima").out == "mlp-pima.small: not here\n"

    pulled = cli("weights", "pull", "mlp-pima.small")
    path = Path(pulled.out.removeprefix("mlp-pima.small: ").strip())
    assert path.read_bytes() == file.read_bytes()
    assert cli("weights", "where", "mlp-pima").out == f"{path}\n"
    assert path.is_relative_to(cli("weights", "where").out.strip())
    assert cli("weights", "list", "mlp-pima").out.split()[1] == "here"
    assert cli("weights", "verify").out.splitlines()[-1] == "mlp-pima.small: ok"

    path.chmod(0o600)
    path.write_bytes(b"damaged")
    done = cli("weights", "verify", "mlp-pima")
    assert done.status == 1
    assert done.out.startswith("mlp-pima.small: WRONG, expected")
    assert cli("weights", "remove", "mlp-pima").out == "mlp-pima.small: removed\n"
    assert not path.exists()
    assert cli("weights", "remove", "mlp-pima").out == "mlp-pima.small: was not here\n"


def test_a_file_that_came_by_another_way(cli, published: Server, file: Path) -> None:
    done = cli("weights", "add", "mlp-pima", file)
    assert done.status == 0
    assert "its hash is the record's" in done.out
    assert cli("weights", "verify", "mlp-pima").out == "mlp-pima.small: ok\n"
    file.write_bytes(b"another")
    done = cli("weights", "add", "mlp-pima", file)
    assert done.status == 1
    assert "is not mlp-pima.small: expected hash" in done.err
    assert f"use the file itself with --weights {file}" in done.err
    assert published.requests == []


def test_a_model_of_several_weights_needs_a_tag(
    cli, published: Server, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = registry().models.find("mlp-pima").value.weights
    other = WeightsRecord(tag="other", urls=record.urls, sha256="0" * 64)
    change(monkeypatch, registry().models, "mlp-pima", weights=(record, other))
    done = cli("weights", "add", "mlp-pima", file)
    assert done.status == 2
    assert "pass mlp-pima.TAG with a tag of small, other" in done.err
    assert cli("weights", "add", "mlp-pima.small", file).status == 0


def test_a_model_without_weights_says_how_to_get_some(cli) -> None:
    done = cli("weights", "pull", "mlp-pima")
    assert done.status == 2
    assert "has no published weights; run `zoo train mlp-pima`" in done.err


def test_what_a_killed_process_left_is_told_and_removed(cli, published: Server, file: Path) -> None:
    place = Path(cli("weights", "where", "mlp-pima").out.strip())
    orphan = place.with_name(f".{place.name}.99-abcd.tmp")
    part = place.with_name(f".{place.name}.part")
    for command in ("verify", "remove"):
        place.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_bytes(b"left")
        part.write_bytes(b"12345")
        done = cli("weights", command, "mlp-pima")
        assert done.err == f"zoo: removed {orphan}, 4 bytes that a killed process left\n"
        assert "5 bytes of an unfinished download" in done.out
        assert not orphan.exists()
    assert not place.parent.exists()


def test_a_pull_has_an_end(cli, published: Server, file: Path) -> None:
    published.pages["/pima.weights.h5"].pause = 9.0
    done = cli("weights", "pull", "mlp-pima", "--timeout", "0.2")
    assert done.status == 1
    assert "not done within 0.2 seconds" in done.err
    for value in ("soon", "0", "-1", "nan", "inf"):
        done = cli("weights", "pull", "mlp-pima", "--timeout", value)
        assert done.status == 2
        assert f"--timeout is '{value}'; give a number of seconds" in done.err
