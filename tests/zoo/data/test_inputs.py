"""Input arguments: the files that names, folders and globs stand for."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from zoo.data.inputs import IMAGE_SUFFIXES, NamedInputs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "b.png",
        "a/2.JPG",
        "a/10.jpg",
        "a.png",
        "a/deeper/x.webp",
        "notes.txt",
        ".h/i.gif",
    ):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).touch()
    (tmp_path / "p" / "no.png").mkdir()
    (tmp_path / "p" / "loop").symlink_to(tmp_path / "p")
    return tmp_path / "p"


def names(*arguments: str, **options) -> list[str]:
    return [item.name for item in NamedInputs(arguments, **options)]


@pytest.mark.parametrize("name", ["p", "p/", "./p", "."])
def test_a_folder_is_its_pictures_sorted_by_their_paths(folder: Path, name: str) -> None:
    found = sorted(
        f for f in Path(name).rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file()
    )
    assert names(name) == [str(file) for file in found]
    assert len(found) == 6


def test_they_come_one_by_one_and_again(folder: Path) -> None:
    inputs = NamedInputs(["p/b.png", "none.png", "p/a*"])
    first = list(itertools.islice(inputs, 2))
    assert [item.name for item in first] == ["p/b.png", "none.png"]
    assert list(inputs) == list(inputs)


def test_some_are_passed_over_as_often_as_asked(folder: Path) -> None:
    assert names("p/b.png", "p/b.png", "p/a.png", skip=Counter(["p/b.png"])) == [
        "p/b.png", "p/a.png",
    ]  # fmt: skip
