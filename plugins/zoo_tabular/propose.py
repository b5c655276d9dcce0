"""Propose the type of each column of a table, with the reason, by looking at its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

from zoo import Choice, Table
from zoo.decoders import number_of
from zoo_tabular.cells import Markers, text_of
from zoo_tabular.column_types import YesNoColumn
from zoo_tabular.dates import DateEncoder, TimeEncoder
from zoo_tabular.numbers import NumberFormat

MARKERS = ("?", "-", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "NULL", "null", "None", ".")
"""What people write into an empty cell."""

NAMES = 50
"""How many names of a category get a feature of their own."""

STRAY = 0.2
"""Share of the cells that a few texts in a column of numbers may have, to be empty cells."""

SEPARATORS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"))
"""Separators of decimals and of thousands, the likeliest first."""

_NUMBER = re.compile(
    r"(?P<before>[^\w+\-.,]|[A-Z]{3})?\s*[+-]?[\d.,' ]*\d\s*(?P<behind>[^\d\s]\D{0,9})?"
)
"""A number with a currency in front, or a unit behind it."""

DATES = (
    "", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y",
    "%B %d, %Y", "%d %B %Y",
)  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
TIMES = ("", "%I:%M %p", "%I:%M:%S %p")

YES_NO = (
    (YesNoColumn().yes, YesNoColumn().no), (("ja",), ("nein",)), (("oui",), ("non",)),
    (("sí", "si"), ("no",)), (("present",), ("absent",)), (("positive",), ("negative",)),
)  # fmt: skip
"""Words for yes and for no."""

LADDERS = (
    ("very low", "low", "medium", "high", "very high"),
    ("low", "mid", "high"),
    ("low", "moderate", "high"),
    ("none", "mild", "moderate", "severe"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"),
    ("tiny", "small", "medium", "large", "huge"),
    ("very poor", "poor", "fair", "average", "good", "very good", "excellent"),
    ("very bad", "bad", "ok", "good", "very good"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("cold", "cool", "mild", "warm", "hot"),
    ("first", "second", "third"),
)
"""Names with an order, from low to high."""

_CODE = re.compile(
    r"(?:^|[_\W])(?:id|code|zip|zipcode|postal|postcode|plz|uuid|key)(?:$|[_\W])", re.I
)


GIVEAWAY = Choice(None, "left out: it is the target in other words")
ROW_NUMBER = Choice(None, "left out: it numbers the rows")


def propose_columns(table: Table, labels: Sequence[Any]) -> dict[str, Choice]:
    """Return the options of `zoo_tabular.columns.Columns` for a table like this one.

    Parameters
    ----------
    table
        Rows, or a sample of them.
    labels
        The target of each row, to find columns that give it away.

    Returns
    -------
    dict
        ``columns`` (a dictionary of choices, None for a column to leave out), ``scale``,
        ``missing`` and ``markers``.
    """
    markers: dict[str, None] = {}
    columns: dict[str, Choice] = {}
    contents: dict[tuple[str, ...], str] = {}
    answers = [text_of(label) for label in labels]
    for name, cells in table.columns.items():
        column = Column(name, cells)
        twin = contents.setdefault(tuple(column.texts), name)
        if twin != name:
            columns[name] = Choice(None, f"left out: its cells are those of {twin}")
        elif column.gives_away(answers):
            columns[name] = GIVEAWAY
        else:
            columns[name] = column.choice()
            markers |= dict.fromkeys(column.markers)
    if all(choice.value is None for choice in columns.values()):  # they are all there is
        for name, choice in columns.items():
            if choice in (GIVEAWAY, ROW_NUMBER):
                columns[name] = Choice("number", "there is no other column")
    options = {
        "scale": Choice("standard", "mean 0 and deviation 1; also min-max, none"),
        "missing": Choice("median", "for empty cells of numbers; also mean, own, error"),
        "columns": Choice(columns, ""),
    }
    if markers:
        options["markers"] = Choice(list(markers), "what else means an empty cell")
    return options


@dataclass
class Column:
    """A column to look at.

    Attributes
    ----------
    name, cells
        Its name and cells.
    texts
        All cells as text.
    counts
        How often each text occurs, the empty ones left out.
    filled
        Number of cells that are not empty.
    markers
        Texts that turned out to mean an empty cell.
    """

    name: str
    cells: Sequence[Any]

    def __post_init__(self) -> None:
        self.markers: list[str] = []
        self.texts = ["" if cell is None else text_of(cell) for cell in self.cells]
        self.counts = Counter(self.texts)
        empty = Markers()
        for text in [text for text in self.counts if empty.match(text)]:
            del self.counts[text]
        self.filled = sum(self.counts.values())

    @property
    def empty(self) -> float:
        """Share of empty cells."""
        marked = sum(self.counts[marker] for marker in self.markers)
        return 1 - (self.filled - marked) / max(1, len(self.cells))

    def choice(self) -> Choice:
        """Return the type of the column and why."""
        if not self.filled:
            return Choice(None, "left out: it is empty")
        if len(self.counts) == 1 and self.filled == len(self.cells):
            return Choice(None, f"left out: every row has {_short(next(iter(self.counts)))}")
        attempts = (self._yes_no, self._date, self._number, self._time, self._ordered, self._names)
        for attempt in attempts:
            self.markers = []
            found = attempt()
            if found is not None:
                return found
        self.markers = []
        return self._words()

    def gives_away(self, answers: Sequence[str]) -> bool:
        """Return whether the target can be read off the column, row for row."""
        pairs = Counter(zip(self.texts, answers, strict=True))
        one_to_one = len(pairs) == len(set(self.texts)) == len(set(answers))
        if one_to_one and 1 < len(pairs) <= len(answers) / 2:
            return True
        numbers = [(number_of(text), number_of(answer)) for text, answer in pairs]
        finite = [pair for pair in numbers if all(map(isfinite, pair))]
        return len(finite) == len(numbers) > 20 and abs(_correlation(finite)) > 0.999999

    def _with_gaps(self, reason: str) -> str:
        return reason + (f", {self.empty:.1%} empty" if self.empty else "")

    def _yes_no(self) -> Choice | None:
        words = {text.casefold() for text in self.counts}
        for yes, no in YES_NO:
            if words <= {*yes, *no} and words & set(yes) and words & set(no):
                share = sum(self.counts[text] for text in self.counts if text.casefold() in yes)
                reason = self._with_gaps(f"{share / self.filled:.0%} yes")
                own = {"yes": list(yes), "no": list(no)} if (yes, no) != YES_NO[0] else {}
                return Choice({"type": "yes-no", **own, "unseen": "empty"}, reason)
        return None

    def _number(self) -> Choice | None:
        option: dict[str, Any] = {}
        values = self._without_strays({text: number_of(text) for text in self.counts})
        if values is None:
            found = self._formatted()
            if found is None:
                return None
            values, option = found
        if any(re.fullmatch(r"0\d+", text) for text in values):  # a code: 007 is not 7
            return None
        integers = all(value.is_integer() for value in values.values())
        rows = sum(self.counts[text] for text in values)
        if integers and len(values) == rows > 20 and (_CODE.search(self.name) or self._counts_up()):
            return ROW_NUMBER
        if integers and _CODE.search(self.name) and not option:
            return None
        if self.empty >= 0.05:
            option["missing"] = "own"
        low, high = min(values.values()), max(values.values())
        reason = self._with_gaps(f"{low:g} to {high:g}")
        if integers and 2 < len(values) <= 10 and not option:
            reason += f"; {len(values)} different: a category, if they are codes"
        return Choice({"type": "number", **option} if option else "number", reason)

    def _without_strays(self, values: Mapping[str, float]) -> dict[str, float] | None:
        """Return the numbers, if all that are none mean empty cells; those become markers."""
        strays = [text for text, value in values.items() if not isfinite(value)]
        share = sum(self.counts[text] for text in strays) / self.filled
        known = set(MARKERS) >= set(strays)
        if len(strays) == len(values) or not (known or (len(strays) <= 3 and share <= STRAY)):
            return None
        self.markers = strays
        return {text: value for text, value in values.items() if isfinite(value)}

    def _formatted(self) -> tuple[dict[str, float], dict[str, Any]] | None:
        """Return numbers written with a unit or other separators, and the options that say so."""
        matches = {text: _NUMBER.fullmatch(text) for text in self.counts}
        units = Counter(
            unit for match in matches.values() if match
            for unit in {(match["before"] or match["behind"] or "").strip()}
        )  # fmt: skip
        units.pop("", None)
        if len(units) > 1:
            return None
        unit = next(iter(units), "")
        for decimal, thousands in SEPARATORS:
            written = NumberFormat(decimal, thousands, unit)
            values = self._without_strays({text: written.parse(text) for text in self.counts})
            if values is not None:
                option = {"decimal": decimal, "thousands": thousands, "unit": unit}
                default = {"decimal": ".", "thousands": "", "unit": ""}
                option = {name: value for name, value in option.items() if value != default[name]}
                return values, option
        return None

    def _counts_up(self) -> bool:
        """Return whether each number is as far from the one before: a sample may skip rows."""
        numbers = [number_of(text) for text in self.texts if text in self.counts]
        return len({two - one for one, two in pairwise(numbers)}) == 1

    def _date(self) -> Choice | None:
        return self._moments("date", DateEncoder, DATES, CLOCKS)

    def _time(self) -> Choice | None:
        return self._moments("time", TimeEncoder, TIMES, ("",))

    def _moments(
        self, kind: str, encoder: type[DateEncoder], days: Sequence[str], clocks: Sequence[str]
    ) -> Choice | None:
        text = next((text for text in self.counts if text not in MARKERS), "")
        if not re.search(r"\d", text) or (
            re.fullmatch(r"[+-]?\d+(?:\.\d+)?", text)
            and not (len(text) == 8 and re.search("date|day", self.name, re.I))
        ):
            return None
        for written in _formats(days, clocks):
            read = encoder(self.name, Markers(MARKERS), written).seconds
            if not isfinite(read(text)):
                continue
            strays = [text for text in self.counts if not isfinite(read(text))]
            if set(strays) <= set(MARKERS):
                self.markers = strays
                option = {"format": written} if written else {}
                if self.empty:
                    option["missing"] = "own"
                low, high = _range(self.counts.keys() - set(strays), read)
                return Choice({"type": kind, **option} if option else kind,
                              self._with_gaps(f"{low} to {high}"))  # fmt: skip
        return None

    def _ordered(self) -> Choice | None:
        names = {text.casefold(): text for text in self.counts}
        for ladder in LADDERS:
            if len(names) > 2 and names.keys() <= set(ladder):
                order = [names[name] for name in ladder if name in names]
                option = {"type": "ordered", "order": order, "unseen": "empty"}
                return Choice(option, self._with_gaps("names with an order"))
        return None

    def _names(self) -> Choice | None:
        """Recognise cells that hold several names."""
        for separator in (";", "|", ",", "/"):
            split = sum(count for text, count in self.counts.items() if separator in text)
            if split < 0.2 * self.filled:
                continue
            names = Counter[str]()
            for text, count in self.counts.items():
                for name in text.split(separator):
                    names[name.strip()] += count
            common = len(names) <= 100 and self.filled >= 5 * len(names)
            if common and max(len(name.split()) for name in names) <= 4:
                option = {"type": "names", "separator": separator, "unseen": "other"}
                return Choice(option, self._with_gaps(f"{len(names)} names, several in a cell"))
        return None

    def _words(self) -> Choice:
        """Decide between a category, a text, and what identifies the rows."""
        rows, different = self.filled, len(self.counts)
        words = sum(len(text.split()) * count for text, count in self.counts.items()) / rows
        reason = f"{different:,} names"
        if words >= 3 and different > 0.3 * rows:
            return Choice("text", self._with_gaps(f"{words:.0f} words in the mean"))
        if different > max(20, 0.5 * rows):
            return Choice(None, f"left out: {different:,} names in {rows:,} rows")
        option: dict[str, Any] = {"type": "category", "unseen": "other", "missing": "own"}
        if different > NAMES:
            option["names"] = NAMES
        shown = ", ".join(_short(name) for name, _ in self.counts.most_common(4))
        more = ", …" if different > 4 else ""
        return Choice(option, self._with_gaps(f"{reason}: {shown}{more}"))


def _formats(days: Sequence[str], clocks: Sequence[str]) -> Iterator[str]:
    for day in days:
        for clock in clocks if day else ("",):
            yield day + clock


def _range(texts: Any, read: Any) -> tuple[str, str]:
    ordered = sorted(texts, key=read)
    return ordered[0], ordered[-1]


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    import numpy as np

    first, second = np.array(pairs).T
    if not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:19] + "…"
