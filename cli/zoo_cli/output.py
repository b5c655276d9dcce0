"""Results as text, JSON, JSON lines or CSV, written to standard output or a file as they come."""

from __future__ import annotations

import functools
import io
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from zoo.numeric import to_json
from zoo_cli.terminal import ESCAPE, echo
from zoo_weights.files import atomic_write, is_stream, open_live
from zoo_weights.text import csv_line, printable

ENDLESS = 100_000
"""Columns of a line that is not cut."""

LineFormatter = Callable[[dict[str, Any]], Iterable[str]]
RowFormatter = Callable[[dict[str, Any]], Iterable[dict[str, Any]]]

ROWS = {
    "train": "rows it was trained on",
    "validation": "rows held out of its training",
    "test": "rows held out of its training",
    "folds": "mean over folds of rows held out of their training",
}
"""Which rows the metrics of each part were measured on."""

_json = functools.partial(to_json, ensure_ascii=False)


@contextmanager
def open_output(path: str | None, *, append: bool = False) -> Iterator[TextIO]:
    """Yield the file to write to, or standard output.

    Parameters
    ----------
    path
        Its name; standard output if None or ``"-"``.
    append
        Whether to append to it as results come. Otherwise a file appears once everything is
        written, or stays as it was; a pipe or a device receives results as they come.

    Raises
    ------
    CannotWrite
        The file cannot be written.
    """
    if path is None or path == "-":
        yield sys.stdout
        return
    target = Path(path)
    if append or is_stream(target):
        with (
            open_live(target) as live,
            io.TextIOWrapper(live, encoding="utf-8", errors=ESCAPE, line_buffering=True) as file,
        ):
            yield file
        return
    with (
        atomic_write(target) as temporary,
        temporary.open("w", encoding="utf-8", errors=ESCAPE) as file,
    ):
        yield file


def write_records(
    records: Iterable[dict[str, Any]],
    file: TextIO,
    form: str,
    *,
    lines: LineFormatter,
    rows: RowFormatter,
    at_once: bool = False,
) -> None:
    """Write records as they come.

    Parameters
    ----------
    records
        What to write, in order.
    file
        Where to write.
    form
        ``"text"``, ``"json"``, ``"jsonl"`` or ``"csv"``.
    lines
        Returns the lines of text of a record.
    rows
        Returns the CSV rows of a record; all with the same columns.
    at_once
        Whether each record must survive the death of this process. A CSV header is left out if the
        file already has content.
    """
    # By a person, or by the next program in a pipe.
    read_as_written = at_once or file is sys.stdout
    if form == "jsonl":
        for record in records:
            print(_json(record), file=file, flush=read_as_written)
    elif form == "json":
        print("[", end="", file=file)
        for number, record in enumerate(records):
            separator = ",\n " if number else "\n "
            print(separator + _json(record), end="", file=file)
        print("\n]", file=file)
    elif form == "csv":
        header = not (at_once and file.tell())
        for record in records:
            for row in rows(record):
                if header:
                    file.write(csv_line(row))
                    header = False
                file.write(csv_line(_shown(cell, file) for cell in row.values()))
            if read_as_written:
                file.flush()
    else:
        for record in records:
            for line in lines(record):
                print(printable(line, None), file=file, flush=read_as_written)


def _shown(cell: Any, file: TextIO) -> Any:
    """Return a CSV cell as a file may have it, and a terminal may show it."""
    return printable(cell, None) if isinstance(cell, str) and file.isatty() else cell


def align(rows: Sequence[Sequence[str]], *, right: int | None = None) -> list[str]:
    """Return rows as aligned lines, cut to the terminal's width where there is one.

    `right` is the column of numbers, if there is one.
    """
    if not rows:
        return []
    rows = [[printable(cell, None) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number == right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    width = line_width()
    return [line if len(line) <= width else line[: width - 1] + "…" for line in lines]


def line_width() -> int:
    """Return the columns of the terminal; whoever reads a pipe or a file gets complete lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else ENDLESS


def size_text(count: int) -> str:
    """Return a number of bytes as people say it: ``"9.8 MB"``, ``"553 MB"``."""
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    digits = 1 if size < 9.95 and units[0] != "bytes" else 0
    return f"{size:.{digits}f} {units[0]}"


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(_json(value, indent=2))


def print_records(
    records: Iterable[dict[str, Any]], line: Callable[[dict[str, Any]], str], *, as_json: bool
) -> None:
    """Print records as JSON, or each as a line of text when it comes."""
    if as_json:
        print_json(list(records))
        return
    for record in records:
        echo(line(record))
