"""Labelled data for training and evaluation: where they come from and how they become tensors."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.components import Decoder, Preprocessor
from zoo.data import datasets
from zoo.data.folder import read_folder
from zoo.data.labelled import Labelled
from zoo.data.table import Table, read_csv
from zoo.errors import InputError, TrainingError, UsageError
from zoo.registry.registry import registry
from zoo.spec.training import Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def parts(
    kind: str, training: Training | None, data: Any, target: str | None
) -> dict[str, Labelled]:
    """Return the labelled data that were named, or the recipe's dataset, by part.

    Parameters
    ----------
    kind
        The preprocessor's kind of raw input: ``"table"``, ``"image"`` or ``"text"``.
    training
        The recipe, which may name a dataset and a target.
    data
        CSV file, folder, table or frame; None for the recipe's dataset.
    target
        Column to learn, for tables.

    Returns
    -------
    dict
        ``"train"``, and ``"test"`` where the dataset keeps rows for that.

    Raises
    ------
    UsageError
        If no data are known, or no target column is.
    InputError
        If the data cannot be read.
    """
    entry = None
    if training is not None and training.dataset is not None:
        entry = registry().datasets.find(training.dataset)
    target = target or (training.target if training else None)
    if data is None:
        if entry is None:
            wanted = "a folder with one subfolder per class" if kind == "image" else "a CSV file"
            msg = f"the recipe names no dataset; give one with --data ({wanted})"
            raise UsageError(msg)
        if target in (None, entry.value.target):
            return datasets.load(entry)
        found = datasets.load(entry)
        return {part: _retargeted(rows, str(target)) for part, rows in found.items()}
    if kind == "image":
        return {"train": Labelled(*read_folder(Path(data)), source=str(data))}
    return {"train": _table(kind, data, target or (entry.value.target if entry else None))}


def _table(kind: str, data: Any, target: str | None) -> Labelled:
    """Return the rows of a CSV file or frame; for texts, the one column beside the target."""
    if target is None:
        msg = "which column is to be learnt? name it with --target"
        raise UsageError(msg)
    is_file = isinstance(data, str | PathLike)
    table = read_csv(Path(data)) if is_file else Table.of(data)
    name = str(data) if is_file else "the table"
    labels = table.column(target)
    if not len(table):
        msg = f"{name}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
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


def _retargeted(rows: Labelled, target: str) -> Labelled:
    """Return the rows of a table dataset with another of its columns to learn."""
    if not isinstance(rows.inputs, Table) or rows.target is None:
        msg = f"{rows.source} has one target only; it is no table with a column {target!r}"
        raise UsageError(msg)
    columns = {**rows.inputs.columns, rows.target: rows.labels}
    labels = Table(columns).column(target)
    del columns[target]
    return Labelled(Table(columns, rows.inputs.problems), labels, rows.source, target)


def tensors(
    data: Labelled, preprocessor: Preprocessor, decoder: Decoder
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return inputs and targets of labelled data.

    Raises
    ------
    TrainingError
        If any row cannot be used: what a model learns is not decided by leaving rows out quietly.
    """
    inputs, input_errors = preprocessor.many(data.inputs)
    targets, target_errors = decoder.encode(data.labels)
    bad = [
        (row, error)
        for row, errors in enumerate(zip(input_errors, target_errors, strict=True))
        for error in errors
        if error is not None
    ]
    if bad:
        row, error = bad[0]
        name = data.inputs[row] if isinstance(data.inputs, list) else f"row {row}"
        count = len({row for row, _ in bad})
        more = f" ({count} of {len(data)} rows are bad)" if count > 1 else ""
        msg = f"{data.source}: {name}: {error.message}{more}"
        raise TrainingError(msg)
    return inputs, targets
