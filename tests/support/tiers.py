"""Parameters that belong to another tier than their test."""

from __future__ import annotations

from typing import Any

import pytest


def slow(*values: Any) -> Any:
    """Return a parameter set of the slow tier."""
    return pytest.param(*values, marks=pytest.mark.slow)


def long(*values: Any) -> Any:
    """Return a parameter set of the long tier."""
    return pytest.param(*values, marks=pytest.mark.long)
