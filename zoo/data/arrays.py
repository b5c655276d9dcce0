"""Arrays with their labels: npz and npy files, and pairs of Python values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.data.containers import Arrays, read_arrays, read_npy
from zoo.data.labelled import LabelledRows
from zoo.data.table import Table
from zoo.errors import InputError, UsageError, did_you_mean
from zoo.numeric import number_of

SUFFIXES = (".npz", ".npy")

TARGETS = ("y", "target", "targets", "label", "labels")
"""Names of arrays that are to be learnt, unless others are named."""

_PARTS = {"train": "train", "test": "test", "val": "validation", "valid": "validation"}
_PART = re.compile(rf"(.+)_({'|'.join(_PARTS)})")


def read_labelled_arrays(
    path: Path, targets: Sequence[str] = (), *, several: bool = False
) -> dict[str, LabelledRows]:
    """Return the rows of a file of arrays, by part.

    Parameters
    ----------
    path
        An npz file. Names that end in ``_train``, ``_test`` and ``_val`` are parts of their own.
        Or an npy file; its target is another one.
    targets
        Names of the arrays to learn; ``y``, ``labels`` or the like if not given. All other arrays
        are inputs.
    several
        Whether the targets are outputs by name, also if there is only one.

    Raises
    ------
    InputError
        If the file cannot be read, or its arrays have other numbers of rows.
    UsageError
        If there is no such target.
    """
    if path.suffix.lower() == ".npy":
        if len(targets) != 1 or not targets[0].lower().endswith(".npy"):
            msg = f"{path}: holds one array; pass the npy file of the targets as --target, or both "
            raise UsageError(msg + "in an npz file")
        labels = read_npy(Path(targets[0]))
        return {"train": pair(read_npy(path), labels, str(path))}
    arrays = join_ragged(read_arrays(path))
    parts: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        match = _PART.fullmatch(name)
        part = _PARTS[match[2]] if match else "train"
        parts.setdefault(part, {})[match[1] if match else name] = array
    if "train" not in parts:
        msg = f"{path}: has no arrays to train on; it has {', '.join(arrays) or 'none'}"
        raise InputError(msg, kind="bad-container")
    return {part: _divide(path, own, targets, several) for part, own in parts.items()}


def read_inputs(path: Path, targets: Collection[str] = ()) -> Any:
    """Return the inputs in a file of arrays: an array, or a table of several by name.

    Parameters
    ----------
    path
        An npz or npy file.
    targets
        Names of arrays that are none.
    """
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    arrays = join_ragged(read_arrays(path))
    if any(map(_PART.fullmatch, arrays)):
        msg = f"{path}: has rows to train on and others ({', '.join(arrays)}); pass the rows to "
        raise InputError(msg + "predict in a file of their own", kind="bad-container")
    left_out = {*TARGETS, *targets}
    inputs = {n: array for n, array in arrays.items() if not {n, n.lower()} & left_out}
    return _inputs_of(path, inputs)


def join_ragged(arrays: Arrays) -> dict[str, Any]:
    """Return the arrays, with ``x_flat`` and ``x_offsets`` as the list of arrays ``x``."""
    import numpy as np

    joined: dict[str, Any] = {}
    for name, array in arrays.items():
        stem = name.removesuffix("_flat")
        if name.endswith("_offsets") and name.removesuffix("offsets") + "flat" in arrays:
            continue
        if stem == name or f"{stem}_offsets" not in arrays:
            joined[name] = array
        else:
            joined[stem] = np.split(array, arrays[f"{stem}_offsets"][1:-1])
    return joined


def _divide(
    path: Path, arrays: dict[str, Any], targets: Sequence[str], several: bool
) -> LabelledRows:
    """Return inputs and labels among the arrays of a part."""
    if not targets:
        targets = [name for name in arrays if name.lower() in TARGETS][:1]
    for name in targets or ["y"]:
        if name not in arrays:
            msg = f"{path}: has no array {name!r} to learn; it has {', '.join(arrays)}."
            raise UsageError(msg + did_you_mean(name, arrays))
    inputs = {name: array for name, array in arrays.items() if name not in targets}
    labels: Any = {name: arrays[name] for name in targets}
    if not several and len(targets) == 1:
        labels = arrays[targets[0]]
    return pair(_inputs_of(path, inputs), labels, str(path), several=several)


def _inputs_of(path: Path, inputs: dict[str, Any]) -> Any:
    if not inputs:
        msg = f"{path}: has no arrays beside the targets"
        raise InputError(msg, kind="bad-container")
    return Table(inputs) if len(inputs) > 1 else next(iter(inputs.values()))


def pair(inputs: Any, labels: Any, source: str, *, several: bool = False) -> LabelledRows:
    """Return inputs with their labels.

    Parameters
    ----------
    inputs
        An array, a list, a frame, or arrays by name for models with several inputs.
    labels
        As many: an array, a list or a column; arrays by name or a frame for several outputs.
    source
        Name of the data, for messages.
    several
        Whether there are several outputs; otherwise columns side by side are a vector.

    Raises
    ------
    InputError
        If there are more of the one than of the other, or none.
    """
    inputs, labels = as_rows(inputs), as_rows(labels)
    if isinstance(labels, Table) and not several:
        columns = list(labels.columns.values())
        labels = columns[0] if len(columns) == 1 else [*zip(*columns, strict=True)]
    if len(inputs) != len(labels) or not len(inputs):
        msg = f"{source}: there are {len(inputs):,} inputs and {len(labels):,} targets; "
        raise InputError(msg + "expected one target for each input", kind="bad-target")
    return LabelledRows(inputs, labels, source)


def as_rows(values: Any) -> Any:
    """Return a table, an array or a list for whatever holds rows.

    Raises
    ------
    InputError
        If it holds none.
    """
    import numpy as np

    if np.ma.isMaskedArray(values):
        return np.ma.filled(values.astype(np.float64), np.nan)
    if isinstance(values, Mapping):
        return Table({name: as_rows(cells) for name, cells in values.items()})
    if hasattr(values, "columns"):
        return Table.of(values)
    if isinstance(values, list | np.ndarray | Sequence) and not isinstance(values, str | bytes):
        return values
    if getattr(values, "ndim", 0) and hasattr(values, "__array__"):  # tensors, and columns
        array = np.asarray(values)
        return list(array) if array.dtype == object else array
    if not hasattr(values, "__len__") or isinstance(values, str | bytes):
        msg = f"expected rows (an array, a list, a frame), received {type(values).__name__}"
        raise InputError(msg, kind="bad-table")
    return list(values)


def table_rows(table: Table) -> list[Any]:
    """Return the rows of a table of numbers as arrays, or the error of a row in its place."""
    import numpy as np

    if not len(table):
        return []
    first, *others = table.columns.values()
    if not others and isinstance(first[0], np.ndarray):  # arrays, not cells
        return list(first)
    columns = [map(number_of, cells) for cells in table.columns.values()]
    rows: list[Any] = [*map(np.array, zip(*columns, strict=True))]
    for row, numbers in enumerate(rows):
        if row in table.problems:
            rows[row] = InputError(table.problems[row], kind="bad-row")
        elif not np.isfinite(numbers).all():
            cells = table[row]
            name = [*cells][int(np.flatnonzero(~np.isfinite(numbers))[0])]
            msg = f"column {name!r} holds {cells[name]!r}, expected a number"
            rows[row] = InputError(msg, kind="bad-row")
    return rows
