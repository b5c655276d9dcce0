"""Fixtures of the fault suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import Place
from http_server import Server


@pytest.fixture
def place(tmp_path: Path, server: Server) -> Place:
    """Return a folder to break things in, with a plugin whose files are on the local server."""
    return Place(tmp_path, server)
