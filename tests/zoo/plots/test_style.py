"""A plot that cannot be drawn is refused before any work, in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import UsageError
from zoo.plots.spread import spread
from zoo.plots.style import check_path, save_figure, shorten


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.jpg", ".png or .svg files, received '.jpg'"),
        ("x", ".png or .svg files, received 'no suffix'"),
        ("nowhere/x.png", "there is no folder"),
        ("folder.png", "is a folder"),
    ],
)
def test_a_file_that_cannot_be_drawn(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match=text):
        check_path(tmp_path / name)


def test_without_matplotlib_the_install_line_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pip install 'keras-zoo\[plot\]'"):
        check_path(tmp_path / "x.png")


def test_the_same_picture_is_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        with save_figure(tmp_path / name, 1, "costs $5 and $6", size=(5.0, 3.6)) as [panel]:
            panel.plot([1, 2, 3])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "costs $5 and $6" in (tmp_path / "a.svg").read_text()  # no formula
    assert {path.name for path in tmp_path.iterdir()} == {"a.svg", "b.svg"}


def test_every_kind_of_picture_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import numpy as np

    from zoo.plots.curves import draw_curves
    from zoo.plots.tuning import draw_tuning
    from zoo.training.report import ClassReport, ValueReport

    logs = {"loss": [90.0, 0.5, 0.25], "val_loss": [1.0, 0.5, 0.25]}
    means = [({"rate": rate}, rate) for rate in (0.1, 0.2, 0.3)]
    axes = {"rate": [0.1, 0.2, 0.3]}
    tuning: dict[str, Any] = {"title": "x", "metric": "loss", "mode": "min"}
    draw: dict[str, Callable[[Path], Path]] = {
        "curves": lambda path: draw_curves(path, "x", logs, 2, [logs, logs]),
        "confusion": lambda path: ClassReport(("a", "b"), np.eye(2, dtype=int)).draw(path, "x"),
        "scatter": lambda path: ValueReport(np.arange(9.0), np.arange(9.0)).draw(path, "x"),
        "grid": lambda path: draw_tuning(means, axes, path, grid=True, **tuning),
        "lines": lambda path: draw_tuning(means, axes, path, grid=False, **tuning),
    }
    for name, one in draw.items():
        first = one(tmp_path / f"{name}-1.svg").read_bytes()
        assert one(tmp_path / f"{name}-2.svg").read_bytes() == first
        assert b"<dc:date>" not in first


def test_texts_are_cut_where_they_are_too_long() -> None:
    assert shorten("wheat", 5) == "wheat"
    assert shorten("wheats", 5) == "wh…ts"


def test_things_that_overlap_are_pushed_apart_and_others_stay() -> None:
    assert spread([], []) == []
    assert spread([5.0, 1.0], [1.0, 1.0]) == [5.0, 1.0]
    assert spread([1.0, 1.0], [1.0, 1.0]) == [0.5, 1.5]
    assert spread([1.0, 1.2, 9.0], [1.0, 1.0, 1.0]) == pytest.approx([0.6, 1.6, 9.0])
    heavy = spread([0.0, 0.1], [1.0, 0.2], [1.0, 0.0001])
    assert heavy == pytest.approx([0.0, 0.6], abs=1e-3)  # the light one makes room


@pytest.mark.parametrize("name", ["x.png", "x.svg"])
def test_texts_of_any_characters_are_drawn(tmp_path: Path, texts, name: str) -> None:
    """Half a character cannot be drawn, and no SVG file may have a control character."""
    pytest.importorskip("matplotlib")
    import numpy as np

    from zoo.plots.overlay import draw_overlay
    from zoo.training.report import ClassReport

    path, odd = tmp_path / name, "a\x1b\udcff\u202e"
    shown = r"a\x1b\udcff\u202e"
    history = {"loss": [1.0, 0.5, 0.25]}
    draw_overlay([(odd, history), ("b", history)], path, title=odd)
    if path.suffix == ".svg":
        assert texts(path).count(shown) >= 2
    ClassReport((odd, "b"), np.eye(2, dtype=int)).draw(path, odd)
    if path.suffix == ".svg":
        found = texts(path)
        assert f"{shown} (1)" in found
        assert found.count(shown) == 2  # the title and a column


def test_characters_that_the_font_lacks_are_named_once(tmp_path: Path) -> None:
    """A viewer of the SVG file has other fonts."""
    pytest.importorskip("matplotlib")
    from zoo.plots.curves import draw_curves

    with pytest.warns(UserWarning, match=r"x\.png: the font lacks 2 of the characters") as warned:
        draw_curves(tmp_path / "x.png", "\u6a21\u578b", {"loss": [1.0]}, None)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    draw_curves(tmp_path / "x.svg", "\u6a21\u578b", {"loss": [1.0]}, None)
