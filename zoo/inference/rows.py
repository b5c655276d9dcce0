"""Labelled data for training and evaluation: their sources, and their conversion to tensors."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.backend.runner import drop_rows
from zoo.data import datasets, stream
from zoo.data.arrays import SUFFIXES, as_rows, pair, read_labelled_arrays, table_rows
from zoo.data.folder import file_column, image_files, read_folder
from zoo.data.labelled import LabelledRows
from zoo.data.stream import Stream, file_stream, generator_stream
from zoo.data.table import TABLE_SUFFIXES, Table, join_tables, stream_table
from zoo.data.tokens import read_lines
from zoo.errors import InputError, TrainingError, UsageError, did_you_mean
from zoo.files import require_regular
from zoo.parts.base import Decoder, Preprocessor, Sequencer
from zoo.parts.faults import Prepared
from zoo.parts.faults import prepare as prepare_inputs
from zoo.registry.registry import registry
from zoo.spec.model import Training

if TYPE_CHECKING:
    from zoo.backend.runner import Tensors
    from zoo.registry.entries import Entry
    from zoo.spec.dataset import Dataset


def load_data(
    preprocessor: Preprocessor,
    training: Training | None,
    data: Any,
    target: str | Sequence[str] | None,
) -> dict[str, Any]:
    """Load labelled data, or the recipe's dataset, by part.

    Parameters
    ----------
    preprocessor
        The model's: its kind says how to read the data; it cuts sequences into samples.
    training
        The recipe, which may name a dataset and a target.
    data
        Name of a dataset; CSV or parquet file, folder, npz or npy file, table or frame; a pair of
        inputs and targets; a function that generates pieces of a table; sequences, or a file with
        one per line; None for the recipe's dataset.
    target
        Target column or array, or several.

    Returns
    -------
    dict
        ``"train"``; ``"test"`` and ``"validation"`` where the data have rows for that:
        `LabelledRows`, or a `Stream` for a function and for a file too large to be held in memory.

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
    elif hint := _dataset_like(data):
        msg = f"no dataset or file is called {data!r}.{hint}"
        raise UsageError(msg)
    elif training is not None and training.dataset is not None:
        entry = registered.find(training.dataset)
    targets = Targets.of(training, target)
    if not targets.names and entry is not None and entry.value.target:
        targets = Targets((entry.value.target,))
    if data is None:
        return _load_dataset(preprocessor, entry, targets)
    if isinstance(preprocessor, Sequencer):
        sequences = list(read_lines(Path(data)) if isinstance(data, str | PathLike) else data)
        name = str(data) if isinstance(data, str | PathLike) else "the sequences"
        return {"train": _cut_samples(preprocessor, LabelledRows(sequences, sequences, name))}
    if isinstance(data, tuple) and len(data) == 2:
        rows = pair(*data, "the arrays", several=targets.several)
        return {"train": _fit_kind(preprocessor, rows)}
    if isinstance(data, str | PathLike) and Path(data).suffix.lower() in SUFFIXES:
        parts = read_labelled_arrays(Path(data), targets.names, several=targets.several)
        return {part: _fit_kind(preprocessor, rows) for part, rows in parts.items()}
    if kind == "image" and isinstance(data, str | PathLike) and not _is_table(Path(data)):
        return {"train": LabelledRows(*read_folder(Path(data)), source=str(data))}
    return {"train": _load_table(kind, data, targets)}


def _dataset_like(data: Any) -> str:
    """Return a suggestion if data are the name of neither a dataset nor a file."""
    if not isinstance(data, str) or os.path.lexists(data):
        return ""
    return did_you_mean(data, registry().datasets.names())


def _load_dataset(
    preprocessor: Preprocessor, entry: Entry[Dataset] | None, targets: Targets
) -> dict[str, Any]:
    """Return the parts of a registered dataset."""
    if entry is None:
        expected = {
            "image": "a folder with one subfolder per class",
            "sequence": "a text file, one sequence per line",
            "array": "an npz file",
        }.get(preprocessor.kind, "a CSV file")
        msg = f"the recipe names no dataset; pass one with --data ({expected})"
        raise UsageError(msg)
    dataset = datasets.load_dataset(entry)
    if isinstance(preprocessor, Sequencer):
        return {part: _cut_samples(preprocessor, rows) for part, rows in dataset.items()}
    texts = preprocessor.kind == "text" and entry.value.kind == "table"
    if not (texts or targets.several) and targets.names in ((), (entry.value.target,)):
        return dataset
    made = "text" if texts else "table"
    return {part: _retarget(made, rows, targets) for part, rows in dataset.items()}


