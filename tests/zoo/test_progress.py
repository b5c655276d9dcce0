"""Progress is drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import re
import sys

import pytest
from terminals import ESCAPES

from zoo import progress


class Terminal(io.StringIO):
    """What a terminal was told."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of stderr; pytest would take it away again behind a fixture."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("NO_COLOR", "ZOO_QUIET"):
        monkeypatch.delenv(name, raising=False)
    return screen


def test_a_download_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    update = progress.download_progress("vgg16.h5")
    assert update is not None
    assert screen.getvalue() == ""  # nothing before the first bytes
    update(1_000_000, 4_000_000)
    update(4_000_000, 4_000_000)
    assert "vgg16.h5" in screen.getvalue()
    assert "4.0/4.0 MB" in screen.getvalue()
    drawn = screen.getvalue()
    update(4_000_000, None)  # of unknown size: begins anew
    assert len(screen.getvalue()) > len(drawn)
    update(4_000_000, 4_000_000)


def test_a_name_is_neither_markup_nor_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    update = progress.download_progress("[bold]a\x1b]0;b\x07")
    assert update is not None
    update(1, 1)
    with progress.training_bar(1) as advance:
        advance(1, {"[/x]\u202e": 0.5})
    assert r"[bold]a\x1b]0;b\x07" in screen.getvalue()
    assert r"[/x]\u202e 0.5000" in screen.getvalue()


def test_no_download_is_drawn_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert progress.download_progress("vgg16.h5") is None


def test_epochs_are_drawn_with_what_they_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress.training_bar(3) as update:
        update(2, {"loss": 0.25, "accuracy": 0.5})
    assert "epoch 2/3" in screen.getvalue()
    assert "loss 0.2500  accuracy 0.5000" in screen.getvalue()


def test_inputs_are_drawn_with_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done before, and loading the network, is no part of the rate."""
    screen = terminal(monkeypatch)
    now = 100.0
    monkeypatch.setattr("zoo.progress.time.monotonic", lambda: now)
    with progress.images_bar(2000, done=1000) as advance:
        advance()
        now += 2.0
        for _ in range(9):
            advance()
    assert "1,010/2,000" in screen.getvalue()
    assert "5 images/s" in screen.getvalue()


def test_features_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds before the first photo is named."""
    screen = terminal(monkeypatch)
    with progress.photos_bar(120, "features") as advance:
        advance(0)
        assert "features" not in screen.getvalue()
        advance(40)
    assert "compiling" in screen.getvalue()
    assert "features 40/120" in screen.getvalue()
    monkeypatch.setenv("ZOO_QUIET", "1")
    drawn = screen.getvalue()
    with progress.photos_bar(1, "features") as advance:
        advance(1)
    assert screen.getvalue() == drawn


@pytest.mark.parametrize("columns", [72, 80, 120])
def test_bars_fit_on_a_line(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A bar that wraps is drawn anew below itself; one that is squeezed loses the epoch."""
    screen = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    update = progress.download_progress("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5")
    assert update is not None
    update(1_000_000, 58_889_256)
    update(58_889_256, 58_889_256)
    logs = {f"{part}{name}": 0.5 for part in ("", "val_") for name in ("accuracy", "loss", "auc")}
    with progress.training_bar(150) as show:
        show(3, logs)
    lines = [line for line in re.split(r"[\r\n]+", ESCAPES.sub("", screen.getvalue())) if line]
    assert max(map(len, lines)) <= columns
    assert any("58.9/58.9 MB" in line and "vgg16_weights" in line for line in lines)
    assert "epoch 3/150" in lines[-1]
    assert "loss 0.5000  val_loss 0.5000" in lines[-1]


def test_pipes_get_an_epoch_a_line_if_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log of a job in a queue tells how far it is; without -v it stays as it was."""
    for verbose, expected in (("1", "epoch 2/3: loss 0.5000, accuracy 1.0000\n"), ("", "")):
        monkeypatch.setenv("ZOO_VERBOSE", verbose)
        with progress.training_bar(3) as show:
            show(0, {})
            show(2, {"accuracy": 1.0, "loss": 0.5})
        assert capsys.readouterr().err == expected


class Kernel:
    """What zoo needs of IPython in a notebook; the real one is in test_display.py."""

    def __init__(self) -> None:
        self.pages: list[dict[str, str]] = []
        self.kernel: object = self

    def get_ipython(self) -> Kernel:
        return self

    def display(self, page: dict[str, str], **_: object) -> Kernel:
        self.pages.append(page)
        return self

    def update(self, page: dict[str, str], **_: object) -> None:
        self.pages.append(page)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delenv("ZOO_QUIET", raising=False)
    kernel = Kernel()
    for name in ("IPython", "IPython.display"):
        monkeypatch.setitem(sys.modules, name, kernel)
    return kernel


def test_a_notebook_shows_epochs_below_its_cell(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.0)
    with progress.training_bar(3) as update:
        assert "compiling" in kernel.pages[0]["text/plain"]
        update(2, {"<b>loss": 0.25})
    _, second, last = kernel.pages
    assert second["text/plain"].startswith("epoch 2/3")
    assert "&lt;b&gt;loss 0.2500" in second["text/html"]
    assert last["text/plain"].split() == second["text/plain"].split()


def test_a_notebook_is_not_flooded(kernel: Kernel) -> None:
    with progress.training_bar(1000) as update:
        for epoch in range(1000):
            update(epoch + 1, {"loss": 1.0})
    assert len(kernel.pages) < 20
    assert kernel.pages[-1]["text/plain"].startswith("epoch 1000/1000")


def test_a_download_in_a_notebook_is_erased(kernel: Kernel) -> None:
    update = progress.download_progress("a.h5")
    assert update is not None
    update(1, 4)
    assert "a.h5" in kernel.pages[-1]["text/plain"]
    update(4, 4)
    assert kernel.pages[-1] == {"text/plain": ""}


def test_a_script_in_ipython_or_a_pipe_shows_nothing(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.kernel = None
    with progress.training_bar(1) as update:
        update(1, {})
    kernel.kernel = kernel
    monkeypatch.setenv("ZOO_QUIET", "1")
    with progress.training_bar(1) as update:
        update(1, {})
    assert kernel.pages == []
