"""The sheet of samples that `zoo data show --plot` draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.plots.samples import draw_sheet

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("shape", "wider"), [((25, 8, 8), False), ((7, 8, 16, 3), True), ((1, 4, 4), True)]
)
def test_a_sheet_has_all_pictures(tmp_path: Path, texts, size, shape, wider) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = [f"label {number}" for number in range(len(pictures))]
    width, height = size(draw_sheet(pictures, labels, 5, "mnist", tmp_path / "x.png"))
    assert (width > height) == wider
    found = texts(draw_sheet(pictures, labels, 5, "mnist", tmp_path / "x.svg"))
    assert sorted(found) == sorted(["mnist", *labels])
    assert (tmp_path / "x.svg").read_text().count("<image") == len(pictures)


def test_long_labels_do_not_meet(tmp_path: Path, texts) -> None:
    found = texts(
        draw_sheet(np.zeros((2, 4, 4), np.uint8), ["a" * 40] * 2, 2, "", tmp_path / "x.svg")
    )
    assert max(map(len, found)) == 16
