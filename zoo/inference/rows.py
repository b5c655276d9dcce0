"""Labelled data for training and evaluation: where they come from and how they become tensors."""

from __future__ import annotations

import functools
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.tensors import without
from zoo.data import datasets, stream
from zoo.data.files import stream_table
from zoo.data.folder import read_folder
from zoo.data.labelled import Labelled
from zoo.data.stream import Stream, file_stream, generated
from zoo.data.table import Table, joined
from zoo.data.tokens import read_lines
from zoo.errors import InputError, TrainingError, UsageError
from zoo.parts.base import Decoder, Preprocessor, Sequencer
from zoo.registry.registry import registry
from zoo.spec.training import Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.tensors import Tensors


def parts(
    preprocessor: Preprocessor, training: Training | None, data: Any, target: str | None
) -> dict[str, Any]:
    """Return the labelled data that were named, or the recipe's dataset, by part.

    Parameters
    ----------
    preprocessor
        The model's: its kind says what the data are; it cuts sequences into samples.
    training
        The recipe, which may name a dataset and a target.
    data
        Name of a dataset; CSV or parquet file, folder, table or frame; a function that generates
        pieces of a table; sequences, or a file with one a line; None for the recipe's dataset.
    target
        Column to learn, for tables.

    Returns
    -------
    dict
        ``"train"``, and ``"test"`` where the dataset keeps rows for that: `Labelled` rows, or a
        `Stream` for a function and for a file too large to be held in memory.

    Raises
    ------
    UsageError
        If no data are known, or no target column is.
    InputError
        If the data cannot be read.
    """
    entry, kind = None, preprocessor.kind
    known = registry().datasets
    if isinstance(data, str) and data in known.names():  # a file of that name is ./NAME
        entry, data = known.find(data), None
    elif training is not None and training.dataset is not None:
        entry = known.find(training.dataset)
    target = target or (training.target if training else None)
    if data is None:
        if entry is None:
            wanted = {
                "image": "a folder with one subfolder per class",
                "sequence": "a text file, one sequence a line",
            }.get(kind, "a CSV file")
            msg = f"the recipe names no dataset; give one with --data ({wanted})"
            raise UsageError(msg)
        found = datasets.load(entry)
        if isinstance(preprocessor, Sequencer):
            return {part: _samples(preprocessor, rows) for part, rows in found.items()}
        if target in (None, entry.value.target):
            return found
        return {part: _retargeted(rows, str(target)) for part, rows in found.items()}
    if kind == "image":
        return {"train": Labelled(*read_folder(Path(data)), source=str(data))}
    if isinstance(preprocessor, Sequencer):
        sequences = list(read_lines(Path(data)) if isinstance(data, str | PathLike) else data)
        name = str(data) if isinstance(data, str | PathLike) else "the sequences"
        return {"train": _samples(preprocessor, Labelled(sequences, sequences, name))}
    return {"train": _table(kind, data, target or (entry.value.target if entry else None))}


def source_of(training: Training, data: Any) -> str | None:
    """Return what `parts` finds the same data by again: the name of a dataset, or a path.

    None where the rows were handed over in memory.
    """
    if data is None or (isinstance(data, str) and data in registry().datasets.names()):
        return data or training.dataset
    return str(Path(data).absolute()) if isinstance(data, str | PathLike) else None


def _table(kind: str, data: Any, target: str | None) -> Labelled | Stream:
    """Return the rows of a CSV file, a frame, or a function that generates them."""
    if target is None:
        msg = "no target column; name the column to learn with --target"
        raise UsageError(msg)
    take = functools.partial(_labelled, kind)
    if callable(data):
        return generated(data, target, take)
    if hasattr(data, "__next__"):
        msg = (
            f"data is {data!r}, which can be read once; give the function that makes it, "
            "so that every epoch can begin anew"
        )
        raise UsageError(msg)
    if not isinstance(data, str | PathLike):
        return _some(take(Table.of(data), target, "the table"))
    path = Path(data)
    if path.is_file() and path.stat().st_size > stream.BYTES:
        return file_stream(path, target, take)
    return _some(take(joined(stream_table(path)), target, str(path)))


def _some(rows: Labelled) -> Labelled:
    if not len(rows):
        msg = f"{rows.source}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
    return rows


def _labelled(kind: str, table: Table, target: str, name: str) -> Labelled:
    """Take the labels out of a table; of texts, there is one column beside them."""
    labels = table.column(target)
    rest = {column: cells for column, cells in table.columns.items() if column != target}
    if kind != "text":
        return Labelled(Table(rest, table.problems), labels, name, target)
    if len(rest) != 1:
        msg = (
            f"{name}: texts come in one column beside the target {target!r}, "
            f"found {', '.join(rest) or 'none'}"
        )
        raise InputError(msg, kind="bad-table")
    return Labelled(list(*rest.values()), labels, name, target)


def _samples(preprocessor: Sequencer, sequences: Labelled) -> Labelled:
    """Cut sequences into pieces and what follows each."""
    pieces: list[Any] = []
    labels: list[Any] = []
    for number, sequence in enumerate(sequences.inputs):
        try:
            if isinstance(sequence, InputError):
                raise sequence
            found = preprocessor.samples(sequence)
        except InputError as error:
            msg = f"{sequences.source}: row {number}: {error.message}"
            raise TrainingError(msg) from None
        pieces += found[0]
        labels += found[1]
    return _some(Labelled(pieces, labels, sequences.source))


def _retargeted(rows: Labelled, target: str) -> Labelled:
    """Return the rows of a table dataset with another of its columns to learn."""
    if not isinstance(rows.inputs, Table) or rows.target is None:
        msg = f"{rows.source} has one target only; it is not a table with a column {target!r}"
        raise UsageError(msg)
    table = Table({**rows.inputs.columns, rows.target: rows.labels}, rows.inputs.problems)
    return _labelled("table", table, target, rows.source)


def tensors(
    data: Labelled,
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
        The rows, and what makes inputs and targets of them.
    skip
        Whether rows that cannot be used are left out. Damaged photos always are: one says nothing
        about the others.
    notes
        Where to say how many were left out.

    Raises
    ------
    TrainingError
        If any row cannot be used and is not left out: what a model learns is not decided quietly.
    """
    inputs, input_errors = preprocessor.many(data.inputs)
    targets, target_errors = decoder.encode(data.labels)
    if not any(input_errors) and not any(target_errors):
        return inputs, targets
    pairs = zip(input_errors, target_errors, strict=True)
    bad = {row: error for row, (one, two) in enumerate(pairs) if (error := one or two)}
    photos = preprocessor.kind == "image" and len(bad) < len(data)
    fatal = {row: bad[row] for row in bad if not skip and (target_errors[row] or not photos)}
    row, error = next(iter((fatal or bad).items()))
    told = f"{data.source}: {data.name_of(row)}: {error.message}"
    if fatal:
        more = f" ({len(fatal)} of {len(data)} rows are bad)" if len(fatal) > 1 else ""
        raise TrainingError(told + more)
    if notes is not None:
        notes.append(f"{told}; left out {len(bad)} of {len(data)} rows")
    return without(inputs, input_errors, bad), without(targets, target_errors, bad)
