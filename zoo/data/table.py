"""Tables: named columns of cells, read from files or built from rows, arrays and frames.

Parquet files need polars (the ``tables`` extra).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

from zoo.data.csv_rows import BadRow, clean, count_lost, open_text, read_rows
from zoo.errors import InputError, did_you_mean, unreadable
from zoo.files import require_regular
from zoo_weights.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    RowNumbers = Sequence[int] | NDArray[np.int64]


TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
"""Suffixes of files that are tables."""

CHUNK = 8192
"""Rows read at a time, so that a file of any length takes the same memory."""

BLOCK = 512
"""Rows transposed into columns at once: few enough for their cells to fit the processor's cache."""


class Table(Sequence[Mapping[str, Any]]):
    """Rows of named cells, stored by column.

    Parameters
    ----------
    columns
        Name to cells (strings or numbers); all of the same length.
    problems
        Rows that cannot be used, by position, with the reason.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[Any]], problems: Mapping[int, str] | None = None
    ) -> None:
        lengths = {len(cells) for cells in columns.values()}
        if len(lengths) > 1:
            msg = f"columns must have the same length, received lengths {sorted(lengths)}"
            raise InputError(msg, kind="bad-table")
        self.columns = dict(columns)
        self.problems = dict(problems or {})
        self._length = lengths.pop() if lengths else 0

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Table: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Table:
        chosen = {name: cells[index] for name, cells in self.columns.items()}
        if isinstance(index, slice):
            return Table(chosen, self._select_problems(range(len(self))[index]))
        return chosen

    def take(self, rows: RowNumbers) -> Table:
        """Return a table of the rows at these positions, in this order."""
        places = list(map(int, rows))
        chosen = {name: [cells[row] for row in places] for name, cells in self.columns.items()}
        return Table(chosen, self._select_problems(places))

    def _select_problems(self, rows: Sequence[int]) -> dict[int, str]:
        """Return the problems of some rows, by their new positions."""
        if not self.problems:
            return {}
        return {new: self.problems[old] for new, old in enumerate(rows) if old in self.problems}

    def column(self, name: str) -> Sequence[Any]:
        """Return the cells of a column.

        Raises
        ------
        InputError
            If the table has no such column.
        """
        if name not in self.columns:
            shown = printable(", ".join(self.columns), 1000)
            msg = f"column {name!r} is missing; the table has {shown}."
            raise InputError(msg + did_you_mean(name, self.columns), kind="missing-column")
        return self.columns[name]

    def only_column(self) -> Sequence[Any]:
        """Return the cells of the only column.

        Raises
        ------
        InputError
            If the table has several, or none.
        """
        if len(self.columns) != 1:
            names = printable(", ".join(self.columns), 1000) or "none"
            msg = f"expected one column, received {names}"
            raise InputError(msg, kind="bad-table")
        return next(iter(self.columns.values()))

    @classmethod
    def of(cls, rows: Any, names: Sequence[str] = ()) -> Table:
        """Make a table from a frame, dicts, or rows of cells.

        Parameters
        ----------
        rows
            A table, a pandas or polars frame (lazy or not), a list of dicts, or a list (or 2-D
            array) of rows.
        names
            Names of the columns, if `rows` has none.

        Raises
        ------
        InputError
            If `rows` is none of these, or its width is not that of `names`.
        """
        if isinstance(rows, Table):
            return rows
        if hasattr(rows, "collect"):
            rows = rows.collect()
        if hasattr(rows, "columns") and hasattr(rows, "shape"):  # a pandas or polars frame
            _refuse_repeated(map(str, rows.columns), "the frame")
            return cls({str(name): list(rows[name]) for name in rows.columns})
        if isinstance(rows, Mapping):
            rows = [rows]
        if not isinstance(rows, Iterable):
            msg = f"expected a table, a frame or rows of cells, received {rows!r}"
            raise InputError(msg, kind="bad-table")
        rows = list(rows)
        if rows and all(isinstance(row, Mapping) for row in rows):
            keys = list(dict.fromkeys(key for row in rows for key in row))
            return cls({key: [row.get(key) for row in rows] for key in keys})
        if any(isinstance(row, str) or not hasattr(row, "__len__") for row in rows):
            msg = f"expected rows of cells, received {rows[0]!r}"
            raise InputError(msg, kind="bad-table")
        if rows and not names:
            msg = f"no column names for the row {rows[0]!r}; pass dicts or a frame"
            raise InputError(msg, kind="bad-table")
        for row in rows:
            if len(row) != len(names):
                msg = f"a row has {len(row)} cells, expected {len(names)}: {', '.join(names)}"
                raise InputError(msg, kind="bad-table")
        return cls({name: [row[i] for row in rows] for i, name in enumerate(names)})


def read_csv(source: Path | IO[Any]) -> Table:
    """Read an entire CSV file; see `stream_csv`."""
    return join_tables(stream_csv(source))


def join_tables(chunks: Iterable[Table]) -> Table:
    """Concatenate tables with the same columns."""
    columns: dict[str, list[Any]] = {}
    problems: dict[int, str] = {}
    done = 0
    for chunk in chunks:
        for name, cells in chunk.columns.items():
            columns.setdefault(name, []).extend(cells)
        problems.update({done + row: text for row, text in chunk.problems.items()})
        done += len(chunk)
    return Table(columns, problems)


def stream_csv(source: Path | IO[Any], rows: int = CHUNK) -> Iterator[Table]:
    """Yield a CSV file as tables of at most `rows` rows: at least one, possibly empty.

    The first row that is not blank is the header; a column without a name is left out. A byte
    order mark and blank lines are skipped; the separator (comma, semicolon, tab, bar) is the one
    that cuts the header into the most cells; quoted cells may hold separators and line breaks. A
    row that has too few or too many cells, too long a cell, a byte that is not UTF-8 or a quote
    left open, or repeats the header, is kept as a problem. An apostrophe before = + - @, a tab or
    a return at the start of a cell is left out: it keeps spreadsheets from computing the cell.

    Parameters
    ----------
    source
        Path, or an open file of bytes or text.
    rows
        Rows per table, at most.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or its header names a column twice.
    """
    name = str(source) if isinstance(source, Path) else "standard input"
    try:
        with open_text(source) as file:
            yield from _stream_tables(file, name, rows)
    except OSError as error:
        raise unreadable(name, error) from None
    except UnicodeDecodeError as error:  # of text that the caller opened
        msg = f"{name}: is not UTF-8 text, it holds the byte {error.object[error.start]:#04x}"
        raise InputError(msg, kind="not-text") from None


def _stream_tables(file: IO[str], name: str, rows: int) -> Iterator[Table]:
    first, reader = read_rows(file, name)
    header = _parse_header(first, name)

    def table() -> Table:
        named = {column: cells for column, cells in zip(header, columns, strict=True) if column}
        return Table(named, problems)

    columns: list[list[str | None]] = [[] for _ in header]
    problems: dict[int, str] = {}
    yielded = False
    failure: Exception | None = None
    while failure is None:
        block: list[list[str]] = []
        try:
            block.extend(itertools.islice(reader, min(BLOCK, rows - len(columns[0]))))
        except (InputError, OSError, ValueError) as error:
            failure = error  # the rows before it are usable
        if not block:
            break
        usable = _check_rows(clean(block), first, len(columns[0]), problems)
        for cells, more in zip(columns, zip(*usable, strict=True), strict=bool(usable)):
            cells.extend(more)
        if len(columns[0]) == rows:
            yield table()
            columns, problems, yielded = [[] for _ in header], {}, True
    if columns[0] or not (yielded or failure):
        yield table()
    if failure is not None:
        raise failure


def _parse_header(first: list[str], name: str) -> list[str]:
    """Return the names of the columns, or raise `InputError`."""
    header = [cell.strip() for cell in first]
    if not any(header):
        msg = f"{name}: is empty, expected a header line and rows"
        raise InputError(msg, kind="empty")
    if any("\0" in cell for cell in header):
        msg = f"{name}: the header holds a NUL byte, expected UTF-8 text"
        raise InputError(msg, kind="not-text")
    if isinstance(bad := clean([header])[0], BadRow):
        msg = f"{name}: the header {bad.reason}"
        raise InputError(msg, kind="not-text")
    _refuse_repeated(filter(None, header), f"{name}: the header")
    return header


def _check_rows(
    block: Sequence[list[str]], first: list[str], start: int, problems: dict[int, str]
) -> Sequence[list[Any]]:
    """Return rows as wide as the header, without blank rows; problem rows hold None only.

    Parameters
    ----------
    block
        The rows as read.
    first
        The header.
    start
        Position of the first row in its table.
    problems
        Receives the reasons.
    """
    width = len(first)
    plain = type(block[-1]) is list  # what leaves a quote open is the last row of the file
    if plain and set(map(len, block)) == {width} and first not in block:
        return block
    rows: list[list[Any]] = []
    for row in block:
        bad = isinstance(row, BadRow)
        if not bad and (not row or (len(row) == 1 < width and not row[0].strip())):
            continue
        if bad or len(row) != width or row == first:
            problems[start + len(rows)] = _problem(row, width)
            rows.append([None] * width)
        else:
            rows.append(row)
    return rows


def _problem(row: list[str], width: int) -> str:
    if isinstance(row, BadRow) and len(row) in (0, width):
        return row.reason
    if len(row) == width:
        return "repeats the header"
    spans = any(len(cell.splitlines()) > 1 for cell in row)
    hint = f"; is a quote left open? {count_lost(row)}" if spans else ""
    return f"has {len(row)} cells, the header has {width}{hint}"


def _refuse_repeated(names: Iterable[str], where: str) -> None:
    """Raise `InputError` if a name occurs more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            msg = f"{where} names {name!r} more than once"
            raise InputError(msg, kind="bad-header")


