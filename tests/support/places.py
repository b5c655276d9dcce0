"""Paths of the repository and of the photos used in tests."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

MUG = ROOT / "examples" / "mug.png"

IMAGES = ROOT / "tests" / "data" / "images"
"""Photos, and EfficientNet-Lite0's logits for them; tests/data/SOURCES.md names their authors."""
