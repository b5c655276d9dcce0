"""Rows of a table to numbers: the columns of a model, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo import InputError, Preprocessor, Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Columns(Preprocessor):
    """Numeric columns as float32, values as they are.

    Parameters
    ----------
    columns
        Names of the columns; all columns of the training data but the target if not given.
    """

    kind: ClassVar[Literal["table"]] = "table"

    def __init__(self, columns: list[str] | None = None) -> None:
        if columns is not None and (not columns or len(set(columns)) != len(columns)):
            msg = f"columns must be different names, at least one, received {columns}"
            raise ValueError(msg)
        self.columns = columns

    @property
    def shape(self) -> tuple[int]:
        """(features,)"""
        if self.columns is None:
            msg = "the columns are learnt from training data; nothing was fitted yet"
            raise InputError(msg, kind="not-fitted")
        return (len(self.columns),)

    def fit(self, raws: Sequence[Any]) -> None:
        """Take the names of the columns, unless the spec gives them."""
        if self.columns is None:
            self.columns = list(Table.of(raws).columns)

    def one(self, raw: Any) -> NDArray[np.float32]:
        """Return one row, a mapping of column to cell, as float32 of shape (features,)."""
        tensors, errors = self.many(Table.of([raw]))
        if errors[0]:
            raise errors[0]
        row: NDArray[np.float32] = tensors[0]
        return row

    def many(self, raws: Sequence[Any]) -> tuple[NDArray[np.float32], list[InputError | None]]:
        """Return the usable rows as float32 of shape (rows, features), and an error or None each.

        Raises
        ------
        InputError
            If a column is missing from the whole table.
        """
        import numpy as np

        table = Table.of(raws, self.columns or ())
        reasons: dict[int, str] = dict(table.problems)
        matrix = np.empty((len(table), *self.shape), np.float64)
        for position, name in enumerate(self.columns or ()):
            cells = table.column(name)
            try:
                matrix[:, position] = np.asarray(cells, np.float64)
            except (TypeError, ValueError):  # some cell is no number: look at each
                matrix[:, position] = [_number(cell) for cell in cells]
            bad = ~np.isfinite(matrix[:, position].astype(np.float32))
            for row in np.flatnonzero(bad).tolist():
                reasons.setdefault(row, _reason(name, cells[row]))
        errors = [
            InputError(reasons[row], kind="bad-row") if row in reasons else None
            for row in range(len(table))
        ]
        good = [row for row in range(len(table)) if row not in reasons]
        return matrix[good].astype(np.float32), errors

    def state(self) -> dict[str, Any]:
        """Return the names of the columns."""
        return {"columns": self.columns}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back the names of the columns."""
        self.columns = state["columns"]


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")


def _reason(name: str, cell: Any) -> str:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return f"column {name!r} is empty, expected a number"
    return f"column {name!r} holds {cell!r}, expected a finite number"
