"""The history of a run, the logs of its epochs: read and drawn as curves.

``python -m zoo.runs.history FOLDER`` draws them.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from zoo.plots.curves import History, draw_curves
from zoo.runs.run import best_epoch
from zoo.spec.files import read_spec
from zoo_weights.text import unescape_cell


def read_history(path: Path) -> History:
    """Return the columns of a ``history.csv``, without the number of the epoch."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name != "epoch"]
    return {unescape_cell(name): [float(row[name]) for row in rows] for name in names}


def draw(run: Path) -> Path:
    """Draw ``curves.png`` of a run folder from its ``history.csv`` and return its path."""
    history, spec = read_history(run / "history.csv"), read_spec(run / "spec.toml")
    return draw_curves(run / "curves.png", spec.name, history, best_epoch(history, spec.training))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
