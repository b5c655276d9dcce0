"""Tables: named columns of cells, read from CSV or taken from rows, arrays and frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from zoo.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = Sequence[int] | NDArray[np.int64]

SEPARATORS = ",;\t|"
CHUNK = 8192
"""Rows read at a time, so that a file of any length takes the same memory."""


class Table(Sequence[Mapping[str, Any]]):
    """Rows of named cells, kept by column.

    Parameters
    ----------
    columns
        Name to cells (strings or numbers); all of one length.
    problems
        Rows that cannot be used, by position, with the reason.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[Any]], problems: Mapping[int, str] | None = None
    ) -> None:
        lengths = {len(cells) for cells in columns.values()}
        if len(lengths) > 1:
            msg = f"the columns of a table have one length, received lengths {sorted(lengths)}"
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
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return {name: cells[index] for name, cells in self.columns.items()}

    def take(self, rows: Rows) -> Table:
        """Return the table of some rows, in the order given."""
        return Table(
            {name: [cells[row] for row in rows] for name, cells in self.columns.items()},
            {new: self.problems[old] for new, old in enumerate(rows) if old in self.problems},
        )

    def column(self, name: str) -> Sequence[Any]:
        """Return the cells of a column.

        Raises
        ------
        InputError
            If the table has no such column.
        """
        if name not in self.columns:
            from zoo.errors import did_you_mean

            shown = ", ".join(self.columns)
            msg = f"column {name!r} is missing; the table has {shown}."
            raise InputError(msg + did_you_mean(name, self.columns), kind="missing-column")
        return self.columns[name]

    @classmethod
    def of(cls, rows: Any, names: Sequence[str] = ()) -> Table:
        """Make a table of what Python people have.

        Parameters
        ----------
        rows
            A table, a pandas or polars frame, a list of dicts, or a list (or 2-D array) of rows.
        names
            Names of the columns, where `rows` has none.

        Raises
        ------
        InputError
            If `rows` is none of these, or its width is not that of `names`.
        """
        if isinstance(rows, Table):
            return rows
        if hasattr(rows, "columns") and hasattr(rows, "shape"):  # a pandas or polars frame
            return cls({str(name): list(rows[name]) for name in rows.columns})
        if isinstance(rows, Mapping):
            rows = [rows]
        rows = list(rows)
        if rows and all(isinstance(row, Mapping) for row in rows):
            keys = list(dict.fromkeys(key for row in rows for key in row))
            return cls({key: [row.get(key) for row in rows] for key in keys})
        if any(isinstance(row, str) or not hasattr(row, "__len__") for row in rows):
            msg = f"expected rows of cells, received {rows[0]!r}"
            raise InputError(msg, kind="bad-table")
        for row in rows:
            if len(row) != len(names):
                msg = f"a row has {len(row)} cells, expected {len(names)}: {', '.join(names)}"
                raise InputError(msg, kind="bad-table")
        return cls({name: [row[i] for row in rows] for i, name in enumerate(names)})


def read_csv(source: Path | io.TextIOBase) -> Table:
    """Read a whole CSV file; see `stream_csv`."""
    return joined(stream_csv(source))


def joined(chunks: Iterable[Table]) -> Table:
    """Return tables of the same columns as one."""
    columns: dict[str, list[Any]] = {}
    problems: dict[int, str] = {}
    done = 0
    for chunk in chunks:
        for name, cells in chunk.columns.items():
            columns.setdefault(name, []).extend(cells)
        problems.update({done + row: text for row, text in chunk.problems.items()})
        done += len(chunk)
    return Table(columns, problems)


def stream_csv(source: Path | io.TextIOBase, rows: int = CHUNK) -> Iterator[Table]:
    """Yield a CSV file as tables of at most `rows` rows; at least one, maybe empty.

    The first line is the header. A byte order mark is skipped, the separator (comma, semicolon,
    tab, bar) is the header's most frequent one, quoted cells may hold line breaks. A row with too
    few or too many cells is kept as a problem.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or its header names a column twice.
    """
    if isinstance(source, Path):
        try:
            with source.open(encoding="utf-8-sig", newline="") as file:
                yield from _stream(file, str(source), rows)
        except OSError as error:
            kind = "not-found" if isinstance(error, FileNotFoundError) else "unreadable"
            msg = f"{source}: cannot be read, {error.strerror or error}"
            raise InputError(msg, kind=kind) from None
        except UnicodeDecodeError as error:
            msg = f"{source}: is not UTF-8 text, byte {error.object[error.start]:#04x} is no text"
            raise InputError(msg, kind="not-text") from None
    else:
        yield from _stream(source, "standard input", rows)


def _stream(file: Any, name: str, rows: int) -> Iterator[Table]:
    first = file.readline().removeprefix("\ufeff")
    while first and not first.strip():
        first = file.readline()
    if not first:
        msg = f"{name}: is empty, expected a header line and rows"
        raise InputError(msg, kind="empty")
    separator = max(SEPARATORS, key=first.count)
    try:
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=separator))]
        repeated = sorted({cell for cell in header if header.count(cell) > 1})
        if repeated:
            msg = f"{name}: the header names {repeated[0]!r} more than once"
            raise InputError(msg, kind="bad-header")
        columns: list[list[str | None]] = [[] for _ in header]
        problems: dict[int, str] = {}
        yielded = False
        for row in csv.reader(file, delimiter=separator):
            if not row:
                continue
            if len(row) == len(header):
                for cells, cell in zip(columns, row, strict=True):
                    cells.append(cell)
            else:
                problems[len(columns[0])] = f"has {len(row)} cells, the header has {len(header)}"
                for cells in columns:
                    cells.append(None)
            if len(columns[0]) == rows:
                yield Table(dict(zip(header, columns, strict=True)), problems)
                columns, problems, yielded = [[] for _ in header], {}, True
        if columns[0] or not yielded:
            yield Table(dict(zip(header, columns, strict=True)), problems)
    except csv.Error as error:
        msg = f"{name}: is not CSV, {error}"
        raise InputError(msg, kind="not-csv") from None


def take(raws: Any, rows: Rows) -> Any:
    """Return some of the raw inputs, whatever holds them: a table, texts, an array, a list."""
    if hasattr(raws, "dtype"):
        return raws[rows]
    return raws.take(rows) if hasattr(raws, "take") else [raws[row] for row in rows]
