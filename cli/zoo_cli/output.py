"""Results as text, JSON, JSON lines or CSV, written to standard output or a file as they come."""

from __future__ import annotations

import csv
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from zoo.numeric import to_json

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
        Whether to append to it as results come. Otherwise the file appears once everything is
        written, or stays as it was.
    """
    if path is None or path == "-":
        yield sys.stdout
        return
    from zoo_weights.files import atomic_write, name_written

    if append:
        with name_written(Path(path)), open(path, "a", encoding="utf-8") as file:
            yield file
        return
    with atomic_write(Path(path)) as temporary, temporary.open("w", encoding="utf-8") as file:
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
        writer = None
        for record in records:
            for row in rows(record):
                if writer is None:
                    writer = csv.DictWriter(file, list(row), lineterminator="\n")
                    if not (at_once and file.tell()):
                        writer.writeheader()
                writer.writerow(row)
            if read_as_written:
                file.flush()
    else:
        for record in records:
            for line in lines(record):
                print(line, file=file, flush=read_as_written)


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines, cut to the terminal's width where there is one."""
    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if sys.stdout.isatty():
        import shutil

        width = shutil.get_terminal_size().columns
        lines = [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
    return lines


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(_json(value, indent=2))
