"""The rows of a CSV file as lists of cells; a row that cannot be read is a `BadRow`."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from zoo.errors import InputError
from zoo.files import open_regular

SEPARATORS = ",;\t|"

LINE = 1 << 24
"""Maximum characters of a line: a file without line ends must not fill the memory."""

MANY = 1000
"""Rows without a good one among them after which a file is given up."""

NOT_TEXT = "is not UTF-8 text"

END = "\0end"
"""Line behind the last one: it ends up in the last cell if a quote is left open."""

SURROGATE = re.compile("[\udc80-\udcff]")
"""What a byte becomes that is not UTF-8."""

ESCAPED = re.compile("'[=+@\t\r-]")
"""Start of a text that a writer has kept from being a formula."""

UTF_16 = NOT_TEXT + ", it holds the byte {:#04x} as UTF-16 does; save it as UTF-8"
CONTAINERS = {
    b"\x1f\x8b": "is a gzip file, expected CSV text; unpack it first",
    b"PK\x03\x04": "is a zip or Excel file, expected CSV text; save it as CSV",
    b"PAR1": "is a parquet file, expected CSV text; name it .parquet",
    b"\xff\xfe": UTF_16.format(0xFF),
    b"\xfe\xff": UTF_16.format(0xFE),
}
"""First bytes of files often mistaken for CSV: what they are, and what to do."""


class BadRow(list[str]):
    """A row that cannot be used, and the reason.

    Parameters
    ----------
    reason
        What is wrong with it.
    cells
        Its cells, as far as they are known.
    """

    def __init__(self, reason: str, cells: Iterable[str] = ()) -> None:
        super().__init__(cells)
        self.reason = reason


@contextmanager
def open_text(source: Path | IO[str] | IO[bytes]) -> Iterator[IO[str]]:
    """Open a file as UTF-8, whatever the locale, with its line ends unchanged.

    Bytes that are not UTF-8 become lone surrogates: they cost their row, not the file.
    """
    if hasattr(source, "encoding"):
        yield source  # type: ignore[misc]  # it is text
        return
    file = open_regular(source, "a CSV file") if isinstance(source, Path) else source
    text = io.TextIOWrapper(  # type: ignore[type-var]
        file, encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    try:
        yield text
    finally:
        text.detach()  # or it would close the caller's file
        if isinstance(source, Path):
            file.close()


def read_rows(file: IO[str], name: str) -> tuple[list[str], Iterator[list[str]]]:
    """Return the header and the rows below it, cut at the separator that fits the header best.

    Parameters
    ----------
    file
        The open file.
    name
        Its name, for messages.

    Raises
    ------
    InputError
        If there is no header, or the file is no text. The rows raise it at a line that has no end.
    """
    start = file.readline(LINE).removeprefix("\ufeff")
    first = start[:4].encode("utf-8", "surrogateescape")
    for magic, text in CONTAINERS.items():
        if first.startswith(magic):
            msg = f"{name}: {text}"
            raise InputError(msg, kind="not-text")
    lines = _check_lengths(itertools.chain([start], iter(partial(file.readline, LINE), "")), name)
    candidates = []
    for separator, copy in zip(SEPARATORS, itertools.tee(lines, len(SEPARATORS)), strict=True):
        rows = _cut(copy, separator)
        candidates.append((next(filter(_is_filled, rows), []), rows))
    header, rows = max(candidates, key=lambda pair: len(pair[0]))
    bad = next((first for first, _ in candidates if isinstance(first, BadRow)), None)
    if bad is not None and not header:  # with every separator: one may break a quoted cell
        raise _file_error(name, bad)
    return header, _require_readable(rows, name)


def separator_of(path: Path) -> str:
    """Return the separator that cuts the first line of a file into the most cells."""
    with open_text(path) as file:
        line = file.readline(LINE)
    return max(SEPARATORS, key=lambda separator: len(next(csv.reader([line], delimiter=separator))))


def _require_readable(rows: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    """Return the rows, or raise `InputError` if none of the first can be read: it is no CSV."""
    head: list[list[str]] = []
    for row in rows:
        head += clean([row])
        if not isinstance(head[-1], BadRow) or len(head) == MANY:
            break
    if head and isinstance(head[-1], BadRow):
        raise _file_error(name, head[0])
    return itertools.chain(head, rows)


def _file_error(name: str, row: list[str]) -> InputError:
    reason = getattr(row, "reason", "")
    text = reason if reason.startswith(NOT_TEXT) else f"is not CSV, {reason}"
    return InputError(f"{name}: {text}", kind="not-csv" if text != reason else "not-text")


def _check_lengths(lines: Iterable[str], name: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) == LINE:
            msg = f"{name}: line {number} has more than {LINE:,} characters, expected CSV text"
            raise InputError(msg, kind="not-csv")
        yield line


def _cut(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """Yield the rows of a file cut at a separator."""
    reader = csv.reader(itertools.chain(lines, [END]), delimiter=separator)
    row: list[str] | None = None
    while True:
        try:
            for following in reader:
                if row is not None:
                    yield row
                row = following
            break
        except csv.Error as error:  # the reader goes on with the next line
            if row is not None:
                yield row
            row = BadRow(_describe(error, reader.line_num))
        except (InputError, OSError, ValueError):  # the file ends here; what came before counts
            if row is not None:
                yield row
            raise
    # The last row is `END`, or has it in its last cell.
    if isinstance(row, BadRow):
        yield row
    elif row is not None and row != [END]:
        row[-1] = row[-1].removesuffix(END)
        yield BadRow(f"has a quote that is never closed; {count_lost(row)}", row)


def count_lost(row: list[str]) -> str:
    """Return how many lines a quoted cell took with it, in words."""
    lines = len("".join(row).splitlines()) - 1
    return f"{lines} line{'s are' if lines != 1 else ' is'} lost with it"


def _describe(error: csv.Error, line: int) -> str:
    if "limit" not in str(error):
        return f"line {line}: {error}"
    limit = f"{csv.field_size_limit():,} characters"
    return (
        f"line {line}: a cell is longer than {limit}; is a quote left open? "
        f"From the cell's start to line {line} all is lost"
    )


def _is_filled(row: list[str]) -> bool:
    """Return whether a row holds anything, whatever separates its cells."""
    return isinstance(row, BadRow) or any(cell.strip(f"{SEPARATORS} \r\n") for cell in row)


def clean(block: Sequence[list[str]]) -> Sequence[list[str]]:
    """Return rows with what their cells say: escapes undone, and no byte that is not UTF-8.

    A row with such a byte becomes a `BadRow`.
    """
    text = "".join(map("".join, block))
    if text.isascii() and "'" not in text:
        return block
    return [_clean_row(row) for row in block]


def _clean_row(row: list[str]) -> list[str]:
    text = "".join(row)
    if not text.isascii() and (found := SURROGATE.search(text)):
        byte = found.group().encode("utf-8", "surrogateescape")[0]
        return BadRow(f"{NOT_TEXT}, it holds the byte {byte:#04x}; save it as UTF-8")
    if isinstance(row, BadRow) or "'" not in text:
        return row
    return [cell[1:] if ESCAPED.match(cell) else cell for cell in row]
