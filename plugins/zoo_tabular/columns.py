"""The preprocessor of tables: selects the columns of a model, cleans, encodes and scales them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from zoo import Choice, InputError, Preprocessor, Table
from zoo_tabular.cells import Encoder, Markers
from zoo_tabular.column_types import (
    WITHOUT_OPTIONS,
    AnyColumn,
    CategoryColumn,
    NamesColumn,
    TypeName,
)
from zoo_tabular.dates import DateEncoder
from zoo_tabular.numbers import Missing, NumberEncoder, Scale, encode_plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


BIRTH = re.compile(r"birth|born|(?:^|_)dob(?:$|_)", re.I)
"""Names of dates that say nothing about when a row was."""


class Columns(Preprocessor):
    """Columns as float32: numbers as they are or scaled, names as one feature each.

    Names, fill values and ranges are fitted to the training rows.

    Parameters
    ----------
    columns
        The columns, as a table of their types (``{age = "number", city = {type = "category", unseen
        = "other"}}``) or as a list of names, which are numbers unless another option says
        otherwise; if not given, all columns of the training data except the target.
    drop
        Columns to leave out if `columns` is not given.
    scale
        ``"standard"`` scales every column of numbers to mean 0 and deviation 1, ``"min-max"`` to
        the range 0 to 1; a constant column becomes 0.
    missing
        What an empty cell of a number becomes: an error of the row, the mean or median of the
        column, or the mean and one more feature that says so, ``"own"``.
    markers
        Numbers or texts that mean an empty cell, such as -1 or ``"?"``.
    one_hot
        Columns of names: each becomes one feature per name seen in training.
    multi_hot
        The same for cells that hold several names, such as ``a/b/c``, or none.
    maps
        Numbers for the texts of a column.
    """

    kind: ClassVar[Literal["table"]] = "table"

    def __init__(
        self,
        columns: list[str] | dict[str, TypeName | AnyColumn] | None = None,
        drop: list[str] | None = None,
        scale: Scale = "none",
        missing: Missing = "error",
        markers: list[float | str] | None = None,
        one_hot: list[str] | None = None,
        multi_hot: list[str] | None = None,
        maps: dict[str, dict[str, float]] | None = None,
    ) -> None:
        special = [*(one_hot or ()), *(multi_hot or ()), *(maps or ())]
        if columns is not None and (not columns or len(set(columns)) != len(columns)):
            msg = f"columns must be different names, at least one, received {columns}"
            raise ValueError(msg)
        if len(set(special)) != len(special):
            msg = f"one_hot, multi_hot and maps must name different columns, received {special}"
            raise ValueError(msg)
        self.types: dict[str, AnyColumn] = {
            **dict.fromkeys(one_hot or (), CategoryColumn(missing="error")),
            **dict.fromkeys(multi_hot or (), NamesColumn()),
        }
        if isinstance(columns, dict):
            if twice := [*special, *(drop or ())]:
                msg = f"columns has a type for each column; leave out the other options of {twice}"
                raise ValueError(msg)
            for name, column in columns.items():
                if column == "ordered":
                    msg = f"the type of column {name!r} needs its names from low to high: "
                    raise ValueError(msg + '{type = "ordered", order = ["low", "high"]}')
                self.types[name] = WITHOUT_OPTIONS[column]() if isinstance(column, str) else column
        self.drop = drop or []
        self.scale = scale
        self.missing = missing
        self.markers = Markers(markers or ())
        self.maps = maps or {}
        self._named = [*self.drop, *special]
        self.columns: list[str] | None = None
        self._encoders: list[Encoder] = []
        if columns is not None:
            self._set_columns(list(columns))

    def _set_columns(self, columns: list[str]) -> None:
        self.columns = columns
        self._encoders = [self._make_encoder(name) for name in columns]

    def _make_encoder(self, name: str) -> Encoder:
        options = (name, self.markers, self.scale, self.missing)
        if name in self.types:
            return self.types[name].encoder(*options)
        return NumberEncoder(*options, self.maps.get(name))

    @property
    def shape(self) -> tuple[int]:
        """(features,): one per column of numbers, one per name of a column of names."""
        widths = [encoder.width for encoder in self._encoders]
        if self.columns is None or not all(widths):
            raise _not_fitted_error()
        return (sum(widths),)

    @classmethod
    def propose(cls, raws: Sequence[Any], labels: Sequence[Any]) -> dict[str, Choice]:
        """Return options for a table: a type for each column, by what its cells look like."""
        from zoo_tabular.propose import propose_columns  # for `zoo init` alone

        return propose_columns(Table.of(raws), labels)

    def time_column(self, raws: Sequence[Any]) -> tuple[str, str] | None:
        """Return the column of dates that never go back, or the only one, but no date of birth."""
        table = Table.of(raws, self.columns or ())
        dates = [e for e in self._encoders if isinstance(e, DateEncoder) and not e.is_time]
        ordered = [encoder for encoder in dates if encoder.in_order(table.column(encoder.name))]
        others = [encoder for encoder in dates if not BIRTH.search(encoder.name)]
        found = next(iter(ordered), others[0] if len(others) == 1 else None)
        return (found.name, found.written) if found else None

    def fit(self, raws: Sequence[Any]) -> None:
        """Learn columns, names, fill values and ranges that the spec leaves open.

        Raises
        ------
        InputError
            If a column of the spec is missing, or holds nothing to learn from.
        """
        table = Table.of(raws, self.columns or ())
        for name in self._named:
            table.column(name)
        if self.columns is None:
            self._set_columns([name for name in table.columns if name not in self.drop])
        for encoder in self._encoders:
            encoder.fit(table.column(encoder.name))

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
            If a column is missing from the table, or nothing has been fitted yet.
        """
        import numpy as np

        if not all(encoder.fitted for encoder in self._encoders):
            raise _not_fitted_error()
        table = Table.of(raws, self.columns or ())
        plain = encode_plain(table, self._encoders)
        if plain is not None:
            return plain, [None] * len(table)
        reasons = dict(table.problems)
        matrix = np.zeros((len(table), *self.shape), np.float32)
        start = 0
        for encoder in self._encoders:
            end = start + encoder.width
            encoder.encode(table.column(encoder.name), matrix[:, start:end], reasons)
            start = end
        errors: list[InputError | None] = [None] * len(table)
        for row, reason in reasons.items():
            errors[row] = InputError(reason, kind="bad-row")
        return np.delete(matrix, list(reasons), axis=0) if reasons else matrix, errors

    def outside(self, raws: Sequence[Any]) -> list[str]:
        """Return a sentence for each scaled column that leaves the range of the training rows."""
        table = Table.of(raws, self.columns or ())
        texts = [encoder.out_of_range(table.column(encoder.name)) for encoder in self._encoders]
        return [text for text in texts if text]

    def state(self) -> dict[str, Any]:
        """Return the columns, and the fitted state of each."""
        return {
            "columns": self.columns,
            "learnt": {encoder.name: encoder.state() for encoder in self._encoders},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self._set_columns(msgspec.convert(state["columns"], list[str]))
        for encoder in self._encoders:
            encoder.restore(state["learnt"][encoder.name])


def _not_fitted_error() -> InputError:
    msg = "the encoding of the columns is learnt from training data; nothing was fitted yet"
    return InputError(msg, kind="not-fitted")
