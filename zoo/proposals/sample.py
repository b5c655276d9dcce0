"""Data to look at: a table, or every n-th row of a long one; images; arrays."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from zoo.data.arrays import SUFFIXES, pair, read_labelled_arrays
from zoo.data.csv_rows import separator_of
from zoo.data.folder import file_column, image_files, read_folder
from zoo.data.labelled import LabelledRows
from zoo.data.stream import MIN_BYTES
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
class Target:
    """What is to be learnt.

    Attributes
    ----------
    name
        Its column, array or output; empty if the data have no name for it.
    labels
        The targets of the sample.
    counts
        How often each one occurs, among all rows; None for arrays.
    """

    name: str
    labels: Sequence[Any]
    counts: Counter[Any] | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What a proposal is made of.

    Attributes
    ----------
    kind
        What the inputs are.
    inputs
        Rows without the targets: a table, files of images, or arrays.
    targets
        Their targets.
    rows
        Number of rows in all.
    source
        Name of the data.
    streamed
        Whether the training reads them in pieces.
    notes
        What a user should know about the data.
    """

    kind: Literal["table", "image", "array"]
    inputs: Any
    targets: list[Target]
    rows: int
    source: str
    streamed: bool = False
    notes: list[str] = field(default_factory=list)


def read_sample(data: Any, target: str | Sequence[str] | None) -> Sample:
    """Look at data.

    Parameters
    ----------
    data
        Path of a CSV or parquet file, of a folder with one subfolder of images per class, or of an
        npz file; a frame, or rows; a pair of inputs and targets.
    target
        The column or array to learn, or several; if not given, the one with a usual name, or the
        last column.

    Raises
    ------
    InputError
        If the data cannot be read, or a table has fewer than two columns.
    UsageError
        If there is no such target.
    """
    names = [target] if isinstance(target, str) else list(target or ())
    if isinstance(data, tuple) and len(data) == 2:
        return _of_arrays(pair(*data, "the arrays", several=len(names) > 1), names)
    if not isinstance(data, str | Path):
        return _of_table(*_count_rows(Table.of(data), names), "the table")
    path = Path(data)
    if path.is_dir():
        files, labels = read_folder(path)
        goal = Target("", labels, Counter(labels))
        return Sample("image", files, [goal], len(files), str(path))
    if path.suffix.lower() in SUFFIXES:
        rows = read_labelled_arrays(path, names, several=len(names) > 1)["train"]
        return _of_arrays(rows, names)
    require_regular(path, "a CSV or parquet file")
    sample = _of_table(*_read_file(path, names), str(path))
    return replace(sample, streamed=path.stat().st_size > MIN_BYTES)


def _of_table(table: Table, rows: int, counts: Mapping[str, Counter[Any]], source: str) -> Sample:
    if not rows:
        msg = f"{source}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
    good = table.take([row for row in range(len(table)) if row not in table.problems])
    targets = [Target(name, list(good.column(name)), counts[name]) for name in counts]
    rest = {name: cells for name, cells in good.columns.items() if name not in counts}
    try:
        images = file_column(Table(rest))
    except InputError:
        return Sample("table", Table(rest), targets, rows, source)
    files = image_files(rest.pop(images), Path(source).parent)
    notes = [f"{name} is left out: the images are in {images}" for name in rest]
    return Sample("image", files, targets, rows, source, notes=notes)


def _of_arrays(rows: LabelledRows, names: Sequence[str]) -> Sample:
    """Return the sample of arrays: short of a table of several, they are the input."""
    if isinstance(rows.labels, Table):
        labels = dict(rows.labels.columns)
    else:
        labels = {names[0] if names else "": rows.labels}
    targets = [Target(name, own, _count(own)) for name, own in labels.items()]
    inputs = rows.inputs
    if isinstance(inputs, Table) and any(getattr(c[0], "ndim", 0) for c in inputs.columns.values()):
        msg = f"{rows.source}: has several arrays of inputs ({', '.join(inputs.columns)}); write a "
        raise InputError(msg + "spec whose input is tabular/inputs", kind="bad-container")
    kind: Literal["table", "array"] = "table" if isinstance(inputs, Table) else "array"
    return Sample(kind, inputs, targets, len(rows), rows.source)


def _count(labels: Any) -> Counter[Any] | None:
    """Return how often each label occurs; None if they are arrays or lists."""
    if getattr(labels, "ndim", 1) == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if getattr(labels, "ndim", 1) > 1 or hasattr(labels[0], "__len__") != isinstance(
        labels[0], str
    ):
        return None
    return Counter(labels.tolist() if hasattr(labels, "tolist") else labels)


def choose_targets(table: Table, names: Sequence[str], source: str) -> list[str]:
    """Return the columns to learn, or raise `UsageError`."""
    columns = list(table.columns)
    if len(columns) < 2:
        msg = f"{source}: has one column, expected a target and at least one column beside it"
        raise InputError(msg, kind="bad-table")
    for name in names:
        if name not in table.columns:
            msg = f"{source}: has no column {name!r} to learn.{did_you_mean(name, columns)}"
            raise UsageError(msg)
    usual = (name for name in columns if name.strip().lower() in TARGETS)
    return list(dict.fromkeys(names)) or [next(usual, columns[-1])]


def _count_rows(table: Table, names: Sequence[str]) -> tuple[Table, int, dict[str, Counter[Any]]]:
    """Return a sample of a table, its number of rows, and how often each target occurs."""
    counts = {
        name: Counter(table.column(name)) for name in choose_targets(table, names, "the table")
    }
    return table.take(range(0, len(table), _step(len(table)))), len(table), counts


def _read_file(path: Path, names: Sequence[str]) -> tuple[Table, int, dict[str, Counter[Any]]]:
    """Return what `_count_rows` does, for a file of any length."""
    chunks = stream_table(path)
    first = next(chunks)  # raises what is wrong with the header
    targets = choose_targets(first, names, str(path))
    if path.suffix.lower() != ".parquet" and path.stat().st_size >= POLARS_BYTES:
        frame = _read_by_polars(path, first)
        if frame is not None:
            found = {
                name: Counter(dict(frame[name].value_counts().iter_rows())) for name in targets
            }
            return Table.of(frame.gather_every(_step(len(frame)))), len(frame), found
    counts: dict[str, Counter[Any]] = {name: Counter() for name in targets}
    kept, total, step = Table({}), 0, 1
    for chunk in itertools.chain([first], chunks):
        for name, counter in counts.items():
            counter.update(chunk.column(name))
        kept = join_tables([kept, chunk.take(range(-total % step, len(chunk), step))])
        total += len(chunk)
        while len(kept) > 2 * ROWS:
            step *= 2
            kept = kept.take(range(0, len(kept), 2))
    return kept, total, counts


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
