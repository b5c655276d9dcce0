"""The history of a run: the logs of its epochs, the best of them, and their curves.

The picture is drawn by a process of its own: importing matplotlib and drawing take longer than many
a training here, and whoever trains does not wait for it.
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
from zoo.spec.toml import read_spec
from zoo.spec.training import EarlyStopping, Training


def read_history(path: Path) -> History:
    """Return the columns of a ``history.csv`` but the epoch's number."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name != "epoch"]
    return {name: [float(row[name]) for row in rows] for name in names}


def best_epoch(history: History, training: Training | None = None) -> int | None:
    """Return the best epoch, from 1; None where no figure is finite.

    It is the one with the lowest validation loss (or loss, without validation); where training
    stopped early, the one that the rule takes for the best.
    """
    rule = training.early_stopping if training else None
    if rule is None or rule.monitor not in history:
        monitor = "val_loss" if "val_loss" in history else "loss"
        rule = EarlyStopping(patience=1, monitor=monitor)
    best = found = None
    for epoch, value in enumerate(history.get(rule.monitor, ()), 1):
        if rule.improves(value, best, training.metrics if training else ()):
            best, found = value, epoch
    return found


def draw_later(folder: Path, module: str = __name__) -> None:
    """Begin to draw the picture of a folder; does nothing where matplotlib is missing.

    Parameters
    ----------
    folder
        A run folder, or another one that `module` knows to draw.
    module
        What draws, when it is run with the folder as its argument.
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
        warnings.warn(f"no picture of {folder} is drawn: {error}", stacklevel=2)
        return
    # Waited for by a thread, so that it leaves no zombie in a long-lived program; being a daemon
    # the thread does not keep a short one alive.
    threading.Thread(target=process.wait, daemon=True).start()


def draw(run: Path) -> Path:
    """Draw ``curves.png`` of a run folder from its ``history.csv`` and return its path."""
    history, spec = read_history(run / "history.csv"), read_spec(run / "spec.toml")
    return draw_curves(run / "curves.png", spec.name, history, best_epoch(history, spec.training))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
