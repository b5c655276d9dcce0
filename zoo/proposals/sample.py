"""Rows of a table to look at: all of them, or every n-th of a long one."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.csv_rows import separator_of
from zoo.data.table import Table, join_tables, stream_table
from zoo.errors import InputError, UsageError, did_you_mean
from zoo.files import require_regular

ROWS = 10_000
"""About how many rows are looked at; the target is looked at in every row."""

POLARS_BYTES = 4 << 20
"""Size of a CSV file from which polars reads it, where it is installed."""

TARGETS = ("target", "label", "class", "y", "outcome", "output", "response")
"""Names of columns that are to be learnt, unless another one is named."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a proposal is made of.

    Attributes
    ----------
    inputs
        Rows without the target.
    labels
        Their targets.
    target
        Name of the target's column.
    rows
        Number of rows in all.
    counts
        How often each target occurs, among all rows.
    source
        Name of the data.
    """

    inputs: Table
    labels: list[Any]
    target: str
    rows: int
    counts: Counter[Any]
    source: str


def read_sample(data: Any, target: str | None) -> Sample:
    """Look at a table.

    Parameters
    ----------
    data
        Path of a CSV or parquet file, a frame, or rows.
    target
        The column to learn; if not given, the one with a usual name, or the last.

    Raises
    ------
    InputError
        If the table cannot be read, or has fewer than two columns.
    UsageError
        If it has no such column.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        require_regular(path, "a CSV or parquet file")
        table, rows, counts, target = _read_file(path, target)
        source = str(path)
    else:
        whole = Table.of(data)
        target = choose_target(whole, target, "the table")
        counts, rows, source = Counter(whole.column(target)), len(whole), "the table"
        table = whole.take(range(0, rows, _step(rows)))
    if not rows:
        msg = f"{source}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
    good = table.take([row for row in range(len(table)) if row not in table.problems])
    inputs = Table({name: cells for name, cells in good.columns.items() if name != target})
    return Sample(inputs, list(good.column(target)), target, rows, counts, source)


def choose_target(table: Table, target: str | None, source: str) -> str:
    """Return the column to learn, or raise `UsageError`."""
    names = list(table.columns)
    if len(names) < 2:
        msg = f"{source}: has one column, expected a target and at least one column beside it"
        raise InputError(msg, kind="bad-table")
    if target is None:
        return next((name for name in names if name.strip().lower() in TARGETS), names[-1])
    if target not in table.columns:
        msg = f"{source}: has no column {target!r} to learn.{did_you_mean(target, names)}"
        raise UsageError(msg)
    return target


def _read_file(path: Path, target: str | None) -> tuple[Table, int, Counter[Any], str]:
    chunks = stream_table(path)
    first = next(chunks)  # raises what is wrong with the header
    target = choose_target(first, target, str(path))
    if path.suffix.lower() != ".parquet" and path.stat().st_size >= POLARS_BYTES:
        frame = _read_by_polars(path, first)
        if frame is not None:
            counts = Counter(dict(frame[target].value_counts().iter_rows()))
            return Table.of(frame.gather_every(_step(len(frame)))), len(frame), counts, target
    counts = Counter[Any]()
    kept, total, step = Table({}), 0, 1
    for chunk in itertools.chain([first], chunks):
        counts.update(chunk.column(target))
        kept = join_tables([kept, chunk.take(range(-total % step, len(chunk), step))])
        total += len(chunk)
        while len(kept) > 2 * ROWS:
            step *= 2
            kept = kept.take(range(0, len(kept), 2))
    return kept, total, counts, target


def _read_by_polars(path: Path, first: Table) -> Any:
    """Return the columns of a long CSV file as a frame of texts; None without polars.

    Parameters
    ----------
    path
        The file.
    first
        Its first rows, as zoo reads them. Where polars sees other columns, it is not used.
    """
    try:
        import polars
    except ImportError:
        return None
    try:
        frame = polars.read_csv(
            path, separator=separator_of(path), infer_schema=False, truncate_ragged_lines=True,
            ignore_errors=True, glob=False, encoding="utf8-lossy",
        )  # fmt: skip
    except polars.exceptions.PolarsError:
        return None
    frame = frame.rename(str.strip)
    return frame.select(list(first.columns)) if {*first.columns} <= {*frame.columns} else None


def _step(rows: int) -> int:
    return max(1, rows // ROWS)
