"""Progress: bars on a terminal, under ``-v`` lines elsewhere; on stderr, since stdout is data."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zoo_weights.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress


BAR = 20
"""Columns of a bar: what is beside it says more."""


def download_progress(name: str) -> Callable[[int, int | None], None] | None:
    """Return a function of (bytes done, total bytes) that draws a bar; None without a terminal."""
    if not sys.stderr.isatty():
        return None
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(BAR), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = _bar("{task.description}", *columns)
    beside = BAR + len(" 999.9/999.9 MB 999.9 MB/s 0:00:00 ")
    task = bar.add_task(_cut(printable(name), bar.console.width - beside), total=None)

    def update(done: int, total: int | None) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)
        if total is not None and done >= total:
            bar.stop()

    return update


@contextmanager
def training_bar(epochs: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Draw epochs done, time left, and loss and metrics of the last epoch.

    Where there is no terminal, ``ZOO_VERBOSE`` gives a line for each epoch.

    Yields
    ------
    callable
        Takes the number of epochs done, and Keras's logs of the last one.
    """
    if not sys.stderr.isatty() or os.environ.get("ZOO_QUIET"):
        yield functools.partial(_print_epoch, epochs) if os.environ.get("ZOO_VERBOSE") else _ignore
        return
    from rich.progress import BarColumn, TimeRemainingColumn

    columns = ("epoch {task.completed}/{task.total}", BarColumn(BAR), TimeRemainingColumn())
    bar = _bar(*columns, "{task.fields[logs]}", transient=False)
    task = bar.add_task("", total=epochs, logs="compiling")

    def update(done: int, logs: dict[str, float]) -> None:
        room = bar.console.width - BAR - len(f"epoch {done}/{epochs}  0:00:00 ")
        bar.update(task, completed=done, logs=_cut("  ".join(_figures(logs)), room))

    with bar:
        yield update


def _ignore(done: int, logs: dict[str, float]) -> None:
    pass


def _print_epoch(epochs: int, done: int, logs: dict[str, float]) -> None:
    if logs:
        print(f"epoch {done}/{epochs}: {', '.join(_figures(logs))}", file=sys.stderr, flush=True)


def _figures(logs: dict[str, float]) -> list[str]:
    """Return losses and metrics as text, those of the whole first: a terminal may cut the rest."""
    names = sorted(logs, key=lambda name: (name not in ("loss", "val_loss"), name))
    return [f"{printable(name)} {logs[name]:.4f}" for name in names]


def _cut(text: str, room: int) -> str:
    room = max(room, 10)
    return text if len(text) <= room else f"{text[: room - 1]}…"


@contextmanager
def photos_bar(total: int, name: str) -> Iterator[Callable[[int], None]]:
    """Draw how many photos are done, and the time left; on a terminal only, erased at the end.

    Parameters
    ----------
    total
        Number of photos.
    name
        What is done: ``"features"`` are computed, and until the first of them the bar says that
        the network is compiled.

    Yields
    ------
    callable
        Takes the number of photos that are done now.
    """
    if not sys.stderr.isatty() or os.environ.get("ZOO_QUIET"):
        yield lambda count: None
        return
    from rich.progress import BarColumn, TimeRemainingColumn

    bar = _bar("{task.description}", BarColumn(BAR), TimeRemainingColumn())
    task = bar.add_task("compiling" if name == "features" else name, total=total)

    def advance(count: int) -> None:
        done = int(bar.tasks[0].completed) + count
        bar.update(task, advance=count, description=f"{name} {done}/{total}" if done else None)

    with bar:
        yield advance


@contextmanager
def images_bar(total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Draw images done, images per second and time left; erase the bar at the end.

    Parameters
    ----------
    total
        Number of images.
    done
        Number of images done before.

    Yields
    ------
    callable
        Call it after each image.
    """
    from rich.progress import BarColumn, TimeRemainingColumn

    columns = ("{task.completed:,.0f}/{task.total:,.0f}", BarColumn(BAR), "{task.fields[rate]}")
    bar = _bar(*columns, TimeRemainingColumn())
    task = bar.add_task("", total=total, completed=done, rate="")
    start: float | None = None

    def advance() -> None:
        nonlocal start
        now = time.monotonic()
        start = now if start is None else start  # the rate excludes loading the network
        count = bar.tasks[0].completed + 1 - done
        rate = f"{count / (now - start):.3g} images/s" if now - start > 1.0 else ""
        bar.update(task, advance=1, rate=rate)

    with bar:
        yield advance


def _bar(*columns: Any, transient: bool = True) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    # A name may look like markup.
    plain = [TextColumn(c, markup=False) if isinstance(c, str) else c for c in columns]
    return Progress(*plain, console=Console(stderr=True), transient=transient)
