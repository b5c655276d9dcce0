"""Fixtures that read plots back."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

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
