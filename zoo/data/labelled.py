"""Raw inputs with their labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.content import add
from zoo.data.split import divide
from zoo.data.table import Table, joined, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.data.table import Rows
    from zoo.spec.training import Split


@dataclass(frozen=True, slots=True)
class Labelled:
    """Raw inputs with their labels.

    Attributes
    ----------
    inputs
        A table without the target column, an array of pictures, texts, or a list of files.
    labels
        One raw label for each input.
    source
        What people call the data.
    target
        The column that the labels came from, for tables.
    numbers
        Number of each row in the source, for messages; not given where all rows are here.
    """

    inputs: Any
    labels: Any
    source: str
    target: str | None = None
    numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows) -> Labelled:
        """Return some of the rows."""
        numbers = range(len(self)) if self.numbers is None else self.numbers
        inputs, labels = take(self.inputs, rows), take(self.labels, rows)
        return replace(self, inputs=inputs, labels=labels, numbers=take(numbers, rows))

    def content(self) -> dict[str, Any]:
        """Return what a run keeps of its data: their source, number of rows, and SHA-256."""
        digest = hashlib.sha256()
        add(digest, self.inputs)
        add(digest, self.labels)
        return {"source": self.source, "rows": len(self), "sha256": digest.hexdigest()}

    def divide(self, split: Split | float, seed: int) -> tuple[Labelled, Labelled]:
        """Return the rows to train on and those held out; see `zoo.data.split.divide`."""
        kept, held = divide(len(self), split, seed=seed, labels=self.labels)
        return self.take(kept), self.take(held)

    def name_of(self, row: int) -> str:
        """Return what people call a row: its file, or its number in the source."""
        raw = self.inputs[row]
        if isinstance(raw, Path):
            return str(raw)
        return f"row {row if self.numbers is None else self.numbers[row]}"

    @classmethod
    def join(cls, pieces: Sequence[Labelled]) -> Labelled:
        """Return the rows of several pieces, at least one, as one."""
        first = pieces[0]
        inputs: Any
        if isinstance(first.inputs, Table):
            inputs = joined(piece.inputs for piece in pieces)
        elif hasattr(first.inputs, "dtype"):
            import numpy as np

            inputs = np.concatenate([piece.inputs for piece in pieces])
        else:
            inputs = [raw for piece in pieces for raw in piece.inputs]
        labels = [label for piece in pieces for label in piece.labels]
        numbers = [number for piece in pieces for number in piece.numbers or range(len(piece))]
        return cls(inputs, labels, first.source, first.target, numbers)
