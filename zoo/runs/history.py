"""The history of a run, the logs of its epochs: read and drawn as curves.

``python -m zoo.runs.history FOLDER`` draws them.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

from zoo.files import read_regular
from zoo.plots.curves import History, draw_curves
from zoo.runs.run import marked_epoch
from zoo.spec.files import read_spec
from zoo_weights.text import unescape_cell

MAX_COLUMNS = 1000
"""Maximum number of columns of a history; one that holds nothing else takes much memory."""


def read_history(path: Path) -> History:
    """Return the columns of a ``history.csv``, without the number of the epoch.

    Raises
    ------
    InputError
        If it is not a regular file, or cannot be read.
    ValueError
        If it is damaged; the message names the file.
    """
    try:
        rows = csv.reader(io.StringIO(read_regular(path).decode(), newline=""))
        names = next(rows, [])
        if len(names) > MAX_COLUMNS:
            msg = f"has {len(names)} columns"
            raise ValueError(msg)
        columns: list[list[float]] = [[] for _ in names]
        for row in filter(None, rows):
            if len(row) != len(names):
                msg = f"has a row of {len(row)} cells, expected {len(names)}"
                raise ValueError(msg)
            for column, cell in zip(columns, row, strict=True):
                column.append(float(cell))
    except (ValueError, csv.Error) as error:
        msg = f"{path}: {error}"
        raise ValueError(msg) from None
    named = zip(map(unescape_cell, names), columns, strict=True)
    return {name: column for name, column in named if name != "epoch" and column}


def draw(run: Path) -> Path:
    """Draw ``curves.png`` of a run folder from its ``history.csv`` and return its path.

    The folds of a cross-validation are in it, and the best epoch, see `marked_epoch`.
    """
    history, spec = read_history(run / "history.csv"), read_spec(run / "spec.toml")
    best = marked_epoch(history, spec.training)
    folds = [read_history(path) for path in sorted(run.glob("fold-*/history.csv"))]
    return draw_curves(run / "curves.png", spec.name, history, best, folds)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
