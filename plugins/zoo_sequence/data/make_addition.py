"""Write ``addition.csv``: 6,000 of the 10,000 sums of two numbers below 100, in random order.

The file is in the package, so that it does not depend on NumPy's version:
``python make_addition.py FOLDER``.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

ROWS = 6000


def main(folder: Path) -> None:
    """Write the file into a folder: columns ``sum`` (12+7) and ``answer`` (19)."""
    with (folder / "addition.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sum", "answer"])
        for number in np.random.RandomState(1).permutation(100 * 100)[:ROWS].tolist():
            first, second = divmod(number, 100)
            writer.writerow([f"{first}+{second}", first + second])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
