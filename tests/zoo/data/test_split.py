"""Which rows train: the published splits, and no row lost or used twice."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

import numpy as np
import pytest

from zoo import Split
from zoo.data.split import divide, folds, stratified_folds
from zoo.errors import TrainingError


def test_a_share_is_drawn_with_the_seed() -> None:
    kept, held = divide(100, 0.2, seed=3)
    assert len(held) == 20
    assert sorted([*kept, *held]) == list(range(100))
    assert divide(100, 0.2, seed=3)[1].tolist() == held.tolist()
    assert divide(100, 0.2, seed=4)[1].tolist() != held.tolist()


def test_a_seed_means_the_rows_of_the_tutorials() -> None:
    kept, _ = divide(1599, Split(held=0.3, seed=0), seed=99)
    published = np.random.RandomState(0).choice(1599, round(0.7 * 1599), replace=False)
    assert kept.tolist() == published.tolist()
    order = np.arange(506)
    np.random.RandomState(113).shuffle(order)
    assert divide(506, Split(held=102, seed=113), seed=0)[1].tolist() == order[404:].tolist()


@pytest.mark.parametrize(("order", "held"), [("first", [0, 1, 2]), ("last", [7, 8, 9])])
def test_rows_by_their_place(order: str, held: list[int]) -> None:
    kept, found = divide(10, Split(held=3, order=order), seed=0)  # type: ignore[arg-type]
    assert found.tolist() == held
    assert sorted([*kept, *held]) == list(range(10))


@pytest.mark.parametrize("split", [0.01, Split(held=5), Split(held=9)])
def test_no_part_may_be_empty(split: Split | float) -> None:
    with pytest.raises(TrainingError, match="of 5 rows leaves one part empty"):
        divide(5, split, seed=0)


def test_folds_are_consecutive_and_of_one_size() -> None:
    parts = folds(11, 4)
    assert [held.tolist() for _, held in parts] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert all(sorted([*kept, *held]) == list(range(11)) for kept, held in parts)
    with pytest.raises(TrainingError, match="need at least 4 rows, received 3"):
        folds(3, 4)


def test_pictures_keep_their_shape_when_rows_are_taken() -> None:
    from zoo.data.labelled import LabelledRows

    pictures = np.arange(10 * 4 * 4).reshape(10, 4, 4)
    some = LabelledRows(pictures, np.arange(10), "pictures").take(np.array([3, 1]))
    assert some.inputs.shape == (2, 4, 4)
    assert some.labels.tolist() == [3, 1]
    np.testing.assert_array_equal(some.inputs[0], pictures[3])


def test_stratified_folds_are_those_of_scikit_learn() -> None:
    """Published grids were measured on these rows."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    draw = np.random.default_rng(0)
    for _ in range(50):
        rows, count, classes = draw.integers(20, 200), int(draw.integers(2, 8)), draw.integers(1, 4)
        labels = [*draw.integers(0, classes, rows), *[0] * count]
        with warnings.catch_warnings():  # that some class has few rows
            warnings.simplefilter("ignore")
            expected = list(model_selection.StratifiedKFold(count).split(labels, labels))
        for pair, other in zip(stratified_folds(labels, count), expected, strict=True):
            assert [part.tolist() for part in pair] == [part.tolist() for part in other]


def test_several_labels_of_a_row_are_its_class() -> None:
    labels: list[object] = [["a", "b"], ["a"], ["a"], ["a", "b"]]
    for same in (labels, [np.array(row) for row in labels]):
        held = [held.tolist() for _, held in stratified_folds(same, 2)]
        assert held == [[0, 1], [2, 3]]


def test_stratified_folds_need_rows() -> None:
    with pytest.raises(TrainingError, match="3 folds need a class of at least 3 rows"):
        stratified_folds(["a", "b", "a"], 3)


def test_a_stratified_split_holds_out_each_class_in_its_share() -> None:
    """A rare class must be among the held-out rows, or its figures mean nothing."""
    labels = ["a"] * 70 + ["b"] * 20 + ["c"] * 10
    split = Split(held=0.2, order="stratified", seed=1)
    kept, held = divide(100, split, seed=9, labels=labels)
    assert sorted([*kept, *held]) == list(range(100))
    assert {name: sum(labels[row] == name for row in held) for name in "abc"} == {
        "a": 14, "b": 4, "c": 2,
    }  # fmt: skip
    assert divide(100, split, seed=8, labels=np.array(labels))[1].tolist() == held.tolist()
    other = Split(held=0.2, order="stratified", seed=2)
    assert set(divide(100, other, seed=9, labels=labels)[1]) != set(held)
    _, uneven = divide(101, Split(held=33, order="stratified"), seed=0, labels=["x", *labels])
    assert len(set(uneven)) == 33
    with pytest.raises(TrainingError, match="needs the class of every row"):
        divide(100, split, seed=1)


@pytest.mark.parametrize(
    ("cells", "format", "held"),
    [
        (["2024-03-01", "2024-01-01", "2023-12-31", "2024-02-01"], "", [3, 0]),
        (["01.03.2024", "01.01.2024", "31.12.2023", "01.02.2024"], "%d.%m.%Y", [3, 0]),
        ([2020, 2018, "2019", 2021], "", [0, 3]),
        ([dt.date(2024, 3, 1), dt.date(2024, 1, 1), None, "?"], "", [1, 0]),
        (["2024-01-01T10:00", "2024-01-01T09:00", "2024-01-01", ""], "", [1, 0]),
    ],
)
def test_the_latest_rows(cells: list[Any], format: str, held: list[int]) -> None:
    split = Split(held=2, order="last", by="when", format=format)
    train, last = divide(4, split, seed=0, column=cells)
    assert last.tolist() == held
    assert sorted([*train, *last]) == [0, 1, 2, 3]


def test_a_column_without_dates() -> None:
    split = Split(held=2, order="last", by="when")
    with pytest.raises(TrainingError, match="'when' holds no date in any row, received 'x'"):
        divide(4, split, seed=0, column=["x"] * 4)
    with pytest.raises(ValueError, match="order must be first or last"):
        Split(held=2, by="when")
