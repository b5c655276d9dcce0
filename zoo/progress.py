"""Progress on a terminal; stderr only, since stdout is data."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def download_bar(name: str) -> Callable[[int, int | None], None]:
    """Return a function of (bytes done, bytes in all) that draws a bar."""
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
