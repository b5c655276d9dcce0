"""The data of one number and the line that a model fitted to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    assert {"sugars", "calories"} <= set(found)
    assert f"{name} · rows 5 · MAE" in " ".join(found)


def test_rows_that_are_not_finite_are_left_out(tmp_path: Path, texts) -> None:
    def drawn(inputs: Any, predicted: Any) -> str:
        report = ValueReport(inputs, predicted, "", inputs, "x")
        return " ".join(texts(report.draw(tmp_path / "x.svg", "")))

    inputs = np.array([0.0, 1.0, np.nan, 3.0])
    assert "fitted line 0 + 2 x" in drawn(inputs, 2 * inputs)
    assert "fitted · rows 3" in drawn(np.ones(3), np.ones(3))
    assert "no finite values" in drawn(np.full(2, np.nan), np.ones(2))
