"""Fixtures that read plots back."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def texts() -> Callable[[Path], list[str]]:
    """Return a function that reads all texts of an SVG file."""

    def read(path: Path) -> list[str]:
        root = ET.fromstring(path.read_text(encoding="utf-8"))
        return [
            "".join(element.itertext()).strip()
            for element in root.iter("{http://www.w3.org/2000/svg}text")
        ]

    return read


@pytest.fixture
def size() -> Callable[[Path], tuple[int, int]]:
    """Return a function that reads a PNG file and returns its width and height."""
    from PIL import Image

    def read(path: Path) -> tuple[int, int]:
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            return image.size

    return read


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of the figures that have been written so far."""
    figure = pytest.importorskip("matplotlib.figure").Figure
    written: list[Any] = []
    save = figure.savefig

    def record(self: Any, *arguments: Any, **options: Any) -> None:
        written.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(figure, "savefig", record)
    return written
