"""The types of columns: what people write in a spec, and the encoder of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from zoo_tabular.cells import Encoder, Markers
from zoo_tabular.dates import DateEncoder, MissingDate, Part, TimeEncoder
from zoo_tabular.names import NameEncoder
from zoo_tabular.numbers import ChoiceEncoder, Missing, NumberEncoder, NumberFormat, Scale
from zoo_tabular.texts import TextEncoder, Weighting

Positive = Annotated[int, Meta(ge=1)]
Unseen = Literal["error", "empty"]


class ColumnType(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of the types of columns.

    Each has a method ``encoder``. It takes the name of a column, what recognises empty cells, and
    the ``scale`` and ``missing`` of all columns, for types that do not set their own.
    """


class NumberColumn(ColumnType, frozen=True, kw_only=True, tag="number"):
    """A number: one feature.

    Attributes
    ----------
    scale
        How the network sees it, instead of the option ``scale`` of all columns.
    missing
        What an empty cell becomes, instead of the option ``missing`` of all columns.
    decimal
        Decimal separator: ``"."`` or ``","``.
    thousands
        Separator of groups of three digits, such as ``","`` in 1,234,567.
    unit
        Unit that stands before or behind the number, such as ``"kg"``.
    """

    scale: Scale | None = None
    missing: Missing | None = None
    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        written = NumberFormat(self.decimal, self.thousands, self.unit)
        return NumberEncoder(
            name, markers, self.scale or scale, self.missing or missing, written=written
        )


class YesNoColumn(ColumnType, frozen=True, kw_only=True, tag="yes-no"):
    """Yes or no in words or numbers: one feature, 1 for yes.

    Attributes
    ----------
    yes, no
        The words for each; upper and lower case are one.
    missing
        What an empty cell becomes, instead of the option ``missing`` of all columns.
    unseen
        What any other word becomes: an error of the row, or an empty cell.
    """

    yes: tuple[str, ...] = ("yes", "y", "true", "t", "1", "on")
    no: tuple[str, ...] = ("no", "n", "false", "f", "0", "off")
    missing: Missing | None = None
    unseen: Unseen = "error"

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        mapping = dict.fromkeys(self.no, 0.0) | dict.fromkeys(self.yes, 1.0)
        strict = self.unseen == "error"
        return ChoiceEncoder(name, markers, scale, self.missing or missing, mapping, strict=strict)


class OrderedColumn(ColumnType, frozen=True, kw_only=True, tag="ordered"):
    """Names with an order, such as small, medium, large: one feature, the place in the order.

    Attributes
    ----------
    order
        The names, from the lowest to the highest; upper and lower case are one.
    missing
        What an empty cell becomes, instead of the option ``missing`` of all columns.
    unseen
        What any other name becomes: an error of the row, or an empty cell.
    """

    order: Annotated[tuple[str, ...], Meta(min_length=2)]
    missing: Missing | None = None
    unseen: Unseen = "error"

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        mapping = {text: float(place) for place, text in enumerate(self.order)}
        strict = self.unseen == "error"
        return ChoiceEncoder(name, markers, scale, self.missing or missing, mapping, strict=strict)


class CategoryColumn(ColumnType, frozen=True, kw_only=True, tag="category"):
    """A name: one feature for each name seen in training.

    Attributes
    ----------
    missing
        ``"own"`` makes the empty cell a category of its own; otherwise it is an error of the row.
        The option ``missing = "own"`` of all columns counts here too.
    unseen
        What a name becomes that was not seen in training: an error of the row, or one of the other
        names, ``"other"``.
    names
        How many names have a feature: the most frequent ones. All others share one.
    """

    missing: Literal["error", "own"] | None = None
    unseen: Literal["error", "other"] = "error"
    names: Positive | None = None

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        own = (self.missing or missing) == "own"
        strict = self.unseen == "error"
        return NameEncoder(name, markers, own=own, strict=strict, limit=self.names or 0)


class NamesColumn(ColumnType, frozen=True, kw_only=True, tag="names"):
    """Several names, or none: one feature for each name seen in training.

    Attributes
    ----------
    separator
        What stands between two names.
    unseen, names
        As for a category.
    """

    separator: Annotated[str, Meta(min_length=1)] = "/"
    unseen: Literal["error", "other"] = "error"
    names: Positive | None = None

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        strict = self.unseen == "error"
        return NameEncoder(
            name, markers, separator=self.separator, strict=strict, limit=self.names or 0
        )


class DateColumn(ColumnType, frozen=True, kw_only=True, tag="date"):
    """A date, with or without a time: the time that has passed, and the place in a period.

    Attributes
    ----------
    format
        How it is written, as for Python's ``strptime``: ``"%d.%m.%Y"``; ISO 8601 (2026-11-28,
        2026-11-28 14:30) if not given.
    parts
        The features: ``"time"`` is the time passed, scaled to mean 0 and deviation 1; ``"year"``,
        ``"month"``, ``"week"`` and ``"day"`` are the place in that period, as a sine and a cosine.
        If not given: the time, and those of year, week and day that vary in the training rows.
    missing
        What an empty cell becomes: an error of the row; the middle of all features, ``"mean"``; or
        that and one more feature, ``"own"``.
    """

    format: str = ""
    parts: Annotated[tuple[Part, ...], Meta(min_length=1)] | None = None
    missing: MissingDate | None = None

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        return DateEncoder(name, markers, self.format, self.parts, self.missing or _date(missing))


class TimeColumn(ColumnType, frozen=True, kw_only=True, tag="time"):
    """A time of the day: its place in the day, as a sine and a cosine.

    Attributes
    ----------
    format
        How it is written, as for Python's ``strptime``: ``"%I:%M %p"``; ISO 8601 (14:30) if not
        given.
    missing
        As for a date.
    """

    format: str = ""
    missing: MissingDate | None = None

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        return TimeEncoder(name, markers, self.format, None, self.missing or _date(missing))


class TextColumn(ColumnType, frozen=True, kw_only=True, tag="text"):
    """A text: one feature for each of its frequent words; an empty cell has none.

    Attributes
    ----------
    words
        How many words have a feature: those that occur in the most rows, and in two at least.
    weighting
        What a word counts: ``"rare"`` more if few rows have it, with all texts of length 1 (as
        TF-IDF); ``"counts"`` how often it occurs; ``"presence"`` 1.
    """

    words: Positive = 1000
    weighting: Weighting = "rare"

    def encoder(self, name: str, markers: Markers, scale: Scale, missing: Missing) -> Encoder:
        return TextEncoder(name, markers, self.words, self.weighting)


def _date(missing: Missing) -> MissingDate:
    return "mean" if missing == "median" else missing


AnyColumn = (
    NumberColumn | YesNoColumn | OrderedColumn | CategoryColumn | NamesColumn | DateColumn
    | TimeColumn | TextColumn
)  # fmt: skip
TypeName = Literal["number", "yes-no", "ordered", "category", "names", "date", "time", "text"]

WITHOUT_OPTIONS: dict[str, Callable[[], AnyColumn]] = {
    "number": NumberColumn, "yes-no": YesNoColumn, "category": CategoryColumn,
    "names": NamesColumn, "date": DateColumn, "time": TimeColumn, "text": TextColumn,
}  # fmt: skip
