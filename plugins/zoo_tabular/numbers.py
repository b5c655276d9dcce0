"""Encode a column of numbers, or of names that stand for numbers, as one feature."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo import Table
from zoo.decoders import number_of
from zoo.errors import InputError
from zoo_tabular.cells import Encoder, Markers, list_choices, text_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scale = Literal["none", "standard", "min-max"]
Missing = Literal["error", "mean", "median", "own"]

FLOAT32_END = 2.0**128 - 2.0**103
"""The smallest number that is infinite as float32: halfway from the largest one to 2**128."""


class NumberFormat:
    """How people write the numbers of a column.

    Parameters
    ----------
    decimal
        Decimal separator.
    thousands
        Separator of groups of three digits.
    unit
        Unit before or behind the number.

    Attributes
    ----------
    plain
        Whether numbers are written as Python writes them.
    """

    def __init__(self, decimal: str, thousands: str, unit: str) -> None:
        if thousands == decimal or not decimal:
            msg = f"decimal and thousands must differ, received {decimal!r} and {thousands!r}"
            raise ValueError(msg)
        self.decimal = decimal
        self.thousands = thousands
        self.unit = unit
        self.plain = (decimal, thousands, unit) == (".", "", "")
        group = re.escape(thousands)
        self._grouped = re.compile(rf"[+-]?\d{{1,3}}(?:{group}\d{{3}})+(?!\d)")

    def parse(self, cell: Any) -> float:
        """Return the number that a cell holds, NaN if it holds none."""
        if not isinstance(cell, str):
            return number_of(cell)
        text = cell.strip()
        if self.unit:
            text = text.removeprefix(self.unit).removesuffix(self.unit).strip()
        if self.thousands and self._grouped.match(text):
            text = text.replace(self.thousands, "")
        if self.decimal != ".":
            text = "?" if "." in text else text.replace(self.decimal, ".")
        return number_of(text)

    def __str__(self) -> str:
        unit = f" and the unit {self.unit!r}" if self.unit else ""
        return f"a finite number with {self.decimal!r} before its decimals{unit}"


PLAIN = NumberFormat(".", "", "")


class NumberEncoder(Encoder):
    """Encodes a column of numbers as one feature, and a second one where cells are empty.

    Parameters
    ----------
    name, markers
        As for `zoo_tabular.cells.Encoder`.
    scale, missing
        As for `zoo_tabular.columns.Columns`.
    mapping
        Numbers for texts.
    written
        How the numbers are written.
    """

    def __init__(
        self,
        name: str,
        markers: Markers,
        scale: Scale = "none",
        missing: Missing = "error",
        mapping: Mapping[str, float] | None = None,
        written: NumberFormat = PLAIN,
    ) -> None:
        super().__init__(name, markers)
        self.scale = scale
        self.missing = missing
        self.mapping = mapping or {}
        self.written = written
        self.statistics: dict[str, float] = {}

    @property
    def plain(self) -> bool:
        """Whether each cell becomes one feature, and is written as Python writes numbers."""
        special = self.mapping or self.markers.numbers or "own" in self.statistics
        return self.written.plain and not special

    @property
    def width(self) -> int:
        if self.missing == "own" and not self.fitted:
            return 0  # not known yet
        return 2 if "own" in self.statistics else 1

    @property
    def fitted(self) -> bool:
        filled = self.missing == "error" or "fill" in self.statistics
        return filled and (self.scale == "none" or "factor" in self.statistics)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the fill value of empty cells, and the range."""
        import numpy as np

        self.statistics = {}
        if self.fitted:
            return
        values = self._read(cells)
        usable = values[_is_finite(values)]
        if not len(usable):
            msg = f"column {self.name!r} holds no number in the training rows"
            raise InputError(msg, kind="no-numbers")
        if self.missing != "error":
            average = np.median if self.missing == "median" else np.mean
            self.statistics["fill"] = fill = float(average(usable))
            empty = self._empty_rows(values, cells)
            if self.missing == "own" and empty:
                self.statistics["own"] = 1.0
            usable = np.append(usable, [fill] * len(empty))
        if self.scale == "none":
            return
        low, spread = float(usable.min()), float(np.ptp(usable))
        width = float(usable.std()) if self.scale == "standard" else spread
        # In floating point the deviation of equal numbers is not always 0; their spread is.
        self.statistics["factor"] = 1.0 / width if spread else 0.0
        centred = self.scale == "standard" and spread
        self.statistics["shift"] = float(usable.mean()) if centred else low
        self.statistics.update(low=low, high=low + spread)

    def out_of_range(self, cells: Sequence[Any]) -> str | None:
        if "low" not in self.statistics:  # no scale, or fitted before zoo stored the range
            return None
        values = self._read(cells)
        usable = values[_is_finite(values)]
        low, high = self.statistics["low"], self.statistics["high"]
        outliers = int(((usable < low) | (usable > high)).sum())
        if not outliers:
            return None
        return (
            f"column {self.name!r} leaves the range {low:g} to {high:g} that its scale was fitted "
            f"to in {outliers:,} of {len(cells):,} rows (now {usable.min():g} to {usable.max():g})"
        )

    def encode(self, cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]) -> None:
        values = self._read(cells)
        if not _is_finite(values).all():
            self._replace(values, cells, out, reasons)
        if "factor" in self.statistics:
            values = (values - self.statistics["shift"]) * self.statistics["factor"]
        out[:, 0] = values

    def _replace(
        self, values: NDArray[Any], cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]
    ) -> None:
        """Replace what is not a finite number: empty cells by the fill value, others by 0."""
        import numpy as np

        if "fill" in self.statistics:
            empty = self._empty_rows(values, cells)
            values[empty] = self.statistics["fill"]
            if "own" in self.statistics:
                out[empty, 1] = 1.0
        for row in np.flatnonzero(~_is_finite(values)).tolist():
            reasons.setdefault(row, self._reason(cells[row]))
            values[row] = 0.0

    def _read(self, cells: Sequence[Any]) -> NDArray[np.float64]:
        """Return the numbers of a column, NaN where a cell holds none or an empty marker."""
        import numpy as np

        values = _parse_all(cells) if self.written.plain and not self.mapping else None
        if values is None:  # some cell is not a number: parse each by itself
            values = np.array([self._number(cell) for cell in cells], np.float64)
        if self.markers.numbers:
            values[np.isin(values, list(self.markers.numbers))] = np.nan
        return values

    def _number(self, cell: Any) -> float:
        mapped = self.mapping.get(text_of(cell)) if self.mapping else None
        return self.written.parse(cell) if mapped is None else mapped

    def _empty_rows(self, values: NDArray[Any], cells: Sequence[Any]) -> list[int]:
        import numpy as np

        return self.empty_rows(cells, np.flatnonzero(np.isnan(values)).tolist())

    def _reason(self, cell: Any) -> str:
        name = self.name
        if self.markers.match(cell):
            return f"column {name!r} is empty, expected a number"
        if self.mapping:
            choices = list_choices(text_of(cell), self.mapping)
            return f"column {name!r} holds {cell!r}, expected {choices}"
        expected = "a finite number"
        if not self.written.plain:
            expected = str(self.written)
        elif "," in str(cell) and math.isfinite(number_of(str(cell).replace(",", "."))):
            expected += " with a decimal point"
        return f"column {name!r} holds {cell!r}, expected {expected}"

    def state(self) -> dict[str, Any]:
        return self.statistics

    def restore(self, state: Mapping[str, Any]) -> None:
        self.statistics = msgspec.convert(state, dict[str, float])
        for pair in ({"factor", "shift"}, {"low", "high"}):
            if len(pair & state.keys()) == 1:
                msg = f"column {self.name!r} has only one of {' and '.join(sorted(pair))}"
                raise ValueError(msg)


