"""Labelled data for training and evaluation: where they come from and how they become tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.components import Decoder, Preprocessor
from zoo.config import store
from zoo.data.folder import read_folder
from zoo.data.table import Table, read_csv, take
from zoo.errors import InputError, TrainingError, UsageError
from zoo.registry.registry import registry
from zoo.spec.model import Training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labelled:
    """Raw inputs with their labels.

    Attributes
    ----------
    inputs
        A table without the target column, or a list of files.
    labels
        One raw label for each input.
    source
        What people call the data.
    target
        The column that the labels came from, for tables.
    """

    inputs: Any
    labels: Sequence[Any]
    source: str
    target: str | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int]) -> Labelled:
        """Return some of the rows."""
        labels = [self.labels[row] for row in rows]
        return Labelled(take(self.inputs, rows), labels, self.source, self.target)


def labelled(kind: str, training: Training | None, data: Any, target: str | None) -> Labelled:
    """Return the labelled data that were named, or the recipe's dataset.

    Parameters
    ----------
    kind
        The preprocessor's kind of raw input: ``"table"`` or ``"image"``.
    training
        The recipe, which may name a dataset and a target.
    data
        CSV file, folder, table or frame; None for the recipe's dataset.
    target
        Column to learn, for tables.

    Raises
    ------
    UsageError
        If no data are known, or no target column is.
    InputError
        If the data cannot be read.
    """
    dataset_target = None
    dataset = training.dataset if training else None
    if dataset is not None:
        entry = registry().datasets.find(dataset)
        dataset_target = entry.value.target
        if data is None:
            data = store("data").fetch(entry.value.file, base=entry.base)
    if data is None:
        expected = "a CSV file" if kind == "table" else "a folder with one subfolder per class"
        msg = f"the recipe names no dataset; give one with --data ({expected})"
        raise UsageError(msg)
    if kind == "image":
        return Labelled(*read_folder(Path(data)), source=str(data))
    if kind != "table":
        msg = f"data of kind {kind!r} cannot be read yet; expected a table or pictures"
        raise UsageError(msg)
    target = target or (training.target if training else None) or dataset_target
    if target is None:
        msg = "which column is to be learnt? name it with --target"
        raise UsageError(msg)
    is_file = isinstance(data, str | PathLike)
    table = read_csv(Path(data)) if is_file else Table.of(data)
    labels: Sequence[Any] = table.column(target)
    rest = {name: cells for name, cells in table.columns.items() if name != target}
    if not len(table):
        msg = f"{data if is_file else 'the table'}: has no rows below the header"
        raise InputError(msg, kind="no-rows")
    return Labelled(Table(rest, table.problems), labels, str(data) if is_file else "table", target)


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
        name = data.inputs[row] if not isinstance(data.inputs, Table) else f"row {row}"
        count = len({row for row, _ in bad})
        more = f" ({count} of {len(data)} rows are bad)" if count > 1 else ""
        msg = f"{data.source}: {name}: {error.message}{more}"
        raise TrainingError(msg)
    return inputs, targets


def split(rows: int, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the rows to train on and those held out, drawn with the seed, both ascending.

    Raises
    ------
    TrainingError
        If either part would be empty.
    """
    import numpy as np

    held = round(rows * fraction)
    if held == 0 or held == rows:
        msg = f"a validation fraction of {fraction} leaves one part of {rows} rows empty"
        raise TrainingError(msg)
    order = np.random.default_rng(seed).permutation(rows)
    return sorted(order[held:].tolist()), sorted(order[:held].tolist())
