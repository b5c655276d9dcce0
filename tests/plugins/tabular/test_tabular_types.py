"""The types of columns: features, the saved state, empty and unseen cells, wrong options."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zoo import Component, InputError, Table
from zoo.errors import SpecError
from zoo.parts.construct import construct
from zoo_tabular.columns import Columns


def make(columns: Any, **options: Any) -> Columns:
    component = Component("columns", columns=columns, **options)
    return construct(Columns, component, what="input")


def features(column: Any, train: list[Any], later: list[Any] | None = None, **options: Any) -> Any:
    """Return the features of cells, by a preprocessor that was saved and restored."""
    fitted = make({"a": column}, **options)
    fitted.fit(Table({"a": train}))
    other = make({"a": column}, **options)
    other.restore(json.loads(json.dumps(fitted.state())))
    values, errors = other.many(Table({"a": train if later is None else later}))
    assert values.dtype == np.float32
    assert [str(error) for error in errors if error] == []
    return values.tolist()


def refusal(column: Any, train: list[Any], cell: Any, **options: Any) -> str:
    """Return why a cell is refused."""
    columns = make({"a": column}, **options)
    columns.fit(Table({"a": train}))
    values, errors = columns.many(Table({"a": [cell, train[0]]}))
    assert len(values) == 1
    assert errors[1] is None
    return str(errors[0])


@pytest.mark.parametrize(
    ("options", "cell", "number"),
    [
        ({"decimal": ","}, "-1,5", -1.5),
        ({"thousands": ","}, "1,234,567.5", 1234567.5),
        ({"thousands": ",", "unit": "$"}, "$1,200", 1200),
        ({"thousands": ".", "decimal": ",", "unit": "kg"}, "1.234,5 kg", 1234.5),
        ({"thousands": " "}, "12 000", 12000),
        ({"thousands": ","}, "12", 12),
        ({"unit": "%"}, "12%", 12),
        ({"unit": "%"}, "12", 12),
        ({"decimal": ","}, 1.5, 1.5),
    ],
)
def test_numbers_as_people_write_them(options: dict, cell: object, number: float) -> None:
    assert features({"type": "number", **options}, ["1", "2"], [cell]) == [[number]]


@pytest.mark.parametrize(
    ("options", "cell"),
    [
        ({"decimal": ","}, "1.5"),
        ({"thousands": ","}, "1,23"),
        ({"thousands": ","}, "1,2345"),
        ({"unit": "kg"}, "3 m"),
        ({"decimal": ",", "unit": "kg"}, "kg"),
        ({"unit": "€"}, "€"),
    ],
)
def test_numbers_written_in_another_way(options: dict, cell: str) -> None:
    reason = refusal({"type": "number", **options}, ["1", "2"], cell)
    assert f"column 'a' holds {cell!r}, expected a finite number with" in reason


def test_an_empty_number_has_a_feature_of_its_own() -> None:
    column = {"type": "number", "missing": "own"}
    assert features(column, [1, None, 3]) == [[1, 0], [2, 1], [3, 0]]
    assert features(column, [1, 3], [None]) == [[2]]  # training had none: nothing to learn
    assert features("number", [1, 3], [""], missing="own") == [[2]]
    with pytest.raises(InputError, match="nothing was fitted yet"):
        _ = make({"a": column}).shape


def test_scales_can_differ_between_columns() -> None:
    columns = make({"a": "number", "b": {"type": "number", "scale": "none"}}, scale="min-max")
    table = Table({"a": [0, 10], "b": [5, 7]})
    columns.fit(table)
    assert columns.many(table)[0].tolist() == [[0, 5], [1, 7]]


def test_yes_and_no() -> None:
    cells = ["Yes", "no", "TRUE", False, 1, "0", 1.0]
    assert features("yes-no", cells) == [[1], [0], [1], [0], [1], [0], [1]]
    column = {"type": "yes-no", "yes": ["ja"], "no": ["nein"], "missing": "own"}
    assert features(column, ["Ja", "nein", ""]) == [[1, 0], [0, 0], [0.5, 1]]
    assert refusal(column, ["ja", "nein"], "yes") == "column 'a' holds 'yes', expected nein, ja"


def test_an_order() -> None:
    column = {"type": "ordered", "order": ["low", "medium", "high"]}
    assert features(column, ["low", "HIGH", "medium"]) == [[0], [2], [1]]
    assert features(column, ["low", "high"], scale="min-max") == [[0], [1]]
    reason = refusal(column, ["low", "high"], "hgih")
    assert reason == "column 'a' holds 'hgih', expected low, medium, high. Did you mean 'high'?"
    assert refusal(column, ["low", "high"], "2").startswith("column 'a' holds '2', expected low")
    assert refusal(column, ["low", "high"], "") == "column 'a' is empty, expected a number"


def test_an_unseen_name_can_be_an_empty_cell() -> None:
    column = {"type": "ordered", "order": ["low", "high"], "unseen": "empty", "missing": "own"}
    assert features(column, ["low", "high", "?", ""]) == [[0, 0], [1, 0], [0.5, 1], [0.5, 1]]
    column = {"type": "yes-no", "unseen": "empty"}
    assert features(column, ["yes", "no", "no"], ["maybe", "yes"], missing="median") == [[0], [1]]
    assert refusal(column, ["yes", "no"], "maybe").startswith("column 'a' holds 'maybe', expected")


def test_categories() -> None:
    train = ["b", "a", "b", None]
    own = {"type": "category", "missing": "own", "unseen": "other"}
    assert features(own, train) == [[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert features(own, train, ["c"]) == [[0, 0, 0]]
    assert features(own, ["a", "b"], [""]) == [[0, 0]]
    assert refusal("category", ["a", "b"], "") == "column 'a' is empty, expected a name"
    assert "the unknown name 'c', expected a, b" in refusal("category", ["a", "b"], "c")
    assert features("category", [1.0, 2.0, None], ["1"], missing="own") == [[0, 1, 0]]


def test_rare_names_share_a_feature() -> None:
    train = ["a", "a", "b", "b", "c", "d"]
    column = {"type": "category", "names": 2, "unseen": "other"}
    assert features(column, train, ["a", "b", "c", "d", "e"]) == [
        [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1],
    ]  # fmt: skip
    assert features({"type": "category", "names": 4}, train, ["d"]) == [[0, 0, 0, 1]]


def test_several_names_in_a_cell() -> None:
    column = {"type": "names", "separator": ";", "unseen": "other"}
    assert features(column, ["x; y", "", "y"], ["x;z", "y"]) == [[1, 0], [0, 1]]


def test_dates_are_a_time_and_places_in_periods() -> None:
    cells = ["2024-01-01", "2024-01-01 12:00", "2025-07-02"]
    values = np.array(features("date", cells))
    assert values.shape == (3, 1 + 2 + 2 + 2)
    np.testing.assert_allclose(values[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(values[:, 0].std(), 1, atol=1e-6)
    np.testing.assert_allclose(values[0, 1:3], [0, 1], atol=1e-6)  # the first day of the year
    angle = 2 * np.pi * 182 / 365
    np.testing.assert_allclose(values[2, 1:3], [np.sin(angle), np.cos(angle)], atol=1e-6)
    np.testing.assert_allclose(values[0, 3:5], [0, 1], atol=1e-6)  # a Monday
    np.testing.assert_allclose(values[1, 5:], [0, -1], atol=1e-6)  # noon


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        ("", "2024-02-29"),
        ("", "2024-02-29T00:00:00"),
        ("", dt.date(2024, 2, 29)),
        ("", dt.datetime(2024, 2, 29)),
        ("", pd.Timestamp(2024, 2, 29)),
        ("", np.datetime64("2024-02-29")),
        ("%d.%m.%Y", "29.02.2024"),
        ("%b %d, %Y", " Feb 29, 2024 "),
    ],
)
def test_ways_to_write_a_date(written: str, cell: object) -> None:
    column = {"type": "date", "format": written, "parts": ["month", "day"]}
    expected = [[np.sin(2 * np.pi * 28 / 29), np.cos(2 * np.pi * 28 / 29), 0, 1]]
    np.testing.assert_allclose(features(column, [cell], [cell]), expected, atol=1e-6)


def test_a_date_that_is_none() -> None:
    reason = refusal("date", ["2024-02-29"], "2023-02-29")
    assert reason == "column 'a' holds '2023-02-29', expected a date as ISO 8601 writes it"
    column = {"type": "date", "format": "%d.%m.%Y"}
    assert refusal(column, ["29.02.2024"], "2024-02-29").endswith("a date as %d.%m.%Y")
    assert refusal("date", ["2024-02-29"], None) == "column 'a' is empty, expected a date"


def test_empty_dates() -> None:
    cells = ["2024-01-01", None, "2024-01-03"]
    column = {"type": "date", "parts": ["time"], "missing": "mean"}
    assert features(column, cells)[1] == [0]
    assert features("date", cells, missing="median")[1] == [0, 0, 0]
    own = {"type": "date", "parts": ["time", "week"], "missing": "own"}
    assert features(own, cells)[1] == [0, 0, 0, 1]
    assert np.array(features(own, cells))[[0, 2], 3].tolist() == [0, 0]


def test_times_of_the_day() -> None:
    values = features("time", ["00:00", "06:00", "12:00:00", dt.time(18)])
    np.testing.assert_allclose(values, [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-6)
    column = {"type": "time", "format": "%I:%M %p", "missing": "own"}
    np.testing.assert_allclose(
        features(column, ["6:00 PM", ""]), [[-1, 0, 0], [0, 0, 1]], atol=1e-6
    )
    assert refusal("time", ["12:00"], "25:00").endswith("a time as ISO 8601 writes it")


def test_texts() -> None:
    cells = ["A good film", "good, good!", "a bad one", ""]
    counts = features({"type": "text", "weighting": "counts"}, cells)
    assert counts == [[1, 1], [0, 2], [1, 0], [0, 0]]  # "a" and "good" are in two rows
    presence = features({"type": "text", "weighting": "presence", "words": 1}, cells, ["a a", "b"])
    assert presence == [[1], [0]]
    rare = np.array(features("text", cells))
    np.testing.assert_allclose(np.linalg.norm(rare, axis=1), [1, 1, 1, 0], rtol=1e-6)


def test_words_weigh_as_in_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    cells = ["one two two", "two three", "three one one four", "two", "four three three"]
    expected = TfidfVectorizer(min_df=2).fit_transform(cells).toarray()
    columns = make({"a": "text"})
    columns.fit(Table({"a": cells}))
    ours = columns.many(Table({"a": cells}))[0]
    words = list(columns.state()["learnt"]["a"]["words"])
    order = [words.index(word) for word in sorted(words)]
    np.testing.assert_allclose(ours[:, order], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("column", "cells", "text"),
    [
        ("number", ["", None], "holds no number"),
        ("date", ["", None], "holds no date"),
        ("time", ["x"], "holds no time"),
        ("category", ["", None], "holds 0 different names"),
        ("text", ["one", "two"], "holds no word that occurs in two"),
    ],
)
def test_nothing_to_learn_from(column: str, cells: list[Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        make({"a": column}, missing="mean").fit(Table({"a": cells}))


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"a": "ordered"}, "the type of column 'a' needs its names from low to high: "),
        ({"a": "numbr"}, "input.columns.a: expected one of number, yes-no, ordered, category, "
         "names, date, time, text, received 'numbr'. Did you mean 'number'?"),
        ({"a": {"type": "catgory"}}, "input.columns.a.type: expected one of number, yes-no, "
         "ordered, category, names, date, time, text, received 'catgory'. "
         "Did you mean 'category'?"),
        ({"a": {"type": "category", "mising": "own"}},
         "input.columns.a: there is no option 'mising'. Did you mean 'missing'?"),
        ({"a": {"type": "number", "missing": "men"}},
         "input.columns.a.missing: expected one of error, mean, median, own, received 'men'. "
         "Did you mean 'mean'?"),
        ({"a": {"type": "date", "parts": ["time", "yaer"]}},
         "input.columns.a.parts: expected one of time, year, month, week, day, received 'yaer'. "
         "Did you mean 'year'?"),
        ({"a": {"type": "ordered"}}, "input.columns.a: the option 'order' is missing"),
        ({"a": {"type": "ordered", "order": ["x"]}},
         "input.columns.a.order: expected `array` of length >= 2, received ['x']"),
        ({"a": {"type": "text", "words": 0}}, "input.columns.a.words: expected `int` >= 1"),
        ({"a": {"type": "number", "decimal": ",", "thousands": ","}}, "must differ"),
        ({"a": {"missing": "own"}}, "input.columns.a.type: expected one of"),
        ({}, "columns must be different names, at least one"),
    ],
)  # fmt: skip
def test_wrong_options(columns: Any, text: str) -> None:
    with pytest.raises(SpecError) as caught:
        make(columns)
    assert text in str(caught.value)


def test_types_and_lists_of_names_do_not_mix() -> None:
    with pytest.raises(SpecError, match="columns has a type for each column"):
        make({"a": "number"}, one_hot=["a"])
