"""Figures that may be NaN or infinite: as JSON, whose standard has neither, and summed up."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from math import isfinite, nan
from typing import Any


def to_json(value: Any, **options: Any) -> str:
    """Return plain data as JSON text, null for numbers that are not finite; as `json.dumps`."""
    return json.dumps(finite(value), allow_nan=False, **options)


def finite(value: Any, other: float | None = None) -> Any:
    """Return plain data with `other` for every number that is not finite, or is missing.

    With NaN these are the figures again that were read from JSON.
    """
    if isinstance(value, dict):
        return {name: finite(part, other) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part, other) for part in value]
    lost = value is None or (isinstance(value, float) and not isfinite(value))
    return other if lost else value


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of several figures, NaN if one is not finite."""
    return statistics.stdev(values) if all(map(isfinite, values)) else nan