class Targets(NamedTuple):
    """What is to be learnt.

    Attributes
    ----------
    names
        Columns or arrays; none if the data say it themselves.
    several
        Whether each is an output; otherwise they are the numbers of a vector.
    """

    names: tuple[str, ...]
    several: bool = False

    @classmethod
    def of(cls, training: Training | None, target: str | Sequence[str] | None) -> Targets:
        """Return the targets of a recipe, or other ones if they are given."""
        declared = training.target_names if training else ()
        given = declared if not target else (target,) if isinstance(target, str) else tuple(target)
        several = bool(training and training.outputs)
        if several and set(given) != set(declared):
            msg = f"the outputs {', '.join(declared)} are learnt from columns of their names, "
            raise UsageError(msg + f"received the target {', '.join(given)}")
        return cls(declared if several else given, several=several)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLE_SUFFIXES and not path.is_dir()


def _fit_kind(preprocessor: Preprocessor, rows: LabelledRows) -> LabelledRows:
    """Return rows whose inputs are of the preprocessor's kind."""
    inputs, kind = rows.inputs, preprocessor.kind
    if kind == "table" and not isinstance(inputs, Table):
        width = getattr(inputs, "shape", (0, 0))[-1]
        names = getattr(preprocessor, "columns", None) or [f"x{n}" for n in range(1, width + 1)]
        inputs = Table.of(inputs, list(names))
    elif kind == "array" and isinstance(inputs, Table):
        inputs = table_rows(inputs)
    elif kind == "image" and isinstance(inputs, Table):
        inputs = image_files(inputs.column(file_column(inputs)), Path())
    elif kind == "text":
        inputs = list(inputs.only_column() if isinstance(inputs, Table) else inputs)
        if not isinstance(inputs[0], str | Sequence) and getattr(inputs[0], "ndim", 0) == 0:
            msg = f"{rows.source}: expected texts, received {type(inputs[0]).__name__}"
            raise InputError(msg, kind="not-text")
    return replace(rows, inputs=inputs)


def source_of(training: Training, data: Any) -> str | None:
    """Return what `load_data` finds the same data by again: the name of a dataset, or a path.

    None if the rows were passed in memory.
    """
    if data is None or (isinstance(data, str) and data in registry().datasets.names()):
        return data or training.dataset
    return str(Path(data).absolute()) if isinstance(data, str | PathLike) else None


def _load_table(kind: str, data: Any, targets: Targets) -> LabelledRows | Stream:
    """Return the rows of a CSV file, a frame, or a function that generates them."""
    if not targets.names and kind != "image":
        msg = "no target column; pass --target COLUMN"
        raise UsageError(msg)
    take = functools.partial(_split_labels, kind, targets)
    streamed = callable(data)
    if not streamed and isinstance(data, str | PathLike):
        require_regular(Path(data), "a CSV or parquet file")
        streamed = Path(data).stat().st_size > stream.MIN_BYTES
    if streamed and len(targets.names) > 1:
        msg = "rows with several targets must fit in memory; pass an npz file, or fewer rows"
        raise UsageError(msg)
    if callable(data):
        return generator_stream(data, take)
    if hasattr(data, "__next__"):
        msg = (
            f"data is {data!r}, which can be read only once; pass the function that makes it, "
            "so that every epoch can start again"
        )
        raise UsageError(msg)
    if not isinstance(data, str | PathLike):
        table = as_rows(data) if isinstance(data, Mapping) else Table.of(data)
        return _require_rows(take(table, "the table"))
    path = Path(data)
    if streamed:
        return file_stream(path, take)
    return _require_rows(take(join_tables(stream_table(path)), str(path)))


def _require_rows(rows: LabelledRows) -> LabelledRows:
    if not len(rows):
        msg = f"{rows.source}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
    return rows


