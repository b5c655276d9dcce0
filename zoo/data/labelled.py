"""Raw inputs with their labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.content import update_digest
from zoo.data.split import divide
from zoo.data.table import Table, join_tables, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.data.table import RowNumbers
    from zoo.spec.training import Split


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Raw inputs, each with its label.

    Attributes
    ----------
    inputs
        A table without the target column, an array of images, texts, or a list of files.
    labels
        One raw label per input.
    source
        Name of the data, for messages.
    target
        The column that the labels came from, for tables.
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
        train, held = divide(len(self), split, seed=seed, labels=self.labels)
        return self.take(train), self.take(held)

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
        labels = [label for piece in pieces for label in piece.labels]
        numbers = [number for piece in pieces for number in piece.numbers or range(len(piece))]
        return cls(inputs, labels, first.source, first.target, numbers)
