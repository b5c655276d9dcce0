"""The look of zoo's plots: labelled, colour-blind safe (Okabe and Ito), readable when small."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Sequence
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

CHARACTERS = 11
"""Characters of a title in an inch."""

_STYLE = {
    "axes.formatter.useoffset": False,  # 0.5001, not 0.0001 beside a hidden 0.5
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
    path: Path,
    panels: int,
    title: str,
    *,
    size: tuple[float, float],
    columns: int | None = None,
    widths: Sequence[float] | None = None,
) -> Iterator[list[Any]]:
    """Yield the panels of a figure, then write it to a file; no window, no global state.

    Parameters
    ----------
    path
        File to write, completely or not at all; its suffix sets the format.
    panels
        Number of panels.
    title
        Title above all panels.
    size
        Width and height of the figure in inches.
    columns
        Panels side by side; all of them if not given. Panels in one column share their x axis.
    widths
        Widths of the columns, in any unit; all the same if not given.

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
        columns = columns or panels
        shape = (-(-panels // columns), columns)
        look: dict[str, Any] = {"sharex": columns == 1, "width_ratios": widths}
        axes = list(figure.subplots(*shape, squeeze=False, **look).flat)
        for unused in axes[panels:]:
            unused.remove()
        figure.suptitle(wrap_title(title, size[0]))
        yield axes[:panels]
        with atomic_write(path) as temporary:
            # Text outside the figure's frame is kept, empty margins are cut off.
            cut: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.1}
            dpi = figure.get_dpi()
            with _glyphs_counted(path, form):
                figure.savefig(temporary, format=form, metadata=metadata, dpi=dpi, **cut)


@contextmanager
def _glyphs_counted(path: Path, form: str) -> Iterator[None]:
    """Warn once of characters that the font lacks, and not at all where the viewer draws them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lost = {str(w.message) for w in caught if "missing from font" in str(w.message)}
    for warning in caught:
        if str(warning.message) not in lost:
            text, where = str(warning.message), (warning.filename, warning.lineno)
            warnings.warn_explicit(text, warning.category, *where)
    if lost and form == "png":
        msg = f"{path}: the font lacks {len(lost)} of the characters; an .svg file shows them"
        warnings.warn(msg, stacklevel=6)  # where the picture is drawn


def wrap_title(title: str, width: float) -> str:
    """Return a title in lines that fit into a figure so many inches wide."""
    return textwrap.fill(printable(title, None), max(20, int(width * CHARACTERS)))


def set_subtitle(panel: Any, text: str, width: float) -> None:
    """Write a text below the title of a figure so many inches wide."""
    panel.set_title(wrap_title(text, 1.2 * width), fontsize=9, color=GREY)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of the longest line of a text in inches; the font size is in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # said when it is drawn
        measure = text_to_path.get_text_width_height_descent
        points: float = max(measure(line, font, ismath=False)[0] for line in text.split("\n"))
    return points / 72


def note_emptiness(panel: Any, text: str) -> None:
    """Write into a panel without marks that it has nothing to show."""
    style = {"ha": "center", "va": "center", "color": GREY, "transform": panel.transAxes}
    panel.text(0.5, 0.5, text, **style)
    panel.set(xticks=[], yticks=[])


def hide_frame(panel: Any) -> None:
    """Remove grid, frame and tick marks from a panel."""
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)


def draw_cells(panel: Any, values: Any, label: str, *, bar: dict[str, Any], **style: Any) -> Any:
    """Draw numbers as coloured cells with a colour bar beside them, and return the image.

    Parameters
    ----------
    panel
        Where to draw.
    values
        Array of shape (rows, columns).
    label
        What the colours mean.
    bar
        Placement and marks of the bar, as for ``Figure.colorbar``.
    **style
        As for ``Axes.imshow``.
    """
    hide_frame(panel)
    shown = panel.imshow(values, **style)
    colours = panel.figure.colorbar(shown, ax=panel, pad=0.02, **bar)
    colours.outline.set_visible(False)
    colours.set_label(label)
    return shown


def shorten(text: str, length: int) -> str:
    """Return a text escaped and cut to `length` characters, with an ellipsis if it was cut.

    It is cut in the middle: names often differ in their ends.
    """
    text = printable(text, None)
    head = length // 2
    return text if len(text) <= length else f"{text[:head]}…{text[head + 1 - length :]}"
