"""Raw inputs with their labels, and hashes of their content, whatever file it came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.split import divide
from zoo.data.table import Table, join_tables, take
from zoo.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zoo.data.table import RowNumbers, Table
    from zoo.spec.model import Split


def hash_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of named arrays: names, shapes and values, not how they were stored.

    Integers are hashed in the narrowest little-endian dtype that holds them, floats as float64,
    texts in the length of the longest: the same values in another width are the same content.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} ".encode())
        update_digest(digest, _narrow(arrays[name]))
    return digest.hexdigest()


def update_digest(digest: Any, rows: Any) -> None:
    """Add raw rows of any kind to a digest: cells, texts, arrays, and the bytes of files."""
    import numpy as np

    if isinstance(rows, Path):
        try:
            digest.update(rows.read_bytes())
        except OSError as error:  # the next reader reports it
            digest.update(str(error).encode())
    elif isinstance(rows, np.ndarray) and rows.dtype != object:
        digest.update(f"{rows.dtype.str} {rows.shape}\n".encode())
        digest.update(np.ascontiguousarray(rows).data if rows.size else b"")
    elif hasattr(rows, "columns"):
        update_digest(digest, rows.columns)
    elif isinstance(rows, Mapping):
        for name, cells in rows.items():
            digest.update(f"{name}\n".encode())
            update_digest(digest, cells)
    elif isinstance(rows, list | tuple | np.ndarray):
        digest.update(f"{len(rows)} rows\n".encode())
        if all(isinstance(row, str | int | float | np.generic) for row in rows):
            digest.update("\x1f".join(map(str, rows)).encode(errors="surrogatepass"))
        else:
            for row in rows:
                update_digest(digest, row)
    else:
        digest.update(rows.tobytes() if hasattr(rows, "tobytes") else str(rows).encode())


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, "<f8")
    if not array.size:
        return np.ascontiguousarray(array, "|u1")
    if array.dtype.kind == "U":
        return np.array(array.tolist()).astype("<U")
    low, high = int(array.min()), int(array.max())
    kind = np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
    return np.ascontiguousarray(array, kind.newbyteorder("<"))


def hash_table(tables: Iterable[Table]) -> str:
    """Return the SHA-256 of a table read in pieces: column names and cells.

    Numbers are hashed by value ("1", "1.0" and 1 are the same), texts without surrounding spaces.
    """
    digest = hashlib.sha256()
    for number, table in enumerate(tables):
        if number == 0:
            digest.update("\x1f".join(map(_text, table.columns)).encode() + b"\n")
        for row in zip(*table.columns.values(), strict=True):
            digest.update("\x1f".join(map(_cell, row)).encode() + b"\n")
    return digest.hexdigest()


def _cell(cell: Any) -> str:
    try:
        return repr(float(cell))
    except (TypeError, ValueError):
        return "" if cell is None else _text(cell)


def _text(cell: Any) -> str:
    # The separators of cells and rows must not occur in a cell.
    return str(cell).strip().replace("\x1f", " ").replace("\n", " ")


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Raw inputs, each with its label.

    Attributes
    ----------
    inputs
        A table without the target column, an array of images, texts, or a list of files.
    labels
        One raw label per input; a table, where each of several outputs has its own.
    source
        Name of the data, for messages.
    target
        The column that the labels came from, for tables, if it is only one.
    numbers
        Number of each row in the source, for messages; None if these are all of its rows.
    """

    inputs: Any
    labels: Any
    source: str
    target: str | None = None
    numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: RowNumbers) -> LabelledRows:
        """Return the rows at these positions."""
        numbers = range(len(self)) if self.numbers is None else self.numbers
        inputs, labels = take(self.inputs, rows), take(self.labels, rows)
        return replace(self, inputs=inputs, labels=labels, numbers=take(numbers, rows))

    def content(self) -> dict[str, Any]:
        """Return the record that a run keeps of its data: source, number of rows, and SHA-256."""
        digest = hashlib.sha256()
        update_digest(digest, self.inputs)
        update_digest(digest, self.labels)
        return {"source": self.source, "rows": len(self), "sha256": digest.hexdigest()}

    def divide(self, split: Split | float, seed: int) -> tuple[LabelledRows, LabelledRows]:
        """Return the rows to train on and those held out; see `zoo.data.split.divide`."""
        train, held = self.split_rows(split, seed)
        return self.take(train), self.take(held)

    def split_rows(self, split: Split | float, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the positions of the rows to train on and of those held out."""
        by = getattr(split, "by", None)
        if by is not None and not isinstance(self.inputs, Table):
            msg = f"validation.by: {self.source} has no column {by!r}; it is no table"
            raise TrainingError(msg)
        column = self.inputs.column(by) if by is not None else ()
        return divide(len(self), split, seed=seed, labels=self.labels, column=column)

    def name_of(self, row: int) -> str:
        """Return the name of a row for messages: its file, or its number in the source."""
        raw = self.inputs[row]
        if isinstance(raw, Path):
            return str(raw)
        return f"row {row if self.numbers is None else self.numbers[row]}"

    @classmethod
    def join(cls, pieces: Sequence[LabelledRows]) -> LabelledRows:
        """Concatenate the rows of one or more pieces."""
        first = pieces[0]
        inputs: Any
        if isinstance(first.inputs, Table):
            inputs = join_tables(piece.inputs for piece in pieces)
        elif hasattr(first.inputs, "dtype"):
            import numpy as np

            inputs = np.concatenate([piece.inputs for piece in pieces])
        else:
            inputs = [raw for piece in pieces for raw in piece.inputs]
        labels: Any = [label for piece in pieces for label in piece.labels]
        if isinstance(first.labels, Table):
            labels = join_tables(piece.labels for piece in pieces)
        numbers = [number for piece in pieces for number in piece.numbers or range(len(piece))]
        return cls(inputs, labels, first.source, first.target, numbers)
