"""Rows to numbers: what is fitted, what travels, what a bad cell says."""

from __future__ import annotations

import numpy as np
import pytest

from zoo import InputError, Table
from zoo_tabular.columns import Columns


def fitted(train: Table, **options: object) -> Columns:
    columns = Columns(**options)  # type: ignore[arg-type]
    columns.fit(train)
    return columns


def moved(columns: Columns, **options: object) -> Columns:
    """Return the same preprocessor on another machine: made by its options and its state."""
    other = Columns(**options)  # type: ignore[arg-type]
    other.restore(columns.state())
    return other


@pytest.mark.parametrize("scale", ["standard", "min-max"])
def test_scales_are_those_of_the_training_rows(scale: str) -> None:
    train = Table({"a": [1.0, 2.0, 3.0], "b": ["10", "30", "20"], "constant": [7, 7, 7]})
    columns = fitted(train, scale=scale)
    values, _ = columns.many(train)
    if scale == "standard":
        np.testing.assert_allclose(values[:, :2].mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(values[:, :2].std(axis=0), 1, atol=1e-6)
    else:
        assert values[:, :2].min(axis=0).tolist() == [0, 0]
        assert values[:, :2].max(axis=0).tolist() == [1, 1]
    assert values[:, 2].tolist() == [0, 0, 0]
    later = Table({"constant": [8], "b": [50], "a": [5]})
    expected = columns.many(later)[0]
    np.testing.assert_array_equal(moved(columns, scale=scale).many(later)[0], expected)
    assert expected[0, 1] > values[:, 1].max()


@pytest.mark.parametrize(("missing", "value"), [("mean", 4.0), ("median", 2.0)])
def test_empty_cells_are_filled_from_training(missing: str, value: float) -> None:
    train = Table({"a": ["1", "", "2", "9", "-1", None]})
    columns = fitted(train, missing=missing, markers=[-1.0])
    assert columns.many(train)[0][:, 0].tolist() == [1, value, 2, 9, value, value]
    values, errors = columns.many(Table({"a": ["", "x"]}))
    assert values.tolist() == [[value]]
    assert str(errors[1]) == "column 'a' holds 'x', expected a finite number"


def test_a_marker_is_an_empty_cell() -> None:
    _, errors = fitted(Table({"a": [1, 2]}), markers=[-1.0]).many(Table({"a": [1, -1]}))
    assert str(errors[1]) == "column 'a' is empty, expected a number"


def test_names_become_columns() -> None:
    train = Table({"size": [1, 2, 3], "kind": ["b", "a", "b"], "tags": ["x/y", "", " y / z"]})
    options = {"one_hot": ["kind"], "multi_hot": ["tags"]}
    columns = fitted(train, **options)
    assert columns.shape == (1 + 2 + 3,)
    assert columns.many(train)[0].tolist() == [
        [1, 0, 1, 1, 1, 0],
        [2, 1, 0, 0, 0, 0],
        [3, 0, 1, 0, 1, 1],
    ]
    other = moved(columns, **options)
    assert other.shape == columns.shape
    values, errors = other.many(Table({"size": [1, 1], "kind": ["c", "a"], "tags": ["", "q"]}))
    assert len(values) == 0
    assert str(errors[0]) == "column 'kind' holds the unknown name 'c', expected a, b"
    assert str(errors[1]) == "column 'tags' holds the unknown name 'q', expected x, y, z"


def test_texts_may_stand_for_numbers() -> None:
    columns = fitted(Table({"a": ["low", "high"]}), maps={"a": {"low": 0, "high": 2}})
    values, errors = columns.many(Table({"a": ["high", " low ", "1", "middle"]}))
    assert values[:, 0].tolist() == [2, 0, 1]
    assert errors[3] is not None


def test_columns_are_learnt_or_dropped() -> None:
    columns = fitted(Table({"a": [1], "b": [2], "c": [3]}), drop=["b"])
    assert columns.columns == ["a", "c"]
    assert columns.one({"c": 5, "a": 4, "more": "x"}).tolist() == [4, 5]
    with pytest.raises(InputError, match="column 'c' is missing"):
        columns.many(Table({"a": [1]}))
    with pytest.raises(InputError, match="nothing was fitted yet"):
        _ = Columns().shape


def test_the_targets_scale_is_undone() -> None:
    from zoo.decoders import Value

    for scale in ("min-max", "standard"):
        decoder = Value(scale=scale)  # type: ignore[arg-type]
        decoder.fit([3, 5, 8])
        targets, _ = decoder.encode([3, 5, 8])
        assert abs(float(targets.mean())) < 0.5
        other = Value(scale=scale)  # type: ignore[arg-type]
        other.restore(decoder.state())
        assert other.decode(targets) == pytest.approx([3, 5, 8], abs=1e-5)