def _split_labels(kind: str, targets: Targets, table: Table, name: str) -> LabelledRows:
    """Take the labels out of a table; texts and images have one other column."""
    images = file_column(table) if kind == "image" else None
    names = targets.names
    if not names:
        names = tuple(column for column in table.columns if column != images)
        if len(names) != 1:
            msg = f"{name}: no target column; pass --target with one of {', '.join(names)}"
            raise UsageError(msg)
    columns = [table.column(column) for column in names]
    rest = {column: cells for column, cells in table.columns.items() if column not in names}
    labels: Any = columns[0]
    if targets.several:
        labels = Table(dict(zip(names, columns, strict=True)))
    elif len(names) > 1:
        labels = [*zip(*columns, strict=True)]
    target = names[0] if len(names) == 1 else None
    inputs: Any = Table(rest, table.problems)
    if kind == "array":
        if not rest:
            msg = f"{name}: has no column beside the target {', '.join(names)!r}"
            raise InputError(msg, kind="bad-table")
        inputs = table_rows(inputs)
    elif images is not None:
        inputs = image_files(table.column(images), Path(name).parent)
    elif kind == "text":
        if len(rest) != 1:
            msg = (
                f"{name}: texts must be in one column next to the target {', '.join(names)!r}, "
                f"received {', '.join(rest) or 'none'}"
            )
            raise InputError(msg, kind="bad-table")
        inputs = list(*rest.values())
    return LabelledRows(inputs, labels, name, target)


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


def _retarget(kind: str, rows: LabelledRows, targets: Targets) -> LabelledRows:
    """Return the rows of a table dataset with these targets, as a table or as texts."""
    if not isinstance(rows.inputs, Table) or rows.target is None:
        names = ", ".join(targets.names)
        msg = f"{rows.source} has one target only; it is not a table with a column {names!r}"
        raise UsageError(msg)
    table = Table({**rows.inputs.columns, rows.target: rows.labels}, rows.inputs.problems)
    return _split_labels(kind, targets, table, rows.source)


Prepare = Callable[[LabelledRows], Prepared]
"""Makes the inputs of labelled rows: those of usable rows, and one error or None per row."""

MAX_NAMED = 5
"""Rows left out that a note names, at most."""


def to_tensors(
    data: LabelledRows,
    preprocessor: Preprocessor,
    decoder: Decoder,
    *,
    prepare: Prepare | None = None,
    skip: bool = False,
    fail_fast: bool = False,
    notes: list[str] | None = None,
) -> tuple[Tensors, Tensors]:
    """Return inputs and targets of labelled data.

    Parameters
    ----------
    data, preprocessor, decoder
        The rows, and the parts that make their inputs and targets.
    prepare
        Makes the inputs, instead of `preprocessor` alone.
    skip
        Whether rows that cannot be used are left out. Damaged photos always are: one says nothing
        about the others.
    fail_fast
        Whether damaged photos are errors as well, whatever `skip` says.
    notes
        List that receives a note of which were left out.

    Raises
    ------
    TrainingError
        If any row cannot be used and is not left out: no row is dropped silently.
    """
    image = preprocessor.kind == "image"
    skip = skip and not (image and fail_fast)
    # A label that cannot be used ends a training before its photos are read, which takes long.
    targets, target_errors = encode_labels(data, decoder, skip=skip or not image)
    if prepare is None:
        inputs, input_errors = prepare_inputs(preprocessor, data.inputs)
    else:
        inputs, input_errors = prepare(data)
    if not any(input_errors) and not any(target_errors):
        return inputs, targets
    pairs = zip(input_errors, target_errors, strict=True)
    bad = {row: error for row, (one, two) in enumerate(pairs) if (error := one or two)}
    if not skip and not (image and len(bad) < len(data) and not fail_fast):
        raise _unusable(data, bad)
    if notes is not None:
        texts = [_describe(data, *item) for item in itertools.islice(bad.items(), MAX_NAMED)]
        if len(bad) > MAX_NAMED:
            texts.append(f"and {len(bad) - MAX_NAMED} more")
        notes.append(f"{data.source}: {'; '.join(texts)}; left out {len(bad)} of {len(data)} rows")
    return drop_rows(inputs, input_errors, bad), drop_rows(targets, target_errors, bad)


def encode_labels(
    data: LabelledRows, decoder: Decoder, *, skip: bool
) -> tuple[Any, list[InputError | None]]:
    """Return the targets of the usable labels, and one error or None per label.

    Raises
    ------
    TrainingError
        If any label cannot be used, without `skip`.
    """
    targets, errors = decoder.encode(data.labels)
    bad = {row: error for row, error in enumerate(errors) if error}
    if bad and not skip:
        raise _unusable(data, bad)
    return targets, errors


def _unusable(data: LabelledRows, bad: dict[int, InputError]) -> TrainingError:
    """Return the error of a training with bad rows."""
    more = f" ({len(bad)} of {len(data)} rows are bad)" if len(bad) > 1 else ""
    return TrainingError(f"{data.source}: {_describe(data, *next(iter(bad.items())))}{more}")


def _describe(data: LabelledRows, row: int, error: InputError) -> str:
    return f"{data.name_of(row)}: {error.message}"
