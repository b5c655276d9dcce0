"""The search space: values from the command line, grids, random draws."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.errors import UsageError
from zoo.tuning.space import Range, Space, format_value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("rmsprop,adam", ["rmsprop", "adam"]),
        ("50, 100,150", [50, 100, 150]),
        ("0.1,1e-3", [0.1, 0.001]),
        ("[16],[32, 16]", [[16], [32, 16]]),
        ("true,false", [True, False]),
        ('{uses = "sgd", momentum = 0.9},adam', [{"uses": "sgd", "momentum": 0.9}, "adam"]),
        (
            "{uses='sgd', learning_rate={uses='cosine_decay', alpha=0.1}},adam",
            [{"uses": "sgd", "learning_rate": {"uses": "cosine_decay", "alpha": 0.1}}, "adam"],
        ),
        ('"a,b",c', ["a,b", "c"]),
        ("1..8", Range(1, 8)),
        ("0.0001..0.1:log", Range(0.0001, 0.1, log=True)),
        ("a..b", ["a..b"]),
    ],
)
def test_values_from_text(text: str, values: Any) -> None:
    assert Space({"key": text}).axes["key"] == values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([16, 8], "[16,8]"), (True, "true"), (0.1, "0.1"), ("adam", "adam"),
        (
            {"uses": "sgd", "learning_rate": {"uses": "cosine_decay", "alpha": 0.1}},
            "{uses='sgd',learning_rate={uses='cosine_decay',alpha=0.1}}",
        ),
    ],
)  # fmt: skip
def test_values_are_shown_as_they_are_set(value: Any, text: str) -> None:
    assert format_value(value) == text
    assert Space({"key": text}).axes["key"] == [value]


def test_every_combination_once() -> None:
    space = Space({"a": [1, 2], "b": "x,y,z"})
    found = list(space.all())
    assert found[0] == {"a": 1, "b": "x"}
    assert found[1] == {"a": 1, "b": "y"}
    assert len(found) == len(space) == len({str(settings) for settings in found}) == 6


def test_draws_are_different_and_repeatable() -> None:
    space = Space({"a": list(range(50)), "b": list(range(40))})
    drawn = space.draw(30, 7)
    assert drawn == space.draw(30, 7)
    assert drawn != space.draw(30, 8)
    assert len({str(settings) for settings in drawn}) == 30
    assert all(settings in list(space.all()) for settings in drawn)
    assert Space({"a": [1, 2]}).draw(9, 0) == [{"a": 1}, {"a": 2}]


def test_ranges_are_drawn_from() -> None:
    space = Space({"rate": "0.0001..0.1:log", "units": "4..64", "optimizer": "sgd,adam"})
    drawn = space.draw(200, 1)
    rates = [settings["rate"] for settings in drawn]
    assert all(0.0001 <= rate <= 0.1 for rate in rates)
    assert 0.3 < sum(rate < 0.00316 for rate in rates) / 200 < 0.7  # half of them by power of ten
    assert {type(settings["units"]) for settings in drawn} == {int}
    assert {settings["optimizer"] for settings in drawn} == {"sgd", "adam"}


@pytest.mark.parametrize(
    ("grid", "text"),
    [
        ({}, "nothing to try"),
        ({"epochs": ""}, "epochs: no values to try"),
        ({"rate": "0.1..0.01"}, r"0\.1\.\.0\.01: the start of a range must be below its end"),
        ({"rate": "0..1:log"}, "above 0"),
    ],
)
def test_what_is_no_space(grid: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Space(grid)


def test_a_range_is_not_tried_whole() -> None:
    with pytest.raises(UsageError, match=r"rate=0\.1\.\.1: cannot try every value of a range"):
        list(Space({"rate": "0.1..1"}).all())
    huge = Space({key: list(range(100)) for key in "abc"})
    with pytest.raises(UsageError, match="1,000,000 combinations, at most 100,000"):
        next(huge.all())
