"""Encode a column of names as one feature for each name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import InputError
from zoo_tabular.cells import Encoder, Markers, list_choices, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_NAMES = 10_000
"""Maximum number of names in a column: an identifier would become one feature per row."""

EMPTY = ""
"""Stands for an empty cell among the names; no cell holds it otherwise."""


class NameEncoder(Encoder):
    """Encodes a column of names as one feature for each name seen in training.

    Parameters
    ----------
    name, markers
        As for `zoo_tabular.cells.Encoder`.
    separator
        Separator of the names in a cell that may hold several of them, or none.
    own
        Whether an empty cell is a name too; otherwise it is an error, unless there is a separator.
    limit
        How many names get a feature, the most frequent ones; other names share one more.
    strict
        Whether a name that was not seen in training is an error. Otherwise it is one of the other
        names, or has no feature where there are none.
    """

    def __init__(
        self,
        name: str,
        markers: Markers,
        *,
        separator: str = "",
        own: bool = False,
        limit: int = 0,
        strict: bool = True,
    ) -> None:
        super().__init__(name, markers)
        self.separator = separator
        self.own = own
        self.limit = limit
        self.strict = strict
        self.names: list[str] = []
        self.others = False

    @property
    def width(self) -> int:
        return len(self.names) + self.others

    @property
    def fitted(self) -> bool:
        return bool(self.names)

    def fit(self, cells: Sequence[Any]) -> None:
        """Learn the names."""
        counts = Counter(name for cell in cells for name in self._names(cell))
        if not counts.keys() - {EMPTY} or (len(counts) > MAX_NAMES and not self.limit):
            count = len(counts.keys() - {EMPTY})
            msg = f"column {self.name!r} holds {count:,} different names in the training rows, "
            msg += f"expected 1 to {MAX_NAMES:,}"
            raise InputError(msg, kind="bad-names")
        ordered = sorted(counts, key=lambda name: (-counts[name], name))
        self.others = 0 < self.limit < len(ordered)
        self.names = sorted(ordered[: self.limit] if self.limit else ordered)

    def encode(self, cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]) -> None:
        """Write 1 into the columns of each row's names, or a reason if a name is unknown."""
        column = {name: number for number, name in enumerate(self.names)}
        for row, cell in enumerate(cells):
            names = self._names(cell)
            if not names and not self.separator:
                reasons.setdefault(row, f"column {self.name!r} is empty, expected a name")
            for name in names:
                if name in column:
                    out[row, column[name]] = 1.0
                elif self.others:
                    out[row, len(column)] = 1.0
                elif self.strict and name != EMPTY:
                    text = f"column {self.name!r} holds the unknown name {name!r}, expected "
                    reasons.setdefault(row, text + list_choices(name, self.names))

    def _names(self, cell: Any) -> list[str]:
        if self.markers.match(cell):
            return [EMPTY] if self.own else []
        text = text_of(cell)
        parts = text.split(self.separator) if self.separator else [text]
        return [part.strip() for part in parts if part.strip()]

    def state(self) -> dict[str, Any]:
        return {"names": self.names} | ({"others": True} if self.others else {})

    def restore(self, state: Mapping[str, Any]) -> None:
        self.names = msgspec.convert(state["names"], list[str])
        self.others = msgspec.convert(state.get("others", False), bool)
