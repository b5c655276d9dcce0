"""Encode a column of dates or times: as one number, and as places on the circle of a period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo.errors import InputError
from zoo_tabular.cells import Encoder, Markers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Part = Literal["time", "year", "month", "week", "day"]
MissingDate = Literal["error", "mean", "own"]

DAY = 86_400.0
YEAR = 365.2425 * DAY
EPOCH = dt.datetime(1970, 1, 1)


class DateEncoder(Encoder):
    """Encodes dates: the time that has passed, and the place in a period as a sine and a cosine.

    Parameters
    ----------
    name, markers
        As for `zoo_tabular.cells.Encoder`.
    written
        Format as for `datetime.datetime.strptime`; ISO 8601 if empty.
    parts
        The features; those that vary in the training rows if not given.
    missing
        As for `zoo_tabular.columns.DateColumn`.
    """

    expected = "a date"
    is_time = False

    def __init__(
        self,
        name: str,
        markers: Markers,
        written: str = "",
        parts: Sequence[Part] | None = None,
        missing: MissingDate = "error",
    ) -> None:
        super().__init__(name, markers)
        self.written = written
        self.declared = parts
        self.missing = missing
        self.parts: list[Part] = []
        self.shift, self.factor, self.own = 0.0, 1.0, False

    @property
    def width(self) -> int:
        return sum(1 if part == "time" else 2 for part in self.parts) + self.own

    @property
    def fitted(self) -> bool:
        return bool(self.parts)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the range of times, and which parts vary."""
        import numpy as np

        seconds = self._read(cells)
        usable = seconds[np.isfinite(seconds)]
        if not len(usable):
            msg = f"column {self.name!r} holds no {self.expected[2:]} in the training rows"
            raise InputError(msg, kind="no-dates")
        deviation = float(usable.std())
        self.shift, self.factor = float(usable.mean()), 1.0 / deviation if deviation else 0.0
        empty = self.missing == "own" and bool(self._empty_rows(seconds, cells))
        self.parts, self.own = list(self.declared or self._varying(usable)), empty

    def _varying(self, seconds: NDArray[np.float64]) -> list[Part]:
        """Return the parts that say something about these times."""
        import numpy as np

        parts: list[Part] = ["time"]
        if np.ptp(seconds) >= YEAR:
            parts.append("year")
        if len(np.unique(seconds // DAY % 7)) > 1:
            parts.append("week")
        if (seconds % DAY).any():
            parts.append("day")
        return parts

    def encode(self, cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]) -> None:
        import numpy as np

        seconds = self._read(cells)
        bad = np.isnan(seconds)
        empty = self._empty_rows(seconds, cells)
        for row in np.flatnonzero(bad).tolist():
            if self.missing == "error" or row not in empty:
                reasons.setdefault(row, self._reason(cells[row]))
        seconds[bad] = self.shift
        column = 0
        for part in self.parts:
            if part == "time":
                out[:, column] = (seconds - self.shift) * self.factor
                column += 1
                continue
            angle = 2 * np.pi * _place(seconds, part)
            out[:, column], out[:, column + 1] = np.sin(angle), np.cos(angle)
            column += 2
        out[bad] = 0.0  # the middle of the times, and of each circle
        if self.own:
            out[empty, column] = 1.0

    def in_order(self, cells: Sequence[Any]) -> bool:
        """Return whether the dates differ and never go back."""
        import numpy as np

        seconds = self._read(cells)
        steps = np.diff(seconds[np.isfinite(seconds)])
        return bool((steps >= 0).all() and steps.any())

    def _read(self, cells: Sequence[Any]) -> NDArray[np.float64]:
        """Return seconds since 1970 by the cell's own clock, NaN where it holds no date."""
        import numpy as np

        return np.array([self.seconds(cell) for cell in cells], np.float64)

    def seconds(self, cell: Any) -> float:
        """Return the seconds since 1970 that a cell says, NaN if it says none."""
        if self.markers.match(cell):
            return float("nan")
        try:
            moment = self._parse(cell)
        except (ValueError, TypeError, OverflowError):
            return float("nan")
        return (moment.replace(tzinfo=None) - EPOCH).total_seconds()

    def _parse(self, cell: Any) -> dt.datetime:
        if isinstance(cell, dt.datetime):  # pandas's timestamps are too
            return cell
        if isinstance(cell, dt.date):
            return dt.datetime.combine(cell, dt.time())
        if self.written:
            return dt.datetime.strptime(str(cell).strip(), self.written)
        return dt.datetime.fromisoformat(str(cell).strip())  # NumPy's text of a date is ISO 8601

    def _empty_rows(self, seconds: NDArray[Any], cells: Sequence[Any]) -> list[int]:
        import numpy as np

        return self.empty_rows(cells, np.flatnonzero(np.isnan(seconds)).tolist())

    def _reason(self, cell: Any) -> str:
        if self.markers.match(cell):
            return f"column {self.name!r} is empty, expected {self.expected}"
        written = f"as {self.written}" if self.written else "as ISO 8601 writes it"
        return f"column {self.name!r} holds {cell!r}, expected {self.expected} {written}"

    def state(self) -> dict[str, Any]:
        return {"parts": self.parts, "shift": self.shift, "factor": self.factor, "own": self.own}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.parts = msgspec.convert(state["parts"], list[Part])
        self.own = msgspec.convert(state["own"], bool)
        self.shift = msgspec.convert(state["shift"], float)
        self.factor = msgspec.convert(state["factor"], float)


class TimeEncoder(DateEncoder):
    """Encodes times of the day as a sine and a cosine."""

    expected = "a time"
    is_time = True

    def _varying(self, seconds: NDArray[np.float64]) -> list[Part]:
        return ["day"]

    def _parse(self, cell: Any) -> dt.datetime:
        if self.written:
            cell = dt.datetime.strptime(str(cell).strip(), self.written).time()
        elif not isinstance(cell, dt.time):
            cell = dt.time.fromisoformat(str(cell).strip())
        return dt.datetime.combine(EPOCH, cell)


def _place(seconds: NDArray[np.float64], period: Part) -> NDArray[np.float64]:
    """Return the place of each moment in its period, 0 to 1."""
    import numpy as np

    if period == "day":
        return seconds % DAY / DAY
    if period == "week":
        return (seconds / DAY + 3) % 7 / 7  # 1970 began on a Thursday; weeks begin on Monday
    unit = "Y" if period == "year" else "M"
    moments = np.floor(seconds).astype("datetime64[s]")
    start = moments.astype(f"datetime64[{unit}]")
    length = (start + 1).astype("datetime64[s]") - start.astype("datetime64[s]")
    place: NDArray[np.float64] = (moments - start.astype("datetime64[s]")) / length
    return place
