"""A folder of images, one subfolder per class."""

from __future__ import annotations

from pathlib import Path

from zoo.data.inputs import IMAGE_SUFFIXES
from zoo.errors import InputError


def read_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images of a folder and the names of their classes, both sorted.

    Raises
    ------
    InputError
        If it is not a folder, has fewer than two subfolders with images, or a class is empty.
    """
    if not folder.is_dir():
        msg = f"{folder}: expected a folder with one subfolder of images per class"
        raise InputError(msg, kind="not-a-folder")
    files: list[Path] = []
    labels: list[str] = []
    for child in sorted(folder.iterdir()):
        if not child.is_dir() or child.name.startswith("."):
            continue
        images = sorted(
            f for f in child.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file()
        )
        if not images:
            msg = f"{child}: holds no images; every subfolder is a class and needs at least one"
            raise InputError(msg, kind="empty-class")
        files += images
        labels += [child.name] * len(images)
    if len(set(labels)) < 2:
        names = ", ".join(sorted(set(labels))) or "none"
        msg = f"{folder}: needs at least two subfolders with images, one per class, found {names}"
        raise InputError(msg, kind="too-few-classes")
    return files, labels
