"""A folder of pictures, one subfolder per class."""

from __future__ import annotations

from pathlib import Path

from zoo.data.inputs import PICTURES
from zoo.errors import InputError


def read_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the pictures of a folder and the names of their classes, both sorted.

    Raises
    ------
    InputError
        If it is not a folder, has fewer than two subfolders with pictures, or a class is empty.
    """
    if not folder.is_dir():
        msg = f"{folder}: expected a folder with one subfolder of pictures per class"
        raise InputError(msg, kind="not-a-folder")
    files: list[Path] = []
    labels: list[str] = []
    for child in sorted(folder.iterdir()):
        if not child.is_dir() or child.name.startswith("."):
            continue
        found = sorted(f for f in child.rglob("*") if f.suffix.lower() in PICTURES and f.is_file())
        if not found:
            msg = f"{child}: holds no picture; every subfolder is a class and needs some"
            raise InputError(msg, kind="empty-class")
        files += found
        labels += [child.name] * len(found)
    if len(set(labels)) < 2:
        names = ", ".join(sorted(set(labels))) or "none"
        msg = f"{folder}: needs at least two subfolders with pictures, one per class, found {names}"
        raise InputError(msg, kind="too-few-classes")
    return files, labels
