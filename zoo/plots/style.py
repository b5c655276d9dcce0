"""How zoo's pictures look: labelled, colour-blind safe (Okabe and Ito), readable when small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo_weights import atomic_write

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"

_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 120,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",
}


@contextmanager
def figure(panels: int, title: str) -> Iterator[tuple[Any, list[Any]]]:
    """Yield a figure and its panels side by side; no window and no global state."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        picture = Figure(figsize=(5.0 * panels, 3.6), layout="constrained")
        axes = picture.subplots(1, panels, squeeze=False)
        picture.suptitle(title)
        yield picture, list(axes[0])


def save(picture: Any, path: Path) -> Path:
    """Write a figure whole or not at all, in the format of the path's suffix."""
    with atomic_write(path) as temporary:
        picture.savefig(temporary, format=path.suffix.removeprefix(".") or "png")
    return path
