"""Rows to numbers: fitting, the saved state, and errors for bad cells."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import Component, InputError, Table
from zoo.data.table import read_csv
from zoo_tabular import names
from zoo_tabular.columns import Columns
from zoo_tabular.numbers import encode_plain


def fitted(train: Table, **options: object) -> Columns:
    columns = Columns(**options)  # type: ignore[arg-type]
    columns.fit(train)
    return columns


def moved(columns: Columns, **options: object) -> Columns:
    """Return the same preprocessor on another machine: made by its options and its state."""
    other = Columns(**options)  # type: ignore[arg-type]
    other.restore(json.loads(json.dumps(columns.state())))
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


@pytest.mark.parametrize("scale", ["standard", "min-max"])
@pytest.mark.parametrize("cell", [0.1, 1e-30, 3e38, 0])
def test_a_constant_column_is_zero(scale: str, cell: float) -> None:
    """The mean of equal numbers is not always that number: their deviation is no divisor."""
    columns = fitted(Table({"a": [cell] * 11}), scale=scale)
    assert columns.many(Table({"a": [cell, 7]}))[0].tolist() == [[0], [0]]


@pytest.mark.parametrize("scale", ["standard", "min-max"])
def test_large_numbers_that_differ_little_keep_their_differences(scale: str) -> None:
    """Times in seconds: float32 alone would take them for equal."""
    train = Table({"time": [1_700_000_000 + second for second in range(5)]})
    values = fitted(train, scale=scale).many(train)[0][:, 0]
    steps = np.diff(values)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-5)
    assert steps[0] > 0.2


def test_the_scale_is_that_of_the_rows_trained_on(tmp_path: Any) -> None:
    """Neither held-out rows nor those of another fold have a say."""
    rows = [{"a": number, "y": 2 * number} for number in range(20)]
    spec = zoo.ModelSpec(
        name="fold",
        task="tabular-regression",
        architecture=Component("mlp", hidden=[]),
        input=Component("columns", scale="min-max"),
        output=Component("value", scale="min-max"),
        training=zoo.Training(loss="mse", validation=zoo.Split(held=8, order="last"), folds=2),  # type: ignore[arg-type]
    )
    run = zoo.train(spec, rows, target="y", seed=1, output=tmp_path / "run")
    for path, low, high in ((run.path / "fold-1", 10, 19), (run.path / "fold-2", 0, 9)):
        model = zoo.load(path)
        inputs, _ = model.preprocessor.many(Table({"a": [low, high]}))
        targets, _ = model.decoder.encode([2 * low, 2 * high])
        assert inputs.ravel().tolist() == targets.ravel().tolist() == [0, 1]


def test_filled_cells_count_in_the_scale() -> None:
    train = Table({"a": ["0", "", "4"]})
    assert fitted(train, missing="mean", scale="min-max").many(train)[0].ravel().tolist() == [
        0, 0.5, 1,
    ]  # fmt: skip


def test_a_text_may_mark_an_empty_cell() -> None:
    train = read_csv(io.StringIO("a;kind\n1;x\n?;y\n3; ?\n"))
    options: dict[str, object] = {"missing": "median", "markers": ["?", "-1"], "one_hot": ["kind"]}
    columns = fitted(train, **options)
    values, errors = columns.many(train)
    assert values.tolist() == [[1, 1, 0], [2, 0, 1]]
    assert str(errors[2]) == "column 'kind' is empty, expected a name"
    assert columns.many(Table({"a": [-1], "kind": ["x"]}))[0][0, 0] == 2


def test_what_frames_hold_for_nothing_is_empty() -> None:
    columns = fitted(Table({"a": [1.0, float("nan"), None, 5.0]}), missing="mean")
    assert columns.many(Table({"a": [float("nan"), "nan", 4]}))[0].ravel().tolist() == [3, 4]


def test_a_number_that_is_none_costs_its_row() -> None:
    table = read_csv(io.StringIO("a,b\n1,2\n1,nan\ninf,2\n1\n1e39,2\n,2\n3,4\n"))
    columns = fitted(table, missing="error")
    values, errors = columns.many(table)
    assert values.tolist() == [[1, 2], [3, 4]]
    assert [str(error) for error in errors[1:-1]] == [
        "column 'b' holds 'nan', expected a finite number",
        "column 'a' holds 'inf', expected a finite number",
        "has 1 cells, the header has 2",
        "column 'a' holds '1e39', expected a finite number",
        "column 'a' is empty, expected a number",
    ]
    _, (error,) = columns.many([{"a": 10**400, "b": 1}])  # JSON has such numbers
    assert "expected a finite number" in str(error)
    _, (error, _) = columns.many([{"a": [1], "b": 1}, {"a": [2], "b": 1}])
    assert str(error) == "column 'a' holds [1], expected a finite number"


def test_a_misspelt_name_has_a_suggestion() -> None:
    columns = fitted(
        Table({"kind": ["circle", "square"], "size": ["small", "large"]}),
        one_hot=["kind"], maps={"size": {"small": 0, "large": 1}},
    )  # fmt: skip
    _, errors = columns.many(
        Table({"kind": ["sqare", "circle"], "size": ["large", "smal"]}),
    )
    assert [str(error) for error in errors] == [
        "column 'kind' holds the unknown name 'sqare', expected circle, square. "
        "Did you mean 'square'?",
        "column 'size' holds 'smal', expected small, large. Did you mean 'small'?",
    ]


def test_names_are_not_scaled_and_numbers_may_be_names() -> None:
    train = Table({"a": [1.0, 3.0], "code": ["7", 7.0], "day": [1, 2]})
    columns = fitted(train, scale="standard", one_hot=["code", "day"])
    assert columns.many(train)[0].tolist() == [[-1, 1, 1, 0], [1, 1, 0, 1]]


@pytest.mark.parametrize("option", ["drop", "one_hot", "multi_hot", "maps"])
def test_a_column_that_the_table_does_not_have_is_told(option: str) -> None:
    value = {"weihgt": {}} if option == "maps" else ["weihgt"]
    with pytest.raises(InputError, match=r"column 'weihgt' is missing.*Did you mean 'weight'"):
        fitted(Table({"weight": [1], "height": [2]}), **{option: value})


def test_a_column_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="must name different columns, received"):
        Columns(one_hot=["a"], maps={"a": {}})


def test_an_identifier_is_no_set_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 3)
    with pytest.raises(InputError, match=r"'id' holds 4 different names .*, expected 1 to 3"):
        fitted(Table({"id": list("abcd")}), one_hot=["id"])


def test_nothing_to_learn_from() -> None:
    with pytest.raises(InputError, match="column 'a' holds no number in the training rows"):
        fitted(Table({"a": ["x", ""]}), scale="standard")


@pytest.mark.parametrize("options", [{"scale": "standard"}, {"missing": "mean"}])
def test_what_is_learnt_is_not_guessed(options: Any) -> None:
    """Weights without the ranges they were trained with would answer, and wrongly."""
    columns = Columns(columns=["a"], **options)
    assert columns.shape == (1,)  # the network can be described before
    with pytest.raises(InputError, match="nothing was fitted yet"):
        columns.many(Table({"a": [1]}))


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


@pytest.mark.parametrize("cell", ["1_000", "\u0661", "inf", "Infinity", "NaN", "0x1"])
def test_what_only_python_takes_for_a_number_is_none(cell: str) -> None:
    columns = fitted(Table({"a": ["1", "2"]}), scale="standard")
    values, errors = columns.many(Table({"a": ["1", cell, "2"]}))
    assert len(values) == 2
    assert [error and error.kind for error in errors] == [None, "bad-row", None]
    assert cell in errors[1].message


@pytest.mark.parametrize("scale", ["none", "standard", "min-max"])
@pytest.mark.parametrize("rows", [1, 3])
def test_columns_read_at_once_are_those_read_one_by_one(
    scale: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = Columns(["a", "b"], scale=scale)
    columns.fit(Table({"a": [0.1, 7, -3], "b": ["1e3", "2", " 5 "]}))
    table = Table({"a": [1 / 3, 2, True][:rows], "b": ["0.7", "-4", "1e-30"][:rows]})
    together, errors = columns.many(table)
    assert encode_plain(table, columns._encoders) is not None
    monkeypatch.setattr("zoo_tabular.columns.encode_plain", lambda table, encoders: None)
    one_by_one, others = columns.many(table)
    assert together.dtype == one_by_one.dtype == np.float32
    assert together.flags.c_contiguous
    assert together.tobytes() == one_by_one.tobytes()
    assert errors == others == [None] * rows


def test_the_largest_number_is_that_of_the_network() -> None:
    """Halfway to the next power of two a number becomes infinite."""
    columns = Columns(["a"])
    largest = float(np.nextafter(2.0**128 - 2.0**103, 0))
    values, errors = columns.many(Table({"a": [largest, -largest, 2.0**128 - 2.0**103]}))
    limit = np.finfo(np.float32).max
    assert values.tolist() == [[limit], [-limit]]
    assert [error is None for error in errors] == [True, True, False]
