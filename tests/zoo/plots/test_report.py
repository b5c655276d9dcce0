"""Confusion matrices and scatter plots, and the numbers behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import overlaps
from tiers import slow

from zoo.decoders import Binary, Classes
from zoo.training.report import ClassReport, OutputsReport, ValueReport, class_report

pytest.importorskip("matplotlib")


def test_figures_of_classes_are_those_of_the_textbook() -> None:
    report = ClassReport(("a", "b", "never predicted"), np.array([[3, 1, 0], [2, 4, 0], [0, 1, 0]]))
    a, b, never = report.classes()
    assert (a.precision, a.recall, a.support) == (3 / 5, 3 / 4, 4)
    assert a.f1 == pytest.approx(2 / 3)
    assert b.precision == 4 / 6
    assert (never.precision, never.recall, never.f1, never.support) == (0, 0, 0, 1)
    data = report.data()
    assert data["accuracy"] == 7 / 11
    assert data["macro"]["recall"] == pytest.approx((3 / 4 + 4 / 6) / 3)
    assert data["weighted"]["recall"] == pytest.approx(7 / 11)
    assert list(report.lines())[1].split() == ["a", "0.6000", "0.7500", "0.6667", "4"]


def test_targets_of_every_form_are_counted_alike() -> None:
    outputs = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], np.float32)
    classes = np.array([0, 1, 1], np.int32)
    decoder = Classes(["a", "b", "c"])
    for targets in (classes, np.eye(3, dtype=np.float32)[classes]):
        report = class_report(decoder, targets, outputs)
        assert report.labels == ("a", "b")  # there is no c, and none was predicted
        assert report.confusion.tolist() == [[1, 0], [1, 1]]
    binary = class_report(
        Binary(["no", "yes"]),
        np.array([[0.0], [1.0], [1.0]], np.float32),
        np.array([[0.2], [0.9], [0.4]], np.float32),
    )
    assert binary.labels == ("no", "yes")
    assert binary.confusion.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("count", [2, 10, slow(46), 120])
def test_a_confusion_matrix_is_readable(tmp_path: Path, texts, size, figures, count: int) -> None:
    confusion = np.random.default_rng(0).integers(1, 30, (count, count)) + 1000 * np.eye(
        count, dtype=int
    )
    confusion[0, 1] = 0
    labels = [f"topic-{number}" for number in range(count)]
    report = ClassReport(tuple(labels), confusion)
    width, _ = size(report.draw(tmp_path / "x.png", "mlp-reuters"))
    assert width > (600 if count == 2 else 900)
    found = texts(report.draw(tmp_path / "x.svg", "mlp-reuters"))
    right = f"{confusion.trace() / confusion.sum():.1%} of {confusion.sum():,} right"
    assert {"mlp-reuters", right, "share of the true class"} <= set(found)
    assert not overlaps(figures[-1])
    if count > 80:
        assert "topic-3" not in found
        return
    assert set(labels) <= set(found)
    assert f"topic-0 ({confusion[0].sum():,})" in found
    assert f"{confusion[1, 1]:,}" in found
    assert ("0" in found) == (count <= 12)
    # Two labels of the x axis would need less room than their texts: then they stand upright.
    style = (tmp_path / "x.svg").read_text()
    assert ("rotate(-90)" in style.partition("topic-0")[0][-300:]) == (count == 46)


@pytest.mark.parametrize("count", [2, 8, slow(50)])
def test_long_names_of_classes_stay_apart(tmp_path: Path, figures, count: int) -> None:
    labels = [f"a long name that only ends differently, {number}" for number in range(count)]
    confusion = np.full((count, count), 12345)
    report = ClassReport(tuple(labels), confusion)
    report.draw(tmp_path / "x.png", "a model with a long name " * 5)
    assert not overlaps(figures[-1])
    names = [text.get_text() for text in figures[-1].axes[0].get_xticklabels()]
    assert len(set(names)) == count


def test_a_class_that_is_never_true_has_an_empty_row(tmp_path: Path) -> None:
    ClassReport(("a", "b"), np.array([[0, 0], [3, 4]])).draw(tmp_path / "x.png", "x")


def test_errors_of_numbers(tmp_path: Path, texts, size, figures) -> None:
    true = np.array([1.0, 2.0, 3.0, 4.0])
    report = ValueReport(true, true + np.array([1, -1, 1, -1]), unit="$")
    assert report.data() == {"rows": 4, "mae": 1.0, "rmse": 1.0, "r2": pytest.approx(1 - 4 / 5)}
    found = texts(report.draw(tmp_path / "x.svg", "mlp-boston"))
    assert {"mlp-boston", "true value ($)", "predicted value ($)"} <= set(found)
    assert "rows 4 · MAE 1 $ · RMSE 1 $ · R² 0.2000" in found
    [panel] = figures[-1].axes
    figures_above = panel.title.get_window_extent()
    assert not figures_above.overlaps(panel.get_window_extent())  # no point is below them
    assert not overlaps(figures[-1])
    width, height = size(report.draw(tmp_path / "x.png", "mlp-boston"))
    assert abs(width - height) < 60  # the diagonal is one


def test_numbers_that_are_all_the_same_or_not_finite(tmp_path: Path, texts) -> None:
    same = ValueReport(np.ones(3), np.ones(3))
    assert same.data()["r2"] is None
    assert "R² undefined, the true values are all the same" in list(same.lines())
    same.draw(tmp_path / "x.png", "")
    found = texts(ValueReport(np.ones(2), np.full(2, np.nan)).draw(tmp_path / "y.svg", ""))
    assert "no finite values" in found
    wide = ValueReport(np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(3, 2))
    assert wide.data()["r2"] == 1.0
    wide.draw(tmp_path / "z.png", "")


def test_several_outputs_stand_side_by_side(tmp_path: Path, texts, figures) -> None:
    values = ValueReport(np.arange(9.0), np.arange(9.0), unit="%")
    classes = ClassReport(("a very long name of a class", "b"), 1000 * np.eye(2, dtype=int))
    report = OutputsReport({"alcohol": values, "quality": classes})
    assert report.data() == {"alcohol": values.data(), "quality": classes.data()}
    assert list(report.lines()) == [
        "alcohol:", *values.lines(), "", "quality:", *classes.lines()
    ]  # fmt: skip
    found = texts(report.draw(tmp_path / "x.svg", "mlp-wine-two-outputs"))
    assert {"mlp-wine-two-outputs", "true value (%)", "quality: 100.0% of 2,000 right"} <= set(
        found
    )
    assert "alcohol: rows 9 · MAE 0 % · RMSE 0 % · R² 1.0000" in found
    assert not overlaps(figures[-1])
