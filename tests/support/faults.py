"""A folder to break things in, a plugin whose files are on the local server, and what to check."""

from __future__ import annotations

import csv
import json
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from guests import Guests
from http_server import Server
from PIL import Image

from zoo.data.labelled import hash_table
from zoo.data.table import read_csv
from zoo_weights import hash_file, open_checked

FROZEN = Path(__file__).parents[1] / "frozen" / "2026-11"

TEMPORARY = re.compile(r"\..*\.(tmp|copy|part|part\.json)")
"""Names of files that a command may leave only if it was killed."""

NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


class Place:
    """A folder with a ``ZOO_HOME``, a weights file, and a table, known to the plugin ``guest``.

    Attributes
    ----------
    folder
        Where commands run.
    env
        Their environment.
    weights, table
        The files; the weights are also on the server, as ``/weights.h5``.
    """

    def __init__(self, base: Path, server: Server) -> None:
        self.base, self.server = base, server
        self.folder = base / "work"
        self.folder.mkdir()
        self.weights, self.table = base / "weights.h5", base / "table.csv"
        self.weights.write_bytes(random.Random(1).randbytes(400_000))
        rows = "".join(f"{row},{row % 7}\n" for row in range(2000))
        self.table.write_text(f"x,y\n{rows}")
        url = server.page("/weights.h5", self.weights.read_bytes())
        guests = Guests(base / "site")
        guests.install(
            f"""
            @zoo.hookimpl
            def register_models(register):
                weights = zoo.WeightsRecord(
                    tag="far", urls=({url!r},), sha256={hash_file(self.weights)["sha256"]!r}
                )
                register(spec("guest-model", weights=(weights,)))

            @zoo.hookimpl
            def register_datasets(register):
                file = zoo.FileRecord(urls=("https://example.invalid/t.csv",), sha256="0" * 64)
                content = {hash_table([read_csv(self.table)])!r}
                register(zoo.Dataset(name="guest-table", file=file, content=content, target="y"))
            """
        )
        self.env = {**guests.env, "ZOO_HOME": str(base / "home"), "KERAS_BACKEND": "jax"}


def files_of(*roots: Path) -> Iterator[Path]:
    return (path for root in roots for path in sorted(root.rglob("*")) if path.is_file())


def check_final_names(*roots: Path, growing: tuple[str, ...] = ()) -> None:
    """Assert that every file under a final name is whole.

    Parameters
    ----------
    growing
        Names of files that are written line by line: the last line may lack its end.
    """
    for path in files_of(*roots):
        if TEMPORARY.fullmatch(path.name) or path.suffix == ".lock":
            continue
        if path.suffix in (".zoo", ".h5") and path.read_bytes()[:4] == b"\x89HDF":
            with open_checked(path) as opened:
                opened.visititems(lambda _, item: item[...] if hasattr(item, "shape") else None)
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text())
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            check_lines(path, growing=path.name in growing)
        elif path.suffix == ".csv":
            text = path.read_text()
            assert text.endswith("\n"), path
            assert len({len(row) for row in csv.reader(text.splitlines())}) == 1, path


def check_lines(path: Path, *, growing: bool) -> None:
    text = path.read_bytes().decode()
    whole = text[: text.rfind("\n") + 1]
    assert growing or whole == text
    for line in whole.splitlines():
        json.loads(line)


def check_tidy(*roots: Path) -> None:
    """Assert that nothing is left over and no lock is held."""
    for path in files_of(*roots):
        assert not TEMPORARY.fullmatch(path.name), path
        if path.suffix == ".lock":
            with FileLock(path, timeout=0):
                pass


def check_same(folder: Path, other: Path, *, besides: tuple[str, ...] = ()) -> None:
    """Assert that two folders have the same files, apart from the last digits of numbers."""
    names = [sorted(str(p.relative_to(root)) for p in files_of(root)) for root in (folder, other)]
    assert names[0] == names[1]
    for name in names[0]:
        if name.rpartition("/")[2] in besides:
            continue
        mine, theirs = ((root / name).read_bytes() for root in (folder, other))
        if mine == theirs or name.endswith((".zoo", ".h5")):
            continue
        texts = [NUMBER.sub("#", content.decode()) for content in (mine, theirs)]
        assert texts[0] == texts[1], name
        values = [list(map(float, NUMBER.findall(content.decode()))) for content in (mine, theirs)]
        assert values[0] == pytest.approx(values[1], abs=2e-3, rel=2e-3), name
