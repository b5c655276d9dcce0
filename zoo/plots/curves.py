"""Learning curves of a run: ``curves.png``, drawn by a process of its own.

Importing matplotlib and drawing take longer than many a training here; whoever trains does not
wait for the picture.
"""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from zoo.plots.style import BLUE, GREY, ORANGE, figure, save
from zoo.spec.toml import read_spec

History = dict[str, list[float]]


def draw_later(run: Path) -> None:
    """Begin to draw ``curves.png`` of a run folder; does nothing where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        return
    command = [sys.executable, "-m", __name__, str(run.absolute())]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    quiet |= {"stderr": subprocess.DEVNULL, "start_new_session": True, "check": False}
    # The thread waits for the drawing process, so that it leaves no zombie in a long-lived
    # program; being a daemon it does not keep a short one alive.
    threading.Thread(target=subprocess.run, args=(command,), kwargs=quiet, daemon=True).start()


def draw(run: Path) -> Path:
    """Draw ``curves.png`` of a run folder from its ``history.csv`` and return its path."""
    history = read_history(run / "history.csv")
    metric = next((n for n in history if n != "loss" and not n.startswith("val_")), None)
    names = ["loss", metric] if metric else ["loss"]
    best = best_epoch(history)
    with figure(len(names), read_spec(run / "spec.toml").name) as (picture, panels):
        for panel, name in zip(panels, names, strict=True):
            _curves(panel, history, name, best)
        return save(picture, run / "curves.png")


def read_history(path: Path) -> History:
    """Return the columns of a ``history.csv`` but the epoch's number."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name != "epoch"]
    return {name: [float(row[name]) for row in rows] for name in names}


def best_epoch(history: History) -> int:
    """Return the epoch, from 1, with the lowest validation loss (or loss, without validation)."""
    losses = history.get("val_loss") or history.get("loss") or [0.0]
    return min(range(len(losses)), key=losses.__getitem__) + 1


def _curves(panel: Any, history: History, name: str, best: int) -> None:
    lines = (("training", name, BLUE, "-"), ("validation", f"val_{name}", ORANGE, "--"))
    for label, key, colour, dashes in lines:
        values = history.get(key)
        if not values:
            continue
        epochs = range(1, len(values) + 1)
        marker = "o" if len(values) < 3 else None
        panel.plot(epochs, values, dashes, color=colour, label=label, marker=marker)
        panel.plot([best], [values[best - 1]], "o", color=colour)
    shown = [v for key in (name, f"val_{name}") for v in history.get(key, ())]
    if name == "loss" and min(shown) > 0 and max(shown) > 10 * min(shown):
        panel.set_yscale("log")  # a bad first epoch would flatten all the others
    panel.axvline(best, color=GREY, linewidth=1, linestyle=":", label=f"best epoch, {best}")
    panel.set(xlabel="epoch", ylabel=name.replace("_", " "))
    panel.legend()


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