class ChoiceEncoder(NumberEncoder):
    """Encodes a column of a few declared names, each of which stands for a number.

    Parameters
    ----------
    name, markers, scale, missing
        As for `NumberEncoder`.
    mapping
        The number of each name; upper and lower case are one.
    strict
        Whether any other name is an error; otherwise it counts as an empty cell.
    """

    def __init__(
        self,
        name: str,
        markers: Markers,
        scale: Scale,
        missing: Missing,
        mapping: Mapping[str, float],
        *,
        strict: bool,
    ) -> None:
        super().__init__(name, markers, scale, missing, mapping)
        self.strict = strict
        self._numbers = {text.casefold(): number for text, number in mapping.items()}

    def _number(self, cell: Any) -> float:
        return self._numbers.get(text_of(cell).casefold(), math.nan)

    def _empty_rows(self, values: NDArray[Any], cells: Sequence[Any]) -> list[int]:
        import numpy as np

        if self.strict:
            return super()._empty_rows(values, cells)
        empty: list[int] = np.flatnonzero(np.isnan(values)).tolist()
        return empty


def encode_plain(table: Table, encoders: Sequence[Encoder]) -> NDArray[np.float32] | None:
    """Return the features of a table of finite numbers, float32; None if there is anything else.

    They are what the encoders give one by one, which takes several times as long for a single row.
    """
    import numpy as np

    numbers = [e for e in encoders if type(e) is NumberEncoder and e.plain]
    if table.problems or len(numbers) < len(encoders):
        return None
    cells = itertools.chain.from_iterable(table.column(encoder.name) for encoder in numbers)
    values = _parse_all(list(cells))
    if values is None or not _is_finite(values).all():
        return None
    values = values.reshape(len(numbers), len(table)).T
    if any("factor" in encoder.statistics for encoder in numbers):
        found = [encoder.statistics for encoder in numbers]
        values = values - [statistics.get("shift", 0.0) for statistics in found]
        values *= [statistics.get("factor", 1.0) for statistics in found]
    return values.astype(np.float32, order="C")


def _parse_all(cells: Sequence[Any]) -> NDArray[np.float64] | None:
    """Return the numbers of cells that hold numbers or None; None if a cell holds anything else.

    Numbers are those of `number_of`.
    """
    import numpy as np

    try:
        values = np.array(cells, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    try:
        text = "".join(cells)
    except TypeError:
        text = "".join(cell for cell in cells if isinstance(cell, str))
    # Of what NumPy takes and `number_of` does not, all has one of these: 1_000, nan, infinity.
    plain = text.isascii() and "_" not in text and "n" not in text.lower()
    return values if plain and values.ndim == 1 else None


def _is_finite(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which numbers are finite as float32."""
    finite: NDArray[np.bool_] = abs(values) < FLOAT32_END
    return finite
