"""What all columns share: cells as text, empty cells, and the base of the encoders."""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.decoders import number_of
from zoo.errors import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


class Encoder(abc.ABC):
    """Turns the cells of one column into features.

    Parameters
    ----------
    name
        Name of the column, for messages.
    markers
        Recognises empty cells.
    """

    def __init__(self, name: str, markers: Markers) -> None:
        self.name = name
        self.markers = markers

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Number of features, once fitted."""

    @property
    @abc.abstractmethod
    def fitted(self) -> bool:
        """Whether everything needed has been fitted."""

    @abc.abstractmethod
    def fit(self, cells: Sequence[Any]) -> None:
        """Learn from the training rows, or raise `InputError` if there is nothing to learn from."""

    @abc.abstractmethod
    def encode(self, cells: Sequence[Any], out: NDArray[Any], reasons: dict[int, str]) -> None:
        """Write the features of each row into `out`, float32 of shape (rows, width) of zeros.

        A row that cannot be encoded gets a reason instead, unless it has one already.
        """

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what `fit` learnt, as plain data."""

    @abc.abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""

    def out_of_range(self, cells: Sequence[Any]) -> str | None:
        """Return a sentence about cells outside the range of the training rows, if there is one."""
        return None

    def empty_rows(self, cells: Sequence[Any], rows: Iterable[int]) -> list[int]:
        """Return which of some rows hold an empty cell."""
        return [row for row in rows if self.markers.match(cells[row])]


def text_of(cell: Any) -> str:
    """Return a cell as a CSV file would hold it: a frame's 1.0 is the file's 1."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def list_choices(name: str, names: Collection[str]) -> str:
    """List the possible names, for a message about an unknown one."""
    shown = list(names)[:20]
    more = f" ({len(names):,} in all)" if len(names) > len(shown) else ""
    hint = did_you_mean(name, names)
    return ", ".join(shown) + more + (f".{hint}" if hint else "")
