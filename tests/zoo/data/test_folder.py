"""A folder of images: its subfolders are the classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.data.folder import read_folder
from zoo.errors import InputError


def test_pictures_and_classes_are_sorted(tmp_path: Path) -> None:
    for name in ("dogs/b.png", "dogs/deeper/a.JPG", "cats/c.png", "dogs/notes.txt", ".git/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loose.png").touch()
    files, labels = read_folder(tmp_path)
    assert [path.name for path in files] == ["c.png", "b.png", "a.JPG"]
    assert labels == ["cats", "dogs", "dogs"]


@pytest.mark.parametrize(
    ("names", "kind", "text"),
    [
        ([], "too-few-classes", "one per class, found none"),
        (["cats/a.png"], "too-few-classes", "one per class, found cats"),
        (["cats/a.png", "dogs/notes.txt"], "empty-class", "dogs: holds no images"),
    ],
)
def test_what_cannot_be_learnt_from(tmp_path: Path, names: list[str], kind: str, text: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=text) as caught:
        read_folder(tmp_path)
    assert caught.value.kind == kind


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder with one subfolder") as caught:
        read_folder(tmp_path / "missing")
    assert caught.value.kind == "not-a-folder"
