"""Raw inputs with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.data.table import take

if TYPE_CHECKING:
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
