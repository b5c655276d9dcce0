"""Encode one column of cells: numbers as one feature, names as one feature each."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo.decoders import number_of
from zoo.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scale = Literal["none", "standard", "min-max"]
Missing = Literal["error", "mean", "median"]

SEPARATOR = "/"
"""Separator of the names in a cell such as ``a/b/c``."""

MAX_NAMES = 10_000
"""Maximum number of names in a column: an identifier would become one feature per row."""

EMPTY_TEXTS = {"", "None", "nan", "<NA>", "NaT"}
"""The empty cells of data frames, as text."""


class Markers:
    """Recognises empty cells.

    Parameters
    ----------
    markers
        Numbers and texts that mean an empty cell, besides a cell that holds nothing.
    """

    def __init__(self, markers: Iterable[float | str] = ()) -> None:
        self.numbers: set[float] = set()
        self.texts: set[str] = set()
        for marker in markers:
            number = number_of(marker)
            if number == number:  # a number: "-1" in a CSV file is -1 in a frame
                self.numbers.add(number)
            else:
                self.texts.add(str(marker).strip())

    def match(self, cell: Any) -> bool:
        """Return whether a cell is empty."""
        if isinstance(cell, str):
            text = cell.strip()
            empty = not text or text in self.texts
        else:
            empty = str(cell) in EMPTY_TEXTS
        return empty or number_of(cell) in self.numbers


class NumberEncoder:
    """Encodes a column of numbers as one feature.

    Parameters
    ----------
    name
        Name of the column, for messages.
    markers
        Recognises empty cells.
    scale, missing
        As for `zoo_tabular.columns.Columns`.
    mapping
        Numbers for texts.
    """

    width = 1

    def __init__(
        self,
        name: str,
        markers: Markers,
        scale: Scale = "none",
        missing: Missing = "error",
        mapping: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.scale = scale
        self.missing = missing
        self.markers = markers
        self.mapping = mapping or {}
        self.statistics: dict[str, float] = {}

    @property
    def fitted(self) -> bool:
        """Whether everything needed has been fitted."""
        needed = {"fill": self.missing != "error", "factor": self.scale != "none"}
        return all(name in self.statistics for name, used in needed.items() if used)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the fill value of empty cells, and the range.

        Raises
        ------
        InputError
            If there is no number to learn from.
        """
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
            average = np.mean if self.missing == "mean" else np.median
            self.statistics["fill"] = fill = float(average(usable))
            usable = np.append(usable, [fill] * len(self._empty_rows(values, cells)))
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
        """Return a sentence about numbers outside the fitted range, None if there are none."""
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
        """Write the feature of each row into the one column of `out`, else a reason."""
        import numpy as np

        values = self._read(cells)
        if "fill" in self.statistics:
            values[self._empty_rows(values, cells)] = self.statistics["fill"]
        for row in np.flatnonzero(~_is_finite(values)).tolist():
            reasons.setdefault(row, self._reason(cells[row]))
        if "factor" in self.statistics:
            values = (values - self.statistics["shift"]) * self.statistics["factor"]
        out[:, 0] = values

    def _read(self, cells: Sequence[Any]) -> NDArray[np.float64]:
        """Return the numbers of a column, NaN where a cell holds none or an empty marker."""
        import numpy as np

        values = None if self.mapping else _parse_all(cells)
        if values is None:  # some cell is not a number: parse each by itself
            values = np.array([self._number(cell) for cell in cells], np.float64)
        if self.markers.numbers:
            values[np.isin(values, list(self.markers.numbers))] = np.nan
        return values

    def _number(self, cell: Any) -> float:
        mapped = self.mapping.get(text_of(cell)) if self.mapping else None
        return number_of(cell) if mapped is None else mapped

    def _empty_rows(self, values: NDArray[Any], cells: Sequence[Any]) -> list[int]:
        import numpy as np

        missing = np.flatnonzero(np.isnan(values)).tolist()
        return [row for row in missing if self.markers.match(cells[row])]

    def _reason(self, cell: Any) -> str:
        name = self.name
        if self.markers.match(cell):
            return f"column {name!r} is empty, expected a number"
        if self.mapping:
            choices = list_choices(text_of(cell), self.mapping)
            return f"column {name!r} holds {cell!r}, expected {choices}"
        expected = "a finite number"
        if "," in str(cell) and math.isfinite(number_of(str(cell).replace(",", "."))):
            expected += " with a decimal point"
        return f"column {name!r} holds {cell!r}, expected {expected}"

    def state(self) -> dict[str, Any]:
        """Return the fitted statistics."""
        return self.statistics

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the fitted statistics."""
        self.statistics = msgspec.convert(state, dict[str, float])
        for pair in ({"factor", "shift"}, {"low", "high"}):
            if len(pair & state.keys()) == 1:
                msg = f"column {self.name!r} has only one of {' and '.join(sorted(pair))}"
                raise ValueError(msg)


class NameEncoder:
    """Encodes a column of names as one feature for each name seen in training.

    Parameters
    ----------
    name
        Name of the column, for messages.
    markers
        Recognises empty cells.
    multiple
        Whether a cell may hold several names, or none.
    """

    def __init__(self, name: str, markers: Markers, *, multiple: bool) -> None:
        self.name = name
        self.multiple = multiple
        self.markers = markers
        self.names: list[str] = []

    @property
    def width(self) -> int:
        """Number of names."""
        return len(self.names)

    @property
    def fitted(self) -> bool:
        """Whether the names have been fitted."""
        return bool(self.names)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the names.

        Raises
        ------
        InputError
            If there are none, or too many.
        """
        self.names = sorted({name for cell in cells for name in self._names(cell)})
        if not 0 < len(self.names) <= MAX_NAMES:
            msg = f"column {self.name!r} holds {len(self.names):,} different names in the training "
            msg += f"rows, expected 1 to {MAX_NAMES:,}"
            raise InputError(msg, kind="bad-names")

    def encode(self, cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]) -> None:
        """Write 1 into the columns of each row's names, or a reason if a name is unknown."""
        column = {name: number for number, name in enumerate(self.names)}
        for row, cell in enumerate(cells):
            names = self._names(cell)
            if not names and not self.multiple:
                reasons.setdefault(row, f"column {self.name!r} is empty, expected a name")
            for name in names:
                if name in column:
                    out[row, column[name]] = 1.0
                else:
                    text = f"column {self.name!r} holds the unknown name {name!r}, expected "
                    reasons.setdefault(row, text + list_choices(name, self.names))

    def _names(self, cell: Any) -> list[str]:
        if self.markers.match(cell):
            return []
        parts = text_of(cell).split(SEPARATOR) if self.multiple else [text_of(cell)]
        return [part.strip() for part in parts if part.strip()]

    def state(self) -> dict[str, Any]:
        """Return the names."""
        return {"names": self.names}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the names."""
        self.names = msgspec.convert(state["names"], list[str])


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
    import numpy as np

    with np.errstate(over="ignore"):  # larger numbers become infinite
        finite: NDArray[np.bool_] = np.isfinite(values.astype(np.float32))
    return finite


def text_of(cell: Any) -> str:
    """Return a cell as a CSV file would hold it: a frame's 1.0 is the file's 1."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def list_choices(name: str, names: Collection[str]) -> str:
    """List the possible names, for a message about an unknown one."""
    shown = list(names)[:20]
    more = f" ({len(names):,} in all)" if len(names) > len(shown) else ""
    hint = did_you_mean(name, names)
    return ", ".join(shown) + more + (f".{hint}" if hint else "")
