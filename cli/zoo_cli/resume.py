"""``--resume``: the results that an output file of ``zoo classify`` already has."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO

import zoo
from zoo.cache import private_folder
from zoo.data.inputs import name_from_fields, text_name
from zoo.errors import UsageError
from zoo_weights.files import is_stream
from zoo_weights.text import printable, unescape_cell

COLUMNS = ["input", "model", "weights", "rank", "index", "id", "label", "score", "error"]
"""Columns of the CSV that ``zoo classify`` writes."""

MAX_RESULT = 1 << 20
"""Maximum bytes of a result: names and messages are much shorter."""

NO_RESULT = "\0"
"""Stands for what is too long to be a result."""


@dataclass
class WrittenResults:
    """The inputs with results in a file (by `text_name`), how often each, and how many failed."""

    inputs: Counter[str] = field(default_factory=Counter)
    failed: int = 0


@contextmanager
def resume_output(
    model: zoo.Model, output: str | None, form: str, *, top: int
) -> Iterator[WrittenResults]:
    """Yield the results that a file has, and lock other processes out meanwhile.

    A result that was half written when its process died is cut off.

    Raises
    ------
    UsageError
        If there is no file to continue, or it holds something else.
    """
    if output is None or output == "-" or form not in ("jsonl", "csv"):
        where = "standard output" if output is None or output == "-" else output
        msg = "--resume appends to a file; pass -o FILE and --format jsonl or csv, "
        msg += f"received {where} and {form}"
        raise UsageError(msg)
    from filelock import FileLock, Timeout

    path = Path(output)
    if is_stream(path):
        msg = f"--resume continues a file; {output} is a pipe or a device"
        raise UsageError(msg)
    beside, place = _lock_path(path.resolve())
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        msg = f"{output}: another process is writing to it"
        raise UsageError(msg) from None
    try:
        yield _read_written(path, model, form, top)
    finally:
        if beside:  # in the cache it stays: no other process may have opened it meanwhile
            place.unlink(missing_ok=True)
        lock.release()


def _lock_path(path: Path) -> tuple[bool, Path]:
    """Return the path of a file's lock, and whether it is next to the file: without a cache."""
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    locks = private_folder("locks")
    if locks is None:
        return True, path.with_name(f".{path.name}.lock")
    return False, locks / f"{name}.lock"


def _read_written(path: Path, model: zoo.Model, form: str, top: int) -> WrittenResults:
    """Return the results that a file has, and cut off an incomplete one."""
    done = WrittenResults()
    units = model.classifier.units
    classes = min(top, units) if units else top
    expected = {"model": model.spec.name, "weights": model.weights_name or ""}
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return done
    except OSError as error:
        msg = f"{path}: cannot be continued, {error.strerror or error}"
        raise UsageError(msg) from None
    with file:
        complete = 0
        for record, end in _read_results(file, path, form, classes):
            if record is not None:
                _check(record, path, expected, classes)
                done.inputs[text_name(name_from_fields(record))] += 1
                done.failed += bool(record["error"])
            complete = end
        file.truncate(complete)
    return done


def _check(record: dict[str, Any], path: Path, expected: dict[str, str], classes: int) -> None:
    """Raise `UsageError` unless this command would write such a result."""
    for key, value in expected.items():
        written = record[key] or ""
        if written != value:
            msg = f"{path}: has results of {key} {printable(str(written)) or 'none'}, this command "
            msg += f"uses {value or 'none'}; pass another -o FILE"
            raise UsageError(msg)
    count = len(record["predictions"])
    if not record["error"] and count != classes:
        msg = f"{path}: has {count} classes per input, this command writes {classes} (--top); "
        msg += "pass another -o FILE"
        raise UsageError(msg)


def _read_results(
    file: BinaryIO, path: Path, form: str, classes: int
) -> Iterator[tuple[dict[str, Any] | None, int]]:
    """Yield each complete result (None for a header) and where it ends in the file."""
    rows: list[dict[str, str]] = []
    last = 0
    for number, (line, end) in enumerate(_complete_lines(file, form), 1):
        if form == "jsonl":
            yield _parse(line, path, number), end
            continue
        try:
            cells = next(csv.reader([line]))
        except csv.Error:  # an endless cell
            raise _foreign_line(path, number, form) from None
        if number == 1:
            if cells != COLUMNS:
                raise _foreign_line(path, number, form)
            yield None, end
        elif len(cells) != len(COLUMNS):
            raise _foreign_line(path, number, form)
        else:
            row = dict(zip(COLUMNS, map(unescape_cell, cells), strict=True))
            if row["rank"] == "1" and rows:
                yield _join_rows(rows), last
                rows = []
            elif row["rank"] != str(len(rows) + 1):
                raise _foreign_line(path, number, form)
            rows.append(row)
            last = end
    if rows and (rows[0]["error"] or len(rows) >= classes):  # the last may lack rows
        yield _join_rows(rows), last


def _complete_lines(file: BinaryIO, form: str) -> Iterator[tuple[str, int]]:
    """Yield the lines that were written to their end, and where they end."""
    pending: list[bytes] = []
    size = quotes = end = 0
    for line in iter(functools.partial(file.readline, MAX_RESULT), b""):
        pending.append(line)
        size += len(line)
        end += len(line)
        quotes += line.count(b'"')
        # A line break inside quotes is part of a name.
        if line.endswith(b"\n") and (form != "csv" or quotes % 2 == 0):
            yield b"".join(pending).decode("utf-8", "replace"), end
            pending, size, quotes = [], 0, 0
        elif size >= MAX_RESULT:
            yield NO_RESULT, end
            return


def _parse(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line, parse_constant=_refuse_constant)
        fits = isinstance(record["predictions"], list)
        fits = fits and isinstance(record["error"], dict | NoneType)
        fits = fits and isinstance(name_from_fields(record), str)
        fits = fits and {"model", "weights", "error"} <= record.keys()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise _foreign_line(path, number, "jsonl")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # no result holds NaN


def _join_rows(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {**rows[0], "predictions": rows}


def _foreign_line(path: Path, number: int, form: str) -> UsageError:
    msg = f"{path}: line {number} was not written by `zoo classify` as {form}; pass another -o FILE"
    return UsageError(msg)
