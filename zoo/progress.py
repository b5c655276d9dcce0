"""Progress on a terminal; stderr only, since stdout is data."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def download_progress(name: str) -> Callable[[int, int | None], None] | None:
    """Return a function of (bytes done, bytes in all) that draws a bar; None if nobody sees it."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
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
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("epoch {task.completed}/{task.total}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[logs]}"),
            console=Console(stderr=True),
        )
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
    noun
        What they are called.
    """

    def __init__(self, total: int, *, done: int = 0, noun: str = "images") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._noun = noun
        self._before = float(done)
        self._began: float | None = None
        self._task = self._bar.add_task("", total=total, completed=done, rate="")
        self._bar.start()

    def advance(self) -> None:
        """Show that another one is done."""
        task = self._bar.tasks[0]
        if self._began is None:  # loading the network is no part of the rate
            self._began, self._before = time.monotonic(), task.completed
        elapsed = time.monotonic() - self._began
        done = task.completed + 1 - self._before
        rate = f"{done / elapsed:.3g} {self._noun}/s" if elapsed > 1.0 else ""
        self._bar.update(self._task, advance=1, rate=rate)

    def close(self) -> None:
        """Stop drawing and leave nothing behind."""
        self._bar.stop()
