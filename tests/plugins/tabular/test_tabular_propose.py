"""What a column is taken for, by its cells."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from zoo import Table
from zoo_tabular.columns import Columns

N = 200
CHANCE = random.Random(1)


def choice(cells: list[Any], name: str = "a") -> Any:
    """Return the type proposed for a column, its options, and the reason."""
    other = [CHANCE.random() for _ in cells]
    options = Columns.propose(
        Table({name: cells, "other": other}), [CHANCE.random() for _ in cells]
    )
    return options["columns"].value[name]


def some(*names: Any, count: int = N) -> list[Any]:
    """Return names in random order, each of them at least once."""
    return [*names, *(CHANCE.choice(names) for _ in range(count - len(names)))]


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ([f"{CHANCE.gauss(0, 1):.3f}" for _ in range(N)], "number"),
        ([CHANCE.randint(0, 500) for _ in range(N)], "number"),
        (["5", "1e3", " 2 ", *["7"] * 30], "number"),
        ([1.5, None, 2.5, float("nan")] * 50, {"type": "number", "missing": "own"}),
        (["1,5", "2,25", "3"] * 60, {"type": "number", "decimal": ","}),
        (["1,500", "2,250,000", "3"] * 60, {"type": "number", "thousands": ","}),
        (["$1,500.5", "$3", "$12"] * 60, {"type": "number", "thousands": ",", "unit": "$"}),
        (["1.500,5 €", "3 €", "12,1 €"] * 60,
         {"type": "number", "decimal": ",", "thousands": ".", "unit": "€"}),
        (["12%", "7%", "99%"] * 60, {"type": "number", "unit": "%"}),
        (["12 000", "7 150", "99"] * 60, {"type": "number", "thousands": " "}),
        (["yes", "no"] * N, {"type": "yes-no", "unseen": "empty"}),
        (["TRUE", "FALSE", None] * N, {"type": "yes-no", "unseen": "empty"}),
        ([True, False] * N, {"type": "yes-no", "unseen": "empty"}),
        ([0, 1, 1] * N, {"type": "yes-no", "unseen": "empty"}),
        (["ja", "nein"] * N, {"type": "yes-no", "yes": ["ja"], "no": ["nein"], "unseen": "empty"}),
        (some("red", "green", "blue"), {"type": "category", "unseen": "other", "missing": "own"}),
        (some("001", "002", "003"), {"type": "category", "unseen": "other", "missing": "own"}),
        (some("Medium", "High", "Low"),
         {"type": "ordered", "order": ["Low", "Medium", "High"], "unseen": "empty"}),
        (some("S", "M", "XL"), {"type": "ordered", "order": ["S", "M", "XL"], "unseen": "empty"}),
        (some("a;b", "b", "a;c", ""), {"type": "names", "separator": ";", "unseen": "other"}),
        (["2024-01-15", "2023-12-31"] * N, "date"),
        (["2024-01-15 12:30:00", "2023-12-31T23:59"] * N, "date"),
        ([dt.date(2024, 1, 15), dt.date(2023, 12, 31)] * N, "date"),
        (["31.12.2023", "15.01.2024"] * N, {"type": "date", "format": "%d.%m.%Y"}),
        (["12/31/2023", "01/15/2024"] * N, {"type": "date", "format": "%m/%d/%Y"}),
        (["31/12/2023 10:15", "15/01/2024 08:00"] * N,
         {"type": "date", "format": "%d/%m/%Y %H:%M"}),
        (["Dec 31, 2023", "Jan 15, 2024"] * N, {"type": "date", "format": "%b %d, %Y"}),
        (["2024-01-15", ""] * N, {"type": "date", "missing": "own"}),
        (["12:30", "07:00:15"] * N, "time"),
        (["1:30 PM", "7:00 AM"] * N, {"type": "time", "format": "%I:%M %p"}),
        ([f"the {CHANCE.choice('abcdef')} film was {n} and good" for n in range(N)], "text"),
        ([f"user{n}" for n in range(N)], None),
        ([""] * N, None),
        (["same"] * N, None),
    ],
)  # fmt: skip
def test_the_type_of_a_column(cells: list[Any], value: Any) -> None:
    proposed = choice(cells)
    assert proposed.value == value
    assert proposed.reason


@pytest.mark.parametrize("name", ["id", "customer_id", "ID", "zip code"])
def test_what_numbers_the_rows_is_left_out(name: str) -> None:
    cells = list(range(N))
    CHANCE.shuffle(cells)
    assert choice(cells, name).value is None
    assert choice(cells, "amount").value == "number"


def test_rows_in_order_are_numbered() -> None:
    assert choice(list(range(1, N + 1))).value is None
    assert choice([place * place for place in range(N)]).value == "number"
    assert choice([0.5 * place for place in range(N)]).value == "number"


def test_the_only_column_stays() -> None:
    numbers = list(range(N))
    columns = Columns.propose(Table({"a": numbers}), [CHANCE.random() for _ in numbers])["columns"]
    assert columns.value["a"].value == "number"
    columns = Columns.propose(Table({"a": numbers, "b": ["x"] * N}), numbers)["columns"]
    assert columns.value["a"].value == "number"
    assert columns.value["b"].value is None


def test_a_marker_of_another_guess_is_forgotten() -> None:
    """The column looks like numbers at first, but has a code with a zero in front."""
    cells = [*some("007", "12", "15"), "unknown"]
    options = Columns.propose(Table({"a": cells, "b": range(N + 1)}), [0, *range(N)])
    assert options["columns"].value["a"].value["type"] == "category"
    assert "markers" not in options


def test_codes_are_categories() -> None:
    proposed = choice(some(10115, 10117, 80331), "zip")
    assert proposed.value == {"type": "category", "unseen": "other", "missing": "own"}


def test_many_names_share_a_feature() -> None:
    proposed = choice(some(*(f"n{place}" for place in range(80)), count=2000))
    assert proposed.value["names"] == 50


def test_texts_among_numbers_are_empty_cells() -> None:
    options = Columns.propose(
        Table({"a": [*range(N), "unknown", "?"], "b": range(N + 2)}), [0] * (N + 2)
    )
    assert options["columns"].value["a"].value == "number"
    assert options["markers"].value == ["unknown", "?"]


def test_twins_and_giveaways_are_left_out() -> None:
    target = some("cat", "dog")
    table = Table(
        {
            "a": [CHANCE.random() for _ in target],
            "code": [{"cat": 7, "dog": 9}[label] for label in target],
            "hint": [label if CHANCE.random() < 0.9 else "?" for label in target],
        }
    )
    table.columns["again"] = list(table.columns["a"])
    columns = Columns.propose(table, target)["columns"].value
    assert columns["code"].reason == "left out: it is the target in other words"
    assert columns["again"].reason == "left out: its cells are those of a"
    assert None not in (columns["a"].value, columns["hint"].value)


def test_a_number_that_gives_the_target_away() -> None:
    target = [CHANCE.random() for _ in range(N)]
    table = Table({"a": [f"{3 * value + 1}" for value in target], "b": [v**2 for v in target]})
    columns = Columns.propose(table, target)["columns"].value
    assert columns["a"].value is None
    assert columns["b"].value == "number"
