"""Text from a file or a server, made safe for a terminal, for JSON and TOML, and for CSV."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Control characters, line and paragraph separators, marks that set the reading direction, and
# halves of characters: what may change what a reader sees, or is no text at all.
_UNSAFE = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)  # those below are escaped by JSON and TOML themselves

_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def printable(text: str, limit: int | None = 200) -> str:
    """Return `text` with unprintable characters escaped, cut to `limit` characters.

    A name stored in a file may hold terminal control sequences, line breaks or marks that
    reverse the reading direction; printed raw, they would change what the user sees.

    >>> printable("conv\\x1b[2J")
    'conv\\\\x1b[2J'
    """
    cut = text[:limit]
    if not cut.isprintable():
        cut = "".join(char if _is_visible(char) else _escape(char) for char in cut)
    return cut if limit is None or len(text) <= limit else f"{cut}…"


def show_url(url: str) -> str:
    """Return a URL in quotes for a message, without the password that it may have.

    >>> show_url("https://me:secret@example.org/x")
    "'https://…@example.org/x'"
    """
    return repr(printable(hide_password(url)))


def hide_password(url: str) -> str:
    """Return a URL without the name and the password in it."""
    return _CREDENTIALS.sub("…@", url)


def _is_visible(char: str) -> bool:
    # Spaces of other scripts and widths stand in names of folders.
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def escape_strings(text: str) -> str:
    r"""Return JSON or TOML with the unsafe characters in its strings as ``\u`` escapes.

    Its readers get the same strings.
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape_cell(cell: object) -> object:
    """Return a CSV cell that no spreadsheet takes for a formula.

    Text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return gets an apostrophe
    in front, unless it is a number; so does such text behind apostrophes, so that `unescape_cell`
    returns what it was. What is no text stays as it is.
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def csv_line(cells: Iterable[object]) -> str:
    """Return cells as a line of CSV without formulas, numbers with all their digits."""
    import csv
    import io

    line = io.StringIO()
    # With "\n" alone, a cell with a carriage return would not be quoted.
    csv.writer(line, lineterminator="\r\n").writerow(map(escape_cell, cells))
    return line.getvalue().removesuffix("\r\n") + "\n"


def unescape_cell(cell: str) -> str:
    """Return the text that `escape_cell` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
