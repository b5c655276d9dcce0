"""A sheet of images with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plots.style import save_figure, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw_sheet(
    images: NDArray[Any], labels: Sequence[str], columns: int, title: str, path: Path
) -> Path:
    """Draw images in rows of `columns`, each under its label, and return the path.

    Parameters
    ----------
    images
        Grey or RGB, uint8 of shape (images, height, width) or (images, height, width, 3).
    labels
        One per image.
    columns
        Images per row.
    title
        Title of the sheet.
    path
        File to write, ``.png`` or ``.svg``.
    """
    rows = -(-len(images) // columns)
    height = 1.1 * images.shape[1] / images.shape[2] + 0.25
    size = (1.1 * columns, height * rows + 0.3)
    with save_figure(path, 1, title, size=size) as [panel]:
        sheet = panel.figure
        panel.remove()
        grid = sheet.subplots(rows, columns, squeeze=False)
        for place in grid.flat:
            place.axis("off")
        for place, pixels, label in zip(grid.flat, images, labels, strict=False):
            place.imshow(pixels, cmap="gray", vmin=0, vmax=255)
            place.set_title(shorten(label, 16), fontsize=9)
    return path
