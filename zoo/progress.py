"""Progress on a terminal; stderr only, since stdout is data."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def _progress(*columns: str | ProgressColumn, transient: bool = True) -> Progress:
    """Return what draws these columns, and is gone at its end if it is `transient`."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(*columns, console=Console(stderr=True), transient=transient)


def download_progress(name: str) -> Callable[[int, int | None], None] | None:
    """Return a function of (bytes done, bytes in all) that draws a bar; None if nobody sees it."""
    if not sys.stderr.isatty():
        return None
    from rich import progress

    bar = _progress(
        "{task.description}",
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    task = bar.add_task(name, total=None)

    def update(done: int, total: int | None) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)
        if total is not None and done >= total:
            bar.stop()

    return update


class TrainingBar:
    """Epochs done, time left, and the latest loss and metrics."""

    def __init__(self, epochs: int) -> None:
        from rich.progress import BarColumn, TimeRemainingColumn

        count = "epoch {task.completed}/{task.total}"
        logs = "{task.fields[logs]}"
        self._bar = _progress(count, BarColumn(), TimeRemainingColumn(), logs, transient=False)
        self._task = self._bar.add_task("", total=epochs, logs="")
        self._bar.start()

    def update(self, done: int, logs: dict[str, float]) -> None:
        """Show that `done` epochs are over, with Keras's logs of the last one."""
        text = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        self._bar.update(self._task, completed=done, logs=text)

    def close(self) -> None:
        """Stop drawing; the last state stays on the screen."""
        self._bar.stop()


class InputsBar:
    """Inputs done, how many a second, and the time left.

    Parameters
    ----------
    total
        How many there are.
    done
        How many were done before.
    """

    def __init__(self, total: int, *, done: int = 0) -> None:
        from rich.progress import BarColumn, TimeRemainingColumn

        count = "{task.completed:,.0f}/{task.total:,.0f}"
        self._bar = _progress(count, BarColumn(), "{task.fields[rate]}", TimeRemainingColumn())
        self._before: float = done
        self._began: float | None = None
        self._task = self._bar.add_task("", total=total, completed=done, rate="")
        self._bar.start()

    def advance(self) -> None:
        """Show that another one is done."""
        done = self._bar.tasks[0].completed + 1
        if self._began is None:  # loading the network is no part of the rate
            self._began, self._before = time.monotonic(), done - 1
        elapsed = time.monotonic() - self._began
        rate = f"{(done - self._before) / elapsed:.3g} images/s" if elapsed > 1.0 else ""
        self._bar.update(self._task, completed=done, rate=rate)

    def close(self) -> None:
        """Stop drawing and leave nothing behind."""
        self._bar.stop()
