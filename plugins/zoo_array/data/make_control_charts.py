"""Write ``control_charts.npz``: 100 synthetic control charts of each of six classes.

The formulas are those of R. J. Alcock and Y. Manolopoulos, "Time-Series Similarity Queries
Employing a Feature-Based Approach", 7th Hellenic Conference on Informatics, 1999; the random
numbers are others than those of its charts. The file is in the package, so that it does not depend
on NumPy's version: ``python make_control_charts.py FOLDER``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ("normal", "cyclic", "increasing", "decreasing", "upward-shift", "downward-shift")
CHARTS, LENGTH = 100, 60
MEAN, DEVIATION = 30.0, 2.0
"""m and s of the formulas."""


def main(folder: Path) -> None:
    """Write the file into a folder: ``x`` (charts, 60), float32, and ``y``, the class of each."""
    random = np.random.RandomState(1)
    charts = [draw_chart(name, random) for name in CLASSES for _ in range(CHARTS)]
    np.savez_compressed(
        folder / "control_charts.npz",
        x=np.round(charts, 3).astype(np.float32),
        y=np.repeat(np.arange(len(CLASSES), dtype=np.uint8), CHARTS),
    )


def draw_chart(name: str, random: np.random.RandomState) -> Any:
    """Return the values of a chart of one class, shape (60,)."""
    t = np.arange(1, LENGTH + 1)
    values = MEAN + random.uniform(-3, 3, LENGTH) * DEVIATION
    if name == "cyclic":
        amplitude, period = random.uniform(10, 15, 2)
        return values + amplitude * np.sin(2 * np.pi * t / period)
    if name in ("increasing", "decreasing"):
        slope = random.uniform(0.2, 0.5)
        return values + (slope if name == "increasing" else -slope) * t
    if name in ("upward-shift", "downward-shift"):
        shift = random.uniform(7.5, 20) * (t >= random.uniform(LENGTH / 3, 2 * LENGTH / 3))
        return values + (shift if name == "upward-shift" else -shift)
    return values


if __name__ == "__main__":
    main(Path(sys.argv[1]))
