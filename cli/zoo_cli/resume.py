"""``--resume``: what the output file of ``zoo classify`` has already."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import zoo
from zoo.config import home
from zoo.errors import UsageError
from zoo_weights import printable

COLUMNS = ["input", "model", "weights", "rank", "index", "id", "label", "score", "error"]
"""Of the CSV that ``zoo classify`` writes."""


@dataclass
class Done:
    """The inputs whose results a file has, how often each, and how many of them failed."""

    inputs: Counter[str] = field(default_factory=Counter)
    failed: int = 0


@contextmanager
def already_done(model: zoo.Model, output: str | None, form: str, *, top: int) -> Iterator[Done]:
    """Yield what a file has, and keep other processes from adding to it meanwhile.

    A result that was half written when its process died is cut off.

    Raises
    ------
    UsageError
        If no file can be continued, or this one holds something else.
    """
    if output is None or output == "-" or form not in ("jsonl", "csv"):
        where = "standard output" if output is None or output == "-" else output
        msg = "--resume adds to a file of lines: it needs -o FILE and --format jsonl or csv, "
        msg += f"received {where} and {form}"
        raise UsageError(msg)
    from filelock import FileLock, Timeout

    path = Path(output)
    locks = home("cache") / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    lock = FileLock(locks / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        msg = f"{output}: another process is adding to it"
        raise UsageError(msg) from None
    try:
        yield _examined(path, model, form, top)
    finally:
        lock.release()


def _examined(path: Path, model: zoo.Model, form: str, top: int) -> Done:
    """Return what a file has, and cut off what is not whole."""
    done = Done()
    units = model.decoder.units
    classes = min(top, units) if units else top
    wanted = {"model": model.spec.name, "weights": model.weights_name or ""}
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return done
    with file:
        whole = 0
        for record, end in _results(file, path, form, classes):
            if record is not None:
                _check(record, path, wanted, classes)
                done.inputs[record["input"]] += 1
                done.failed += bool(record["error"])
            whole = end
        file.truncate(whole)
    return done


def _check(record: dict[str, Any], path: Path, wanted: dict[str, str], classes: int) -> None:
    """Raise UsageError unless a result is one that this command would give."""
    for key, value in wanted.items():
        found = record[key] or ""
        if found != value:
            msg = f"{path}: has results of {key} {printable(str(found)) or 'none'}, now it would "
            msg += f"be {value or 'none'}; give another -o FILE"
            raise UsageError(msg)
    named = len(record["predictions"])
    if not record["error"] and named != classes:
        msg = f"{path}: names {named} classes for an input, now it would be {classes} (--top); "
        msg += "give another -o FILE"
        raise UsageError(msg)


def _results(
    file: BinaryIO, path: Path, form: str, classes: int
) -> Iterator[tuple[dict[str, Any] | None, int]]:
    """Yield each whole result (None for a header) and where it ends in the file."""
    rows: list[dict[str, str]] = []
    last = 0
    for number, (line, end) in enumerate(_whole_lines(file, form), 1):
        if form == "jsonl":
            yield _parsed(line, path, number), end
            continue
        cells = next(csv.reader([line]))
        if number == 1:
            if cells != COLUMNS:
                raise _foreign(path, number, form)
            yield None, end
        elif len(cells) != len(COLUMNS):
            raise _foreign(path, number, form)
        else:
            row = dict(zip(COLUMNS, cells, strict=True))
            if row["rank"] == "1" and rows:
                yield _joined(rows), last
                rows = []
            rows.append(row)
            last = end
    if rows and (rows[0]["error"] or len(rows) >= classes):  # the last may lack rows
        yield _joined(rows), last


def _whole_lines(file: BinaryIO, form: str) -> Iterator[tuple[str, int]]:
    """Yield the lines that were written to their end, and where that is."""
    held = b""
    end = 0
    for line in file:
        held += line
        end += len(line)
        # A line break inside of quotes is part of a name.
        if line.endswith(b"\n") and (form != "csv" or held.count(b'"') % 2 == 0):
            yield held.decode("utf-8", "replace"), end
            held = b""


def _parsed(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
        fits = isinstance(record["predictions"], list) and isinstance(record["input"], str)
        fits = fits and {"model", "weights", "error"} <= record.keys()
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise _foreign(path, number, "jsonl")
    return record


def _joined(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {**rows[0], "predictions": rows}


def _foreign(path: Path, number: int, form: str) -> UsageError:
    msg = f"{path}: line {number} was not written by `zoo classify` as {form}; give another -o FILE"
    return UsageError(msg)
