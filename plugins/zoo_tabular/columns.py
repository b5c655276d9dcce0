"""Rows of a table to numbers: the columns of a model, in its order, cleaned, encoded and scaled."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo import InputError, Preprocessor, Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEPARATOR = "/"
"""What stands between the values of a cell like ``a/b/c``."""


class Columns(Preprocessor):
    """Columns as float32: numbers as they are or scaled, texts as one-hot columns.

    What is fitted (categories, means, ranges) is fitted to the rows that are trained on.

    Parameters
    ----------
    columns
        Names of the columns; all columns of the training data but the target if not given.
    drop
        Columns to leave out, where `columns` does not name them.
    scale
        ``"standard"`` gives every column mean 0 and deviation 1, ``"min-max"`` the range 0 to 1;
        a constant column becomes 0.
    missing
        What becomes of an empty cell of a number: the row's error, or the column's mean or median.
    markers
        Numbers that mean an empty cell, such as -1.
    one_hot
        Columns of names: each becomes one column for each name seen in training.
    multi_hot
        The same for cells that hold several names, ``a/b/c``.
    maps
        Numbers for the texts of a column.
    """

    kind: ClassVar[Literal["table"]] = "table"

    def __init__(
        self,
        columns: list[str] | None = None,
        drop: list[str] | None = None,
        scale: Literal["none", "standard", "min-max"] = "none",
        missing: Literal["error", "mean", "median"] = "error",
        markers: list[float] | None = None,
        one_hot: list[str] | None = None,
        multi_hot: list[str] | None = None,
        maps: dict[str, dict[str, float]] | None = None,
    ) -> None:
        if columns is not None and (not columns or len(set(columns)) != len(columns)):
            msg = f"columns must be different names, at least one, received {columns}"
            raise ValueError(msg)
        self.columns = columns
        self.drop = set(drop or ())
        self.scale = scale
        self.missing = missing
        self.markers = frozenset(float(marker) for marker in markers or ())
        self.one_hot = set(one_hot or ())
        self.multi_hot = set(multi_hot or ())
        self.maps = maps or {}
        self.categories: dict[str, list[str]] = {}
        self.fill: dict[str, float] = {}
        self.shift: list[float] = []
        self.factor: list[float] = []

    @property
    def shape(self) -> tuple[int]:
        """(features,): one for each number, one for each name of an encoded column."""
        if self.columns is None or not set(self.columns) & self._encoded <= set(self.categories):
            msg = "columns and names are learnt from training data; nothing was fitted yet"
            raise InputError(msg, kind="not-fitted")
        return (sum(len(self.categories.get(name, [name])) for name in self.columns),)

    @property
    def _encoded(self) -> set[str]:
        return self.one_hot | self.multi_hot

    def fit(self, raws: Sequence[Any]) -> None:
        """Learn columns, names, fill values, ranges, as far as the spec leaves them open."""
        table = Table.of(raws, self.columns or ())
        if self.columns is None:
            self.columns = [name for name in table.columns if name not in self.drop]
        for name in self.columns:
            if name in self._encoded:
                names = {part for cell in table.column(name) for part in self._names(name, cell)}
                self.categories[name] = sorted(names)
            elif self.missing != "error":
                known = [n for n in map(self._number(name), table.column(name)) if n == n]
                middle = statistics.fmean if self.missing == "mean" else statistics.median
                self.fill[name] = middle(known) if known else 0.0
        self.shift, self.factor = [], []
        if self.scale != "none":
            self._fit_scale(self.many(table)[0])

    def _fit_scale(self, matrix: NDArray[np.float32]) -> None:
        import numpy as np

        values = matrix.astype(np.float64)
        if self.scale == "standard":
            shift, width = values.mean(axis=0), values.std(axis=0)
        else:
            shift, width = values.min(axis=0), np.ptp(values, axis=0)
        factor = np.divide(1.0, width, out=np.zeros_like(width), where=width > 0)
        self.shift, self.factor = shift.tolist(), factor.tolist()

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
        matrix = np.zeros((len(table), *self.shape), np.float64)
        place = 0
        for name in self.columns or ():
            cells = table.column(name)
            if name in self.categories:
                self._encode(name, cells, matrix[:, place:], reasons)
                place += len(self.categories[name])
                continue
            matrix[:, place] = self._numbers(name, cells)
            bad = ~np.isfinite(matrix[:, place].astype(np.float32))
            for row in np.flatnonzero(bad).tolist():
                reasons.setdefault(row, _reason(name, cells[row], self.markers))
            place += 1
        if self.shift:
            matrix = (matrix - self.shift) * self.factor
        errors = [
            InputError(reasons[row], kind="bad-row") if row in reasons else None
            for row in range(len(table))
        ]
        good = [row for row in range(len(table)) if row not in reasons]
        return matrix[good].astype(np.float32), errors

    def _numbers(self, name: str, cells: Sequence[Any]) -> NDArray[np.float64]:
        """Return the numbers of a column, filled where cells are empty, NaN where they are none."""
        import numpy as np

        try:
            values = np.array(cells, np.float64)
        except (TypeError, ValueError):  # some cell is no number: look at each
            number = self._number(name)
            values = np.array([number(cell) for cell in cells], np.float64)
        if self.markers:
            values[np.isin(values, list(self.markers))] = np.nan
        if name in self.fill:
            empty = [_is_empty(cell, self.markers) for cell in cells]
            values[empty] = self.fill[name]
        return values

    def _number(self, name: str) -> Any:
        known = self.maps.get(name, {})

        def number(cell: Any) -> float:
            value = known.get(cell.strip()) if isinstance(cell, str) else None
            value = _number(cell) if value is None else float(value)
            return float("nan") if value in self.markers else value

        return number

    def _names(self, name: str, cell: Any) -> list[str]:
        text = "" if cell is None else str(cell)
        parts = text.split(SEPARATOR) if name in self.multi_hot else [text]
        return [part.strip() for part in parts if part.strip()]

    def _encode(
        self, name: str, cells: Sequence[Any], into: NDArray[Any], reasons: dict[int, str]
    ) -> None:
        """Write the one-hot columns of a column of names into the first columns of `into`."""
        index = {category: number for number, category in enumerate(self.categories[name])}
        for row, cell in enumerate(cells):
            names = self._names(name, cell)
            if not names and name in self.one_hot:
                reasons.setdefault(row, f"column {name!r} is empty, expected a name")
            for part in names:
                if part in index:
                    into[row, index[part]] = 1.0
                else:
                    shown = ", ".join(self.categories[name][:20])
                    text = f"column {name!r} holds the unknown name {part!r}, expected {shown}"
                    reasons.setdefault(row, text)

    def state(self) -> dict[str, Any]:
        """Return what was fitted."""
        names = ("columns", "categories", "fill", "shift", "factor")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what was fitted."""
        for name, value in state.items():
            setattr(self, name, value)


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")


def _is_empty(cell: Any, markers: frozenset[float]) -> bool:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return True
    return _number(cell) in markers


def _reason(name: str, cell: Any, markers: frozenset[float]) -> str:
    if _is_empty(cell, markers):
        return f"column {name!r} is empty, expected a number"
    return f"column {name!r} holds {cell!r}, expected a finite number"
