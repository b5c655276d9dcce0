"""How zoo's pictures look: labelled, colour-blind safe (Okabe and Ito), readable when small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, require
from zoo_weights import atomic_write

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"

COLOURS = (BLUE, ORANGE, GREEN, PINK, "#E69F00", "#56B4E9", "#000000")
"""For lines that stand for different things; yellow is left out, it is too faint on white."""

FORMATS = ("png", "svg")

_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 120,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "zoo",  # the same picture is the same file
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
}


def check_picture(path: Path) -> None:
    """Raise `UsageError` unless a picture can be drawn into the file; before any long work."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        msg = f"{path}: pictures are drawn as .png or .svg, received {path.suffix or 'no suffix'!r}"
        raise UsageError(msg)
    if not path.absolute().parent.is_dir():
        msg = f"{path}: there is no folder {path.parent}"
        raise UsageError(msg)
    if path.is_dir():
        msg = f"{path}: is a folder, expected a file to draw"
        raise UsageError(msg)
    require("matplotlib", "drawing needs matplotlib", extra="plot")


@contextmanager
def figure(
    path: Path, panels: int, title: str, *, size: tuple[float, float], stacked: bool = False
) -> Iterator[list[Any]]:
    """Yield the panels of a figure, and write it whole or not at all; no window, no global state.

    Parameters
    ----------
    path
        The picture; its suffix says the format.
    panels
        How many, side by side.
    title
        What stands above them all.
    size
        Width and height of the whole in inches.
    stacked
        Whether the panels lie one below the other, with the same x axis.

    Raises
    ------
    UsageError
        If the picture cannot be drawn into the file.
    """
    check_picture(path)
    import matplotlib
    from matplotlib.figure import Figure

    form = path.suffix.lower().removeprefix(".")
    # A date in the file would make the same picture another file every time.
    metadata = {"Date": None} if form == "svg" else None
    with matplotlib.rc_context(_STYLE):
        picture = Figure(figsize=size, layout="constrained")
        shape = (panels, 1) if stacked else (1, panels)
        axes = picture.subplots(*shape, squeeze=False, sharex=stacked)
        picture.suptitle(title)
        yield list(axes.flat)
        with atomic_write(path) as temporary:
            # What stands outside of the figure's frame is not cut off, empty margins are.
            cut: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.1}
            dpi = picture.get_dpi()
            picture.savefig(temporary, format=form, metadata=metadata, dpi=dpi, **cut)


def bare(panel: Any) -> None:
    """Take grid, frame and tick marks away from a panel."""
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)


def draw_cells(panel: Any, values: Any, label: str, *, bar: dict[str, Any], **style: Any) -> None:
    """Draw numbers as coloured cells, with a colour bar beside them.

    Parameters
    ----------
    panel
        Where to draw.
    values
        Array of shape (rows, columns).
    label
        What the colours mean.
    bar
        How the bar is placed, as ``Figure.colorbar`` takes it.
    **style
        As ``Axes.imshow`` takes it.
    """
    bare(panel)
    shown = panel.imshow(values, **style)
    colours = panel.figure.colorbar(shown, ax=panel, pad=0.02, **bar)
    colours.outline.set_visible(False)
    colours.set_label(label)


def shortened(text: str, length: int) -> str:
    """Return a text cut to so many characters, its end marked where it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"
