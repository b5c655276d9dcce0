"""Fixtures with third-party plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from guests import Guests

from zoo.registry.registry import Registry, registry


@pytest.fixture
def guests(tmp_path: Path) -> Guests:
    """Return the folder where a test installs its plugins."""
    return Guests(tmp_path / "site")


@pytest.fixture
def loaded(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Registry]]:
    """Load the guests into the registry of this process, and unload them afterwards."""

    def load() -> Registry:
        monkeypatch.syspath_prepend(guests.site)
        registry.cache_clear()
        return registry()

    yield load
    registry.cache_clear()
    for name in [m for m in sys.modules if m.partition(".")[0] in guests.modules]:
        del sys.modules[name]
