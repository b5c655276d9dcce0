"""Labelled data for training and evaluation: their sources, and their conversion to tensors."""

from __future__ import annotations

import functools
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.runner import drop_rows
from zoo.data import datasets, stream
from zoo.data.folder import read_folder
from zoo.data.labelled import LabelledRows
from zoo.data.stream import Stream, file_stream, generator_stream
from zoo.data.table import Table, join_tables, stream_table
from zoo.data.tokens import read_lines
from zoo.errors import InputError, TrainingError, UsageError
from zoo.files import require_regular
from zoo.parts.base import Decoder, Preprocessor, Sequencer
from zoo.parts.faults import prepare
from zoo.registry.registry import registry
from zoo.spec.model import Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.runner import Tensors


def load_data(
    preprocessor: Preprocessor, training: Training | None, data: Any, target: str | None
) -> dict[str, Any]:
    """Load labelled data, or the recipe's dataset, by part.

    Parameters
    ----------
    preprocessor
        The model's: its kind says how to read the data; it cuts sequences into samples.
    training
        The recipe, which may name a dataset and a target.
    data
        Name of a dataset; CSV or parquet file, folder, table or frame; a function that generates
        pieces of a table; sequences, or a file with one per line; None for the recipe's dataset.
    target
        Target column, for tables.

    Returns
    -------
    dict
        ``"train"``, and ``"test"`` where the dataset has rows for that: `LabelledRows`, or a
        `Stream` for a function and for a file too large to be held in memory.

    Raises
    ------
    UsageError
        If there are no data, or no target column.
    InputError
        If the data cannot be read.
    """
    entry, kind = None, preprocessor.kind
    registered = registry().datasets
    if isinstance(data, str) and data in registered.names():  # a file of that name is ./NAME
        entry, data = registered.find(data), None
    elif training is not None and training.dataset is not None:
        entry = registered.find(training.dataset)
    target = target or (training.target if training else None)
    if data is None:
        if entry is None:
            expected = {
                "image": "a folder with one subfolder per class",
                "sequence": "a text file, one sequence per line",
            }.get(kind, "a CSV file")
            msg = f"the recipe names no dataset; pass one with --data ({expected})"
            raise UsageError(msg)
        dataset = datasets.load_dataset(entry)
        if isinstance(preprocessor, Sequencer):
            return {part: _cut_samples(preprocessor, rows) for part, rows in dataset.items()}
        texts = kind == "text" and entry.value.kind == "table"
        if target in (None, entry.value.target) and not texts:
            return dataset
        target = str(target or entry.value.target)
        return {part: _retarget(kind, rows, target) for part, rows in dataset.items()}
    if kind == "image":
        return {"train": LabelledRows(*read_folder(Path(data)), source=str(data))}
    if isinstance(preprocessor, Sequencer):
        sequences = list(read_lines(Path(data)) if isinstance(data, str | PathLike) else data)
        name = str(data) if isinstance(data, str | PathLike) else "the sequences"
        return {"train": _cut_samples(preprocessor, LabelledRows(sequences, sequences, name))}
    return {"train": _load_table(kind, data, target or (entry.value.target if entry else None))}


def source_of(training: Training, data: Any) -> str | None:
    """Return what `load_data` finds the same data by again: the name of a dataset, or a path.

    None if the rows were passed in memory.
    """
    if data is None or (isinstance(data, str) and data in registry().datasets.names()):
        return data or training.dataset
    return str(Path(data).absolute()) if isinstance(data, str | PathLike) else None


def _load_table(kind: str, data: Any, target: str | None) -> LabelledRows | Stream:
    """Return the rows of a CSV file, a frame, or a function that generates them."""
    if target is None:
        msg = "no target column; pass --target COLUMN"
        raise UsageError(msg)
    take = functools.partial(_split_labels, kind)
    if callable(data):
        return generator_stream(data, target, take)
    if hasattr(data, "__next__"):
        msg = (
            f"data is {data!r}, which can be read only once; pass the function that makes it, "
            "so that every epoch can start again"
        )
        raise UsageError(msg)
    if not isinstance(data, str | PathLike):
        return _require_rows(take(Table.of(data), target, "the table"))
    path = Path(data)
    require_regular(path, "a CSV or parquet file")
    if path.stat().st_size > stream.MIN_BYTES:
        return file_stream(path, target, take)
    return _require_rows(take(join_tables(stream_table(path)), target, str(path)))


