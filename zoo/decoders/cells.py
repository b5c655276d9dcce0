"""Labels as the cells of a table hold them."""

from __future__ import annotations

from typing import Any

from zoo.numeric import number_of


def as_cell(label: Any) -> str:
    """Return a label as a CSV cell would hold it: 1 and 1.0 and "1" are the same class."""
    if isinstance(label, str):
        return label.strip()
    if label is None:
        return ""
    number = number_of(label)
    if number != number:
        return str(label).strip()
    return str(int(number)) if number.is_integer() else str(number)
