"""Images with labels: a folder with one subfolder per class, or a table that names their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo.data.inputs import IMAGE_SUFFIXES, Input, is_url, walk_images
from zoo.data.table import Table
from zoo.errors import InputError, unreadable

FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "photo")
"""Names of columns that hold the files of images, unless another one does."""


def read_folder(folder: Path, *, least: int = 2) -> tuple[list[Path], list[str]]:
    """Return the images of a folder and the names of their classes, both sorted.

    Parameters
    ----------
    folder
        Folder with one subfolder of images per class.
    least
        Number of classes that it needs.

    Raises
    ------
    InputError
        If it is not a folder, has too few subfolders with images, or a class is empty.
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
    if len(set(labels)) < least:
        names = ", ".join(sorted(set(labels))) or "none"
        needed = "two subfolders" if least == 2 else "one subfolder"
        msg = f"{folder}: needs at least {needed} with images, one per class, found {names}"
        raise InputError(msg, kind="too-few-classes")
    return files, labels


def _image_path(item: Input) -> Path:
    """Return the path of an image; what could not be listed would be missing from the training."""
    if item.error is not None:
        raise item.error
    return Path(item.name)


def file_column(table: Table) -> str:
    """Return the column of a table that names the files of images.

    Raises
    ------
    InputError
        If there is none.
    """
    names = {name.strip().lower(): name for name in reversed(table.columns)}
    usual = [names[name] for name in FILE_COLUMNS if name in names]
    for name in [*usual, *table.columns]:
        cells = table.columns[name]
        if len(cells) and all(_is_image_name(cell) for cell in cells[:100]):
            return name
    if usual:  # the files themselves say what is wrong with them
        return usual[0]
    msg = f"no column names the files of images; there are {', '.join(table.columns)}"
    raise InputError(msg, kind="missing-column")


def image_files(cells: Any, folder: Path) -> list[Any]:
    """Return the paths that cells name, relative to a folder; what is no text stays as it is."""
    return [
        folder / cell.strip() if isinstance(cell, str) and not is_url(cell) else cell
        for cell in cells
    ]


def _is_image_name(cell: Any) -> bool:
    return isinstance(cell, str | Path) and Path(cell).suffix.lower() in IMAGE_SUFFIXES
