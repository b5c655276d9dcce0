"""A sheet of pictures with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plots.style import figure, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw_sheet(
    pictures: NDArray[Any], labels: Sequence[str], columns: int, title: str, path: Path
) -> Path:
    """Draw pictures in rows of `columns`, each under its label, and return the path.

    Parameters
    ----------
    pictures
        Grey or RGB, uint8 of shape (pictures, height, width) or (pictures, height, width, 3).
    labels
        One for each picture.
    columns
        Pictures in a row.
    title
        What stands above the sheet.
    path
        The sheet, ``.png`` or ``.svg``.
    """
    rows = -(-len(pictures) // columns)
    height = 1.1 * pictures.shape[1] / pictures.shape[2] + 0.25
    size = (1.1 * columns, height * rows + 0.3)
    with figure(path, 1, title, size=size) as [panel]:
        sheet = panel.figure
        panel.remove()
        grid = sheet.subplots(rows, columns, squeeze=False)
        for place in grid.flat:
            place.axis("off")
        for place, pixels, label in zip(grid.flat, pictures, labels, strict=False):
            place.imshow(pixels, cmap="gray", vmin=0, vmax=255)
            place.set_title(shortened(label, 16), fontsize=9)
    return path
