"""One column of cells to numbers: numbers as they are, or names as one column each."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from zoo.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scale = Literal["none", "standard", "min-max"]
Missing = Literal["error", "mean", "median"]

SEPARATOR = "/"
"""What stands between the names of a cell like ``a/b/c``."""

MAX_NAMES = 10_000
"""Bound of the names of one column: an identifier is not meant to become one column a row."""

NOTHING = {"", "None", "nan", "<NA>", "NaT"}
"""What the empty cells of frames look like as text."""


class Markers:
    """What an empty cell looks like.

    Parameters
    ----------
    markers
        Numbers and texts that mean an empty cell, beside one that holds nothing.
    """

    def __init__(self, markers: Iterable[float | str] = ()) -> None:
        self.numbers: set[float] = set()
        self.texts: set[str] = set()
        for marker in markers:
            number = number_of(marker)
            if number == number:  # a CSV cell is text, a frame's is not: "-1" is -1
                self.numbers.add(number)
            else:
                self.texts.add(str(marker).strip())

    def match(self, cell: Any) -> bool:
        """Say whether a cell is empty."""
        if isinstance(cell, str):
            text = cell.strip()
            empty = not text or text in self.texts
        else:
            empty = str(cell) in NOTHING
        return empty or number_of(cell) in self.numbers


class Numbers:
    """A column of numbers, one feature.

    Parameters
    ----------
    name
        Of the column, for messages.
    markers
        What an empty cell looks like.
    scale, missing
        As for `zoo_tabular.columns.Columns`.
    known
        Numbers for texts.
    """

    width = 1

    def __init__(
        self,
        name: str,
        markers: Markers,
        scale: Scale = "none",
        missing: Missing = "error",
        known: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.scale = scale
        self.missing = missing
        self.markers = markers
        self.known = known or {}
        self.learnt: dict[str, float] = {}

    @property
    def fitted(self) -> bool:
        """Whether nothing is left to be learnt."""
        needed = {"fill": self.missing != "error", "factor": self.scale != "none"}
        return all(name in self.learnt for name, wanted in needed.items() if wanted)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn what fills empty cells, and the range.

        Raises
        ------
        InputError
            If there is something to learn and no number to learn it from.
        """
        import numpy as np

        self.learnt = {}
        if self.fitted:
            return
        values = self._read(cells)
        usable = values[_finite(values)]
        if not len(usable):
            msg = f"column {self.name!r} holds no number in the training rows"
            raise InputError(msg, kind="no-numbers")
        if self.missing != "error":
            middle = np.mean if self.missing == "mean" else np.median
            self.learnt["fill"] = fill = float(middle(usable))
            usable = np.append(usable, [fill] * len(self._empty(values, cells)))
        if self.scale == "none":
            return
        low, spread = float(usable.min()), float(np.ptp(usable))
        width = float(usable.std()) if self.scale == "standard" else spread
        # The deviation of equal numbers is not always 0 in floating point; their spread is.
        self.learnt["factor"] = 1.0 / width if spread else 0.0
        centred = self.scale == "standard" and spread
        self.learnt["shift"] = float(usable.mean()) if centred else low
        self.learnt.update(low=low, high=low + spread)

    def outside(self, cells: Sequence[Any]) -> str | None:
        """Return how numbers leave the range that the scale was fitted to; None if they do not."""
        if "low" not in self.learnt:  # no scale, or fitted by a zoo that did not keep the range
            return None
        values = self._read(cells)
        usable = values[_finite(values)]
        low, high = self.learnt["low"], self.learnt["high"]
        beyond = int(((usable < low) | (usable > high)).sum())
        if not beyond:
            return None
        return (
            f"column {self.name!r} leaves the range {low:g} to {high:g} that its scale was fitted "
            f"to in {beyond:,} of {len(cells):,} rows (now {usable.min():g} to {usable.max():g})"
        )

    def encode(self, cells: Sequence[Any], into: NDArray[Any], reasons: dict[int, str]) -> None:
        """Write the feature of each row into the one column of `into`, a reason if it has none."""
        import numpy as np

        values = self._read(cells)
        if "fill" in self.learnt:
            values[self._empty(values, cells)] = self.learnt["fill"]
        for row in np.flatnonzero(~_finite(values)).tolist():
            reasons.setdefault(row, self._reason(cells[row]))
        if "factor" in self.learnt:
            values = (values - self.learnt["shift"]) * self.learnt["factor"]
        into[:, 0] = values

    def _read(self, cells: Sequence[Any]) -> NDArray[np.float64]:
        """Return the numbers of a column, NaN where a cell holds none or is marked as empty."""
        import numpy as np

        values = None if self.known else _at_once(cells)
        if values is None:  # some cell is no number: look at each
            values = np.array([self._number(cell) for cell in cells], np.float64)
        if self.markers.numbers:
            values[np.isin(values, list(self.markers.numbers))] = np.nan
        return values

    def _number(self, cell: Any) -> float:
        known = self.known.get(text_of(cell)) if self.known else None
        return number_of(cell) if known is None else known

    def _empty(self, values: NDArray[Any], cells: Sequence[Any]) -> list[int]:
        import numpy as np

        nothing = np.flatnonzero(np.isnan(values)).tolist()
        return [row for row in nothing if self.markers.match(cells[row])]

    def _reason(self, cell: Any) -> str:
        name = self.name
        if self.markers.match(cell):
            return f"column {name!r} is empty, expected a number"
        if self.known:
            return f"column {name!r} holds {cell!r}, expected {one_of(text_of(cell), self.known)}"
        expected = "a finite number"
        if "," in str(cell) and math.isfinite(number_of(str(cell).replace(",", "."))):
            expected += " with a decimal point"
        return f"column {name!r} holds {cell!r}, expected {expected}"

    def state(self) -> dict[str, Any]:
        """Return what was learnt."""
        return self.learnt

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what was learnt."""
        self.learnt = {name: float(value) for name, value in state.items()}


class Names:
    """A column of names, one feature for each name seen in training.

    Parameters
    ----------
    name
        Of the column, for messages.
    markers
        What an empty cell looks like.
    several
        Whether a cell may hold several names, or none.
    """

    def __init__(self, name: str, markers: Markers, *, several: bool) -> None:
        self.name = name
        self.several = several
        self.markers = markers
        self.names: list[str] = []

    @property
    def width(self) -> int:
        """How many names there are."""
        return len(self.names)

    @property
    def fitted(self) -> bool:
        """Whether the names are known."""
        return bool(self.names)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the names.

        Raises
        ------
        InputError
            If there are none, or far too many.
        """
        self.names = sorted({name for cell in cells for name in self._names(cell)})
        if not 0 < len(self.names) <= MAX_NAMES:
            msg = f"column {self.name!r} holds {len(self.names):,} different names in the training "
            msg += f"rows, expected 1 to {MAX_NAMES:,}"
            raise InputError(msg, kind="bad-names")

    def encode(self, cells: Sequence[Any], into: NDArray[Any], reasons: dict[int, str]) -> None:
        """Write 1 into the columns of each row's names; a row with an unknown one has a reason."""
        place = {name: number for number, name in enumerate(self.names)}
        for row, cell in enumerate(cells):
            names = self._names(cell)
            if not names and not self.several:
                reasons.setdefault(row, f"column {self.name!r} is empty, expected a name")
            for name in names:
                if name in place:
                    into[row, place[name]] = 1.0
                else:
                    text = f"column {self.name!r} holds the unknown name {name!r}, expected "
                    reasons.setdefault(row, text + one_of(name, self.names))

    def _names(self, cell: Any) -> list[str]:
        if self.markers.match(cell):
            return []
        parts = text_of(cell).split(SEPARATOR) if self.several else [text_of(cell)]
        return [part.strip() for part in parts if part.strip()]

    def state(self) -> dict[str, Any]:
        """Return the names."""
        return {"names": self.names}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the names."""
        self.names = list(state["names"])


def _at_once(cells: Sequence[Any]) -> NDArray[np.float64] | None:
    """Return the numbers of cells that hold numbers or None; None if some hold anything else."""
    import numpy as np

    try:
        values = np.array(cells, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return values if values.ndim == 1 else None


def _finite(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which numbers float32 holds."""
    import numpy as np

    with np.errstate(over="ignore"):  # what it does not hold becomes infinite
        found: NDArray[np.bool_] = np.isfinite(values.astype(np.float32))
    return found


def number_of(cell: Any) -> float:
    """Return the number that a cell holds, NaN if it is none."""
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def text_of(cell: Any) -> str:
    """Return a cell as a CSV file would hold it: a frame's 1.0 is the file's 1."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def one_of(name: str, names: Collection[str]) -> str:
    """Return what a name could have been, for a message."""
    shown = list(names)[:20]
    more = f" ({len(names):,} in all)" if len(names) > len(shown) else ""
    hint = did_you_mean(name, names)
    return ", ".join(shown) + more + (f".{hint}" if hint else "")