def take(raws: Any, rows: RowNumbers) -> Any:
    """Return the raw inputs at these positions, from a table, texts, an array or a list."""
    if hasattr(raws, "dtype"):
        return raws[rows]
    return raws.take(rows) if hasattr(raws, "take") else [raws[row] for row in rows]


BLOCK = 65_536
"""Rows of a parquet file decoded at once: a slice costs as much as its entire row group."""


def stream_table(path: Path, rows: int = CHUNK) -> Iterator[Table]:
    """Yield a file as tables of at most `rows` rows: at least one, possibly empty.

    Raises
    ------
    InputError
        If the file cannot be read, or is parquet and polars is missing.
    """
    if path.suffix.lower() == ".parquet":
        yield from _stream_parquet(path, rows)
    else:
        yield from stream_csv(path, rows)


def _stream_parquet(path: Path, rows: int) -> Iterator[Table]:
    try:
        import polars
    except ImportError:
        msg = f"{path}: parquet needs polars; run: pip install 'keras-zoo[tables]'"
        raise InputError(msg, kind="not-installed") from None
    require_regular(path, "a parquet file")
    try:
        lazy = polars.scan_parquet(path, glob=False)
        count = lazy.select(polars.len()).collect().item()
        for start in range(0, max(count, 1), BLOCK):
            block = lazy.slice(start, BLOCK).collect()
            for first in range(0, max(len(block), 1), rows):
                yield Table.of(block.slice(first, rows))
    except OSError as error:
        raise unreadable(path, error) from None
    except polars.exceptions.PolarsError as error:
        msg = f"{path}: is not a parquet file, {' '.join(str(error).split())}"
        raise InputError(msg, kind="not-parquet") from None
