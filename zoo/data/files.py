"""Tables in files: CSV, and parquet where polars is installed (the ``tables`` extra)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zoo.data.table import CHUNK, Table, stream_csv
from zoo.errors import InputError, unreadable

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
