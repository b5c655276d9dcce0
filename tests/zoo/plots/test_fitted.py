"""The data of one number and the line that a model fitted to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.plots.fitted import draw_fitted
from zoo.training.report import ValueReport

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("predict", "name"),
    [
        (lambda x: 90 + 2.5 * x, "fitted line 90 + 2.5 x"),
        (lambda x: 1 - 0.5 * x, "fitted line 1 - 0.5 x"),
        (lambda x: 0 * x + 3, "fitted line 3 + 0 x"),
        (lambda x: x * x, "fitted curve"),
    ],
)
def test_the_line_says_what_it_is(tmp_path: Path, texts, predict, name: str) -> None:
    inputs = np.array([4.0, 0.0, 1.0, 9.0, 1.0])
    report = ValueReport(inputs, predict(inputs), "calories", inputs, "sugars")
    found = texts(report.draw(tmp_path / "x.svg", "linear-cereals"))
    assert {name, "data", "sugars", "calories", "rows 5"} <= set(found)


def test_rows_that_are_not_finite_are_left_out(tmp_path: Path, texts) -> None:
    inputs = np.array([0.0, 1.0, np.nan, 3.0])
    axes = ("x", "y")
    found = texts(draw_fitted(inputs, inputs, 2 * inputs, "", tmp_path / "x.svg", axes=axes))
    assert "fitted line 0 + 2 x" in found
    same = np.ones(3)
    assert "fitted" in texts(draw_fitted(same, same, same, "", tmp_path / "y.svg", axes=axes))
    nothing = np.full(2, np.nan)
    draw_fitted(nothing, nothing, nothing, "", tmp_path / "z.png", axes=axes)
