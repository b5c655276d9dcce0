"""A sheet of pictures with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.plots.style import figure, save

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
    """
    with figure(1, title) as (picture, [panel]):
        panel.remove()
        picture.set_size_inches(1.1 * columns, 1.35 * -(-len(pictures) // columns))
        grid = picture.subplots(-(-len(pictures) // columns), columns, squeeze=False)
        for place in grid.flat:
            place.axis("off")
        for place, pixels, label in zip(grid.flat, pictures, labels, strict=False):
            place.imshow(pixels, cmap="gray", vmin=0, vmax=255)
            place.set_title(label, fontsize=9)
        return save(picture, path)
