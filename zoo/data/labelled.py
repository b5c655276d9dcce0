"""Raw inputs with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.data.table import Table, joined, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.data.table import Rows


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
    """

    inputs: Any
    labels: Any
    source: str
    target: str | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows) -> Labelled:
        """Return some of the rows."""
        return Labelled(take(self.inputs, rows), take(self.labels, rows), self.source, self.target)

    @classmethod
    def join(cls, pieces: Sequence[Labelled]) -> Labelled:
        """Return the rows of several pieces, at least one, as one."""
        first = pieces[0]
        inputs: Any = [raw for piece in pieces for raw in piece.inputs]
        if isinstance(first.inputs, Table):
            inputs = joined([piece.inputs for piece in pieces])
        labels = [label for piece in pieces for label in piece.labels]
        return cls(inputs, labels, first.source, first.target)
