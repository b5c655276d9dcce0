"""Figures that may be NaN or infinite: as JSON, which has neither, and their deviation."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

from zoo_weights import escape_strings


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
