"""Progress: bars on a terminal and in notebooks, under ``-v`` lines elsewhere.

All are on stderr, since stdout is data.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zoo_weights.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress

REDRAW_SECONDS, NOTEBOOK_WIDTH = 0.2, 100
"""Seconds between two states of a bar in a notebook, at least; its width in characters."""

HTML = "<pre style='white-space: pre-wrap'>{code}</pre>"
"""The page of a bar in a notebook, for rich; in the colours and the font of the notebook."""


BAR = 20
"""Columns of a bar: what is beside it says more."""


def download_progress(name: str) -> Callable[[int, int | None], None] | None:
    """Return a function of (bytes done, total bytes) that draws a bar; None if nobody sees it."""
    if not _is_seen():
        return None
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(BAR), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = _bar("{task.description}", *columns)
    beside = BAR + len(" 999.9/999.9 MB 999.9 MB/s 0:00:00 ")
    task = bar.add_task(_cut(printable(name), bar.console.width - beside), total=None)
    drawn = False

    def update(done: int, total: int | None) -> None:
        nonlocal drawn
        if not drawn:
            bar.start()
        drawn = total is None or done < total
        bar.update(task, completed=done, total=total)
        if not drawn:
            bar.stop()

    return update


@contextmanager
def training_bar(epochs: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """Draw epochs done, time left, and loss and metrics of the last epoch, where they are seen.

    Elsewhere ``ZOO_VERBOSE`` gives a line for each epoch.

    Yields
    ------
    callable
        Takes the number of epochs done, and Keras's logs of the last one.
    """
    if not _is_seen():
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
    """Draw how many photos are done, and the time left, where they are seen; erased at the end.

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
    if not _is_seen():
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


def _is_seen() -> bool:
    """Whether somebody looks at a terminal or a notebook, and has not asked for silence."""
    return not os.environ.get("ZOO_QUIET") and (sys.stderr.isatty() or _in_notebook())


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; nothing is imported to find out."""
    module = sys.modules.get("IPython")
    return getattr(module and module.get_ipython(), "kernel", None) is not None


def _bar(*columns: Any, transient: bool = True) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    # A name may look like markup.
    plain = [TextColumn(c, markup=False) if isinstance(c, str) else c for c in columns]
    if _in_notebook():
        return _notebook_bar(*plain, transient=transient)
    return Progress(*plain, console=Console(stderr=True), transient=transient)


def _notebook_bar(*columns: Any, transient: bool) -> Progress:
    """Return a bar that redraws itself below a notebook's cell; that of rich needs ipywidgets."""
    from IPython.display import display
    from rich.console import Console
    from rich.progress import Progress

    class NotebookProgress(Progress):
        """Redrawn when it is updated, a few times a second at most."""

        handle: Any = None
        drawn = 0.0

        def start(self) -> None:
            self.handle = display(self.page(), raw=True, display_id=True)

        def stop(self) -> None:
            self.handle.update({"text/plain": ""} if transient else self.page(), raw=True)

        def update(self, *arguments: Any, **fields: Any) -> None:
            super().update(*arguments, **fields)
            if self.handle is not None and time.monotonic() > self.drawn + REDRAW_SECONDS:
                self.handle.update(self.page(), raw=True)
                self.drawn = time.monotonic()

        def page(self) -> dict[str, str]:
            console = Console(
                file=io.StringIO(),
                record=True,
                width=NOTEBOOK_WIDTH,
                color_system="truecolor",
                force_jupyter=False,
            )
            console.print(self.get_renderable())
            html = console.export_html(inline_styles=True, code_format=HTML, clear=False)
            return {"text/html": html, "text/plain": console.export_text()}

    return NotebookProgress(*columns, auto_refresh=False)
