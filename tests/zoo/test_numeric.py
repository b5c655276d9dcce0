"""Figures in JSON: never NaN or Infinity, which are not valid JSON."""

from __future__ import annotations

import json
import math
from math import inf, isnan, nan

import pytest

from zoo.numeric import deviation, number_of, replace_nonfinite, to_json


def test_what_is_not_finite_is_null() -> None:
    text = to_json({"a": nan, "b": [1.5, -inf], "c": ("x", None, 2)}, indent=1)
    assert json.loads(text) == {"a": None, "b": [1.5, None], "c": ["x", None, 2]}
    assert to_json({"ü": 1.5}, ensure_ascii=False) == '{"ü": 1.5}'


def test_null_is_read_as_a_figure_that_is_not_finite() -> None:
    """So are the files of earlier versions, which hold NaN itself."""
    for text in ('{"train": {"loss": null, "loss_each": [1, null]}}',
                 '{"train": {"loss": NaN, "loss_each": [1, NaN]}}'):  # fmt: skip
        read = replace_nonfinite(json.loads(text), nan)["train"]
        assert isnan(read["loss"])
        assert read["loss_each"][0] == 1
        assert isnan(read["loss_each"][1])


def test_the_deviation_of_figures() -> None:
    assert deviation([1.0, 3.0]) == pytest.approx(2**0.5)
    assert isnan(deviation([1.0, nan]))
    assert isnan(deviation([1.0, inf]))


def test_what_could_change_a_terminal_is_escaped_and_read_back() -> None:
    unsafe = [*range(32), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029,
              *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xD800, 0xDFFF, 0xDCFF]  # fmt: skip
    for code in unsafe:
        for ascii_only in (False, True):
            text = to_json({chr(code): [chr(code)]}, ensure_ascii=ascii_only)
            assert chr(code) not in text, hex(code)
            assert json.loads(text) == {chr(code): [chr(code)]}
    plain = "ü日😀\u200d\u00a0\\u202e"  # what is no danger stays
    assert to_json([plain], ensure_ascii=False) == f'["{plain}"]'.replace("\\", "\\\\")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1", 1.0), (" +1.5e-3 ", 0.0015), (".5", 0.5), ("2.", 2.0), ("1e400", math.inf), (3, 3.0)],
)
def test_a_cell_that_holds_a_number(cell: object, number: float) -> None:
    assert number_of(cell) == number


@pytest.mark.parametrize(
    "cell",
    [
        "1_000",
        "\u0661\u0662",
        "\uff11",
        "infinity",
        "-inf",
        "nan",
        "0x10",
        "1 2",
        "--1",
        "",
        "e",
        None,
    ],
)
def test_a_cell_that_holds_none(cell: object) -> None:
    assert math.isnan(number_of(cell))