def _require_rows(rows: LabelledRows) -> LabelledRows:
    if not len(rows):
        msg = f"{rows.source}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
    return rows


def _split_labels(kind: str, table: Table, target: str, name: str) -> LabelledRows:
    """Take the labels out of a table; texts have one other column."""
    labels = table.column(target)
    rest = {column: cells for column, cells in table.columns.items() if column != target}
    if kind != "text":
        return LabelledRows(Table(rest, table.problems), labels, name, target)
    if len(rest) != 1:
        msg = (
            f"{name}: texts must be in one column next to the target {target!r}, "
            f"received {', '.join(rest) or 'none'}"
        )
        raise InputError(msg, kind="bad-table")
    return LabelledRows(list(*rest.values()), labels, name, target)


def _cut_samples(preprocessor: Sequencer, sequences: LabelledRows) -> LabelledRows:
    """Cut sequences into pieces, labelled with what follows each."""
    pieces: list[Any] = []
    labels: list[Any] = []
    for number, sequence in enumerate(sequences.inputs):
        try:
            if isinstance(sequence, InputError):
                raise sequence
            inputs, followers = preprocessor.samples(sequence)
        except InputError as error:
            msg = f"{sequences.source}: row {number}: {error.message}"
            raise TrainingError(msg) from None
        pieces += inputs
        labels += followers
    return _require_rows(LabelledRows(pieces, labels, sequences.source))


def _retarget(kind: str, rows: LabelledRows, target: str) -> LabelledRows:
    """Return the rows of a table dataset with a column as the target; texts have one other."""
    if not isinstance(rows.inputs, Table) or rows.target is None:
        msg = f"{rows.source} has one target only; it is not a table with a column {target!r}"
        raise UsageError(msg)
    table = Table({**rows.inputs.columns, rows.target: rows.labels}, rows.inputs.problems)
    return _split_labels(kind, table, target, rows.source)


def to_tensors(
    data: LabelledRows,
    preprocessor: Preprocessor,
    decoder: Decoder,
    *,
    skip: bool = False,
    notes: list[str] | None = None,
) -> tuple[Tensors, NDArray[Any]]:
    """Return inputs and targets of labelled data.

    Parameters
    ----------
    data, preprocessor, decoder
        The rows, and the parts that make their inputs and targets.
    skip
        Whether rows that cannot be used are left out. Damaged photos always are: one says nothing
        about the others.
    notes
        List that receives a note of how many were left out.

    Raises
    ------
    TrainingError
        If any row cannot be used and is not left out: no row is dropped silently.
    """
    inputs, input_errors = prepare(preprocessor, data.inputs)
    targets, target_errors = decoder.encode(data.labels)
    if not any(input_errors) and not any(target_errors):
        return inputs, targets
    pairs = zip(input_errors, target_errors, strict=True)
    bad = {row: error for row, (one, two) in enumerate(pairs) if (error := one or two)}
    photos = preprocessor.kind == "image" and len(bad) < len(data)
    fatal = {row: bad[row] for row in bad if not skip and (target_errors[row] or not photos)}
    row, error = next(iter((fatal or bad).items()))
    text = f"{data.source}: {data.name_of(row)}: {error.message}"
    if fatal:
        more = f" ({len(fatal)} of {len(data)} rows are bad)" if len(fatal) > 1 else ""
        raise TrainingError(text + more)
    if notes is not None:
        notes.append(f"{text}; left out {len(bad)} of {len(data)} rows")
    return drop_rows(inputs, input_errors, bad), drop_rows(targets, target_errors, bad)
