"""The history of a run: the logs of its epochs, the best epoch, and the curves.

A separate process draws the curves: importing matplotlib and drawing take longer than many a
training here, and training does not wait for them.
"""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
import threading
import warnings
from pathlib import Path

from zoo.plots.curves import History, draw_curves
from zoo.spec.model import EarlyStopping, Training
from zoo.spec.toml import read_spec
from zoo_weights.text import unescape_cell


def read_history(path: Path) -> History:
    """Return the columns of a ``history.csv``, without the number of the epoch."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name != "epoch"]
    return {unescape_cell(name): [float(row[name]) for row in rows] for name in names}


def best_epoch(history: History, training: Training | None = None) -> int | None:
    """Return the best epoch, from 1; None if no figure is finite.

    It is the best by the early-stopping rule, if there is one; else the one with the lowest
    validation loss (or loss, without validation).
    """
    rule = training.early_stopping if training else None
    if rule is None or rule.monitor not in history:
        monitor = "val_loss" if "val_loss" in history else "loss"
        rule = EarlyStopping(patience=1, monitor=monitor)
    best = best_number = None
    for epoch, value in enumerate(history.get(rule.monitor, ()), 1):
        if rule.improves(value, best, training.metrics if training else ()):
            best, best_number = value, epoch
    return best_number


def draw_later(folder: Path, module: str = __name__) -> None:
    """Start drawing the picture of a folder; do nothing if matplotlib is missing.

    Parameters
    ----------
    folder
        A run folder, or another one that `module` can draw.
    module
        The module that draws when run with the folder as its argument.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return
    command = [sys.executable, "-m", module, str(folder.absolute())]
    null = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, stdin=null, stdout=null, stderr=null, start_new_session=True
        )
    except OSError as error:  # no memory or no process left
        warnings.warn(f"cannot draw {folder}: {error}", stacklevel=2)
        return
    # The thread waits, so that no zombie stays in a long-lived program; as a daemon it does not
    # keep a short one alive.
    threading.Thread(target=process.wait, daemon=True).start()


def draw(run: Path) -> Path:
    """Draw ``curves.png`` of a run folder from its ``history.csv`` and return its path."""
    history, spec = read_history(run / "history.csv"), read_spec(run / "spec.toml")
    return draw_curves(run / "curves.png", spec.name, history, best_epoch(history, spec.training))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
