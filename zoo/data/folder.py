"""A folder of images, one subfolder per class."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.data.inputs import Input, walk_images
from zoo.errors import InputError, unreadable


def read_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images of a folder and the names of their classes, both sorted.

    Raises
    ------
    InputError
        If it is not a folder, has fewer than two subfolders with images, or a class is empty.
    """
    if not os.path.isdir(folder):
        msg = f"{folder}: expected a folder with one subfolder of images per class"
        raise InputError(msg, kind="not-a-folder")
    files: list[Path] = []
    labels: list[str] = []
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from None
    for child in children:
        if not os.path.isdir(child) or child.name.startswith("."):
            continue
        images = [_image_path(item) for item in walk_images(str(child))]
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


def _image_path(item: Input) -> Path:
    """Return the path of an image; what could not be listed would be missing from the training."""
    if item.error is not None:
        raise item.error
    return Path(item.name)
