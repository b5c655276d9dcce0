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
import warnings
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from zoo.plots.style import BLUE, GREY, ORANGE, figure
from zoo.spec.toml import read_spec
from zoo.spec.training import EarlyStopping, Training

History = dict[str, list[float]]
"""Keras's logs by name, a value for each epoch."""

SPREAD = 5
"""From this ratio of the largest to the smallest loss on, its axis is logarithmic."""


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
    best = best_epoch(history, spec.training)
    names = ["loss", *metrics(history)[:1]]
    path = run / "curves.png"
    with figure(path, len(names), spec.name, size=(5.0 * len(names), 3.6)) as panels:
        for panel, name in zip(panels, names, strict=True):
            _curves(panel, history, name, best)
    return path


def read_history(path: Path) -> History:
    """Return the columns of a ``history.csv`` but the epoch's number."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name != "epoch"]
    return {name: [float(row[name]) for row in rows] for name in names}


def metrics(history: History) -> list[str]:
    """Return the names of what was measured beside the loss, without those of validation."""
    return [name for name in history if name != "loss" and not name.startswith("val_")]


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


def label_axes(panel: Any, name: str, values: Iterable[float]) -> None:
    """Name the axes of a panel of curves; a loss that falls far gets a logarithmic one."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

    shown = [value for value in values if isfinite(value)]
    panel.set(xlabel="epoch", ylabel=name.replace("_", " "))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if not shown:
        note = {"ha": "center", "va": "center", "color": GREY, "transform": panel.transAxes}
        panel.text(0.5, 0.5, "no finite values", **note)
        panel.set(xticks=[], yticks=[])
    elif name == "loss" and min(shown) > 0 and max(shown) > SPREAD * min(shown):
        panel.set_yscale("log")  # a bad first epoch would flatten all the others
        if max(shown) < 50 * min(shown):  # one power of ten has too few ticks, and 1 beats 10⁰
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(ScalarFormatter())
            panel.yaxis.set_minor_formatter(NullFormatter())


def curve(
    panel: Any,
    values: list[float],
    dashes: str,
    colour: str,
    label: str = "",
    mark: str | None = None,
) -> None:
    """Draw one curve over the epochs; points where a line would not be seen."""
    few = sum(isfinite(value) for value in values) < 3
    style = {"marker": mark or ("o" if few else None), "markevery": 1 + len(values) // 12}
    style |= {"markersize": 4 if mark else 6}
    panel.plot(range(1, len(values) + 1), values, dashes, color=colour, label=label, **style)


def _curves(panel: Any, history: History, name: str, best: int | None) -> None:
    shown: list[float] = []
    lines = (("training", name, BLUE, "-"), ("validation", f"val_{name}", ORANGE, "--"))
    for label, key, colour, dashes in lines:
        values = history.get(key)
        if not values:
            continue
        shown += values
        curve(panel, values, dashes, colour, label)
        if best is not None:
            panel.plot([best], [values[best - 1]], "o", color=colour)
    label_axes(panel, name, shown)
    if not any(isfinite(value) for value in shown):
        return
    _mark_lost(panel, history[name])
    if best is not None:
        panel.axvline(best, color=GREY, linewidth=1, linestyle=":", label=f"best epoch, {best}")
    panel.legend()


def _mark_lost(panel: Any, values: list[float]) -> None:
    """Shade the last epochs, where their values are not finite: there is no curve to see."""
    count = len(values)
    lost = next((i for i in range(count, 0, -1) if isfinite(values[i - 1])), 0) + 1
    if lost <= count:
        panel.axvspan(lost - 0.5, count + 0.5, color=GREY, alpha=0.15, label="not finite")
        panel.set_xlim(0.5, count + 0.5)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
