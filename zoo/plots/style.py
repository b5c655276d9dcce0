"""The look of zoo's plots: labelled, colour-blind safe (Okabe and Ito), readable when small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, require
from zoo_weights.files import atomic_write
from zoo_weights.text import printable

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"

COLOURS = (BLUE, ORANGE, GREEN, PINK, "#E69F00", "#56B4E9", "#000000")
"""Colours of lines; yellow is left out, it is too faint on white."""

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
    "svg.hashsalt": "zoo",  # the same plot is the same file
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
}


def check_path(path: Path) -> None:
    """Raise `UsageError` unless a plot can be written to the file; call it before long work."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        msg = f"{path}: plots are .png or .svg files, received {path.suffix or 'no suffix'!r}"
        raise UsageError(msg)
    if not path.absolute().parent.is_dir():
        msg = f"{path}: there is no folder {path.parent}"
        raise UsageError(msg)
    if path.is_dir():
        msg = f"{path}: is a folder, expected a file to write"
        raise UsageError(msg)
    require("matplotlib", "drawing needs matplotlib", extra="plot")


@contextmanager
def save_figure(
    path: Path, panels: int, title: str, *, size: tuple[float, float], stacked: bool = False
) -> Iterator[list[Any]]:
    """Yield the panels of a figure, then write it to a file; no window, no global state.

    Parameters
    ----------
    path
        File to write, completely or not at all; its suffix sets the format.
    panels
        Number of panels, side by side.
    title
        Title above all panels.
    size
        Width and height of the figure in inches.
    stacked
        Whether the panels are stacked instead, with the same x axis.

    Raises
    ------
    UsageError
        If a plot cannot be written to the file.
    """
    check_path(path)
    import matplotlib
    from matplotlib.figure import Figure

    form = path.suffix.lower().removeprefix(".")
    # With a date, the same plot would be another file every time.
    metadata = {"Date": None} if form == "svg" else None
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        shape = (panels, 1) if stacked else (1, panels)
        axes = figure.subplots(*shape, squeeze=False, sharex=stacked)
        figure.suptitle(printable(title, None))
        yield list(axes.flat)
        with atomic_write(path) as temporary:
            # Text outside the figure's frame is kept, empty margins are cut off.
            cut: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.1}
            dpi = figure.get_dpi()
            figure.savefig(temporary, format=form, metadata=metadata, dpi=dpi, **cut)


def hide_frame(panel: Any) -> None:
    """Remove grid, frame and tick marks from a panel."""
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
        Placement of the bar, as for ``Figure.colorbar``.
    **style
        As for ``Axes.imshow``.
    """
    hide_frame(panel)
    shown = panel.imshow(values, **style)
    colours = panel.figure.colorbar(shown, ax=panel, pad=0.02, **bar)
    colours.outline.set_visible(False)
    colours.set_label(label)


def shorten(text: str, length: int) -> str:
    """Return a text escaped and cut to `length` characters, with an ellipsis if it was cut."""
    text = printable(text, None)
    return text if len(text) <= length else text[: length - 1] + "…"
