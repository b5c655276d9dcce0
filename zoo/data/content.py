"""What a dataset is, whatever file it came in: a hash over its arrays or its cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.data.table import Table


def hash_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of named arrays: names, shapes and values, not how they were stored.

    Integers are hashed in the narrowest little-endian dtype that holds them, floats as float64:
    the same numbers in another width are the same content.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = _narrow(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, "<f8")
    if not array.size:
        return np.ascontiguousarray(array, "|u1")
    low, high = int(array.min()), int(array.max())
    kind = np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
    return np.ascontiguousarray(array, kind.newbyteorder("<"))


def hash_table(tables: Iterable[Table]) -> str:
    """Return the SHA-256 of a table that comes in pieces: column names and cells.

    Numbers are hashed by value ("1", "1.0" and 1 are the same), texts without outer spaces.
    """
    digest = hashlib.sha256()
    names: list[str] | None = None
    for table in tables:
        if names is None:
            names = list(table.columns)
            digest.update("\x1f".join(map(_text, names)).encode() + b"\n")
        for row in zip(*table.columns.values(), strict=True):
            digest.update("\x1f".join(map(_cell, row)).encode() + b"\n")
    return digest.hexdigest()


def _cell(cell: Any) -> str:
    try:
        return repr(float(cell))
    except (TypeError, ValueError):
        return "" if cell is None else _text(cell)


def _text(cell: Any) -> str:
    # What separates cells and rows here cannot stand in a cell.
    return str(cell).strip().replace("\x1f", " ").replace("\n", " ")
