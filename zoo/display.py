"""How objects show themselves: in one line, as tables in notebooks, and as frames of pandas.

Names, labels and messages may be a stranger's: all of them are escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError, require
from zoo_weights.text import printable

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS, MAX_COLUMNS = 20, 12
"""Rows and columns of a table that a notebook shows; more would hide the rest of the page."""

SVG_STYLE = "max-width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt"
"""What matplotlib sets for its own pictures, and what makes a picture fit a narrow page."""


def one_line(subject: object, *facts: object) -> str:
    """Return the class of an object and facts about it, as ``repr`` shows it; None is no fact."""
    texts = (printable(str(fact)) for fact in facts if fact is not None)
    return f"{type(subject).__name__}({', '.join(texts)})"


def to_frame(
    rows: Sequence[Mapping[str, Any]], index: Sequence[Any] | None = None, name: str = ""
) -> pd.DataFrame:
    """Return rows of cells by column as a frame.

    Parameters
    ----------
    rows
        The rows; a cell that one does not have is missing there.
    index, name
        Labels of the rows, and what they are; their numbers from 0, if not given.

    Raises
    ------
    UsageError
        If pandas is missing.
    """
    require("pandas", "frames need pandas", extra="pandas")
    import pandas as pd

    labels = pd.RangeIndex(len(rows)) if index is None else pd.Index(index, name=name)
    return pd.DataFrame(list(rows), labels)


def html_table(rows: Sequence[Mapping[str, Any]], title: str = "", more: int = 0) -> str:
    """Return rows of cells by column as an HTML table.

    Parameters
    ----------
    rows
        The rows, of which the first are shown, without columns that are empty in all of them.
    title
        What stands above the table.
    more
        Number of further rows.
    """
    more += max(0, len(rows) - MAX_ROWS)
    rows = rows[:MAX_ROWS]
    used = {name: None for row in rows for name, cell in row.items() if cell not in (None, "")}
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name in used]
    left_out = [f"{more:,} more rows"] if more > 0 else []
    if len(names) > MAX_COLUMNS:
        left_out.append(f"{len(names) - MAX_COLUMNS:,} more columns")
        del names[MAX_COLUMNS:]
    lines = [_row("th", names), *(_row("td", [row.get(name) for name in names]) for row in rows)]
    body = f"<table>{''.join(lines)}</table>" if names else ""
    heading = f"<p><b>{_cell(title)}</b></p>" if title else ""
    return heading + body + (f"<p>… {' and '.join(left_out)}</p>" if left_out else "")


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_cell(cell)}</{tag}>' for cell in cells)}</tr>"


def _cell(value: object) -> str:
    from html import escape

    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value[:MAX_COLUMNS])) + ", …" * (len(value) > MAX_COLUMNS)
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return escape(printable(text))


def inline_svg(draw: Callable[[Path], object]) -> str:
    """Return a picture as SVG to put into a page; empty if matplotlib is missing.

    Parameters
    ----------
    draw
        Draws it to a path.
    """
    import re
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.svg"
        try:
            draw(path)
        except UsageError:
            return ""
        text = path.read_text(encoding="utf-8")
    # Its style sheet would be that of the page as well.
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.replace("<svg", f'<svg style="{SVG_STYLE}"', 1)
