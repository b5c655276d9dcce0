"""Numbers: in the cells of a table, and figures that may be NaN or infinite, also as JSON."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

from zoo_weights.text import escape_strings

NUMBER = re.compile(r"[0-9eE.+\-\s]*")
"""Characters of numbers and of the spaces around them; what they say is left to ``float``."""


def to_json(value: Any, **options: Any) -> str:
    """Return plain data as JSON text, as `json.dumps`.

    Numbers that are not finite are null. Characters that could change what a terminal shows, and
    halves of characters, are ``\\u`` escapes.
    """
    return escape_strings(json.dumps(replace_nonfinite(value), allow_nan=False, **options))


def replace_nonfinite(value: Any, other: float | None = None) -> Any:
    """Return plain data with `other` for every number that is not finite, or is missing.

    With NaN as `other`, figures read from JSON are numbers again.
    """
    if isinstance(value, dict):
        return {name: replace_nonfinite(part, other) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [replace_nonfinite(part, other) for part in value]
    missing = value is None or (isinstance(value, float) and not isfinite(value))
    return other if missing else value


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of several figures, NaN if any is not finite."""
    return statistics.stdev(values) if all(map(isfinite, values)) else nan


def number_of(cell: Any) -> float:
    """Return the number that a cell holds, NaN if it holds none.

    A text is a number if it is digits with an optional sign, decimal point and exponent. Python
    also takes ``1_000``, the digits of other scripts and ``infinity``, which nobody writes into a
    table of numbers.
    """
    if isinstance(cell, str) and not NUMBER.fullmatch(cell):
        return float("nan")
    if getattr(cell, "shape", None) == (1,):
        cell = cell[0]
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def as_cell(label: Any) -> str:
    """Return a label as a CSV cell would hold it: 1 and 1.0 and "1" are the same class.

    An array or list of one label is that label.
    """
    if getattr(label, "shape", None) == (1,) or (isinstance(label, list) and len(label) == 1):
        label = label[0]
    if isinstance(label, str):
        return label.strip()
    if label is None:
        return ""
    number = number_of(label)
    if number != number:
        return str(label).strip()
    return str(int(number)) if number.is_integer() else str(number)
