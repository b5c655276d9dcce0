"""Write ``synthetic_old.csv`` and ``synthetic_new.csv``: 500 rows each of a synthetic problem.

Needs scikit-learn. The files are in the package, so that the rows do not depend on its version:
``python make_synthetic.py FOLDER``.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split


def main(folder: Path) -> None:
    """Write both files into a folder."""
    features, classes = make_classification(
        n_samples=1000, n_features=20, n_informative=15, n_redundant=5, random_state=1
    )
    old_x, new_x, old_y, new_y = train_test_split(features, classes, test_size=0.5, random_state=1)
    names = [*(f"x{number:02}" for number in range(1, 21)), "class"]
    for name, x, y in (("old", old_x, old_y), ("new", new_x, new_y)):
        with (folder / f"synthetic_{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            for row, label in zip(x.astype(np.float32), y, strict=True):
                writer.writerow([*(f"{value:.9g}" for value in row), int(label)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
