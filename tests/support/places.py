"""Where the repository is, and the photos that tests look at."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

MUG = ROOT / "examples" / "mug.png"

IMAGES = ROOT / "tests" / "data" / "images"
"""Photos, and what EfficientNet-Lite0 says of them; SOURCES.md beside them says whose they are."""
