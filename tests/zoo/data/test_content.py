"""The hash of a dataset's content: the same for every container, different for other content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo import Table
from zoo.data.labelled import hash_arrays, hash_table
from zoo.data.table import stream_csv

ARRAYS = {"x": np.arange(6).reshape(2, 3), "y": np.array([0.5, 1.0])}
HASH = hash_arrays(ARRAYS)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": ARRAYS["x"].astype("uint8"), "y": ARRAYS["y"]},
        {"x": ARRAYS["x"].astype(">i8"), "y": ARRAYS["y"].astype("float32")},
        {"y": ARRAYS["y"].astype("float16"), "x": np.asfortranarray(ARRAYS["x"])},
        {"x": np.repeat(ARRAYS["x"], 2, axis=1)[:, ::2], "y": ARRAYS["y"][::-1][::-1]},
    ],
)
def test_how_arrays_are_stored_does_not_count(arrays: dict[str, Any]) -> None:
    assert hash_arrays(arrays) == HASH


def test_the_room_for_a_text_does_not_count() -> None:
    texts = np.array(["a", "bee"])
    assert hash_arrays({"y": texts}) == hash_arrays({"y": texts.astype(">U9")})
    assert hash_arrays({"y": texts}) != hash_arrays({"y": np.array(["a", "bees"])})


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": ARRAYS["x"], "z": ARRAYS["y"]},
        {"x": ARRAYS["x"].reshape(3, 2), "y": ARRAYS["y"]},
        {"x": ARRAYS["x"] + 1, "y": ARRAYS["y"]},
        {"x": -ARRAYS["x"], "y": ARRAYS["y"]},
        {"x": ARRAYS["x"].astype(float), "y": ARRAYS["y"]},
        {"x": ARRAYS["x"]},
        {},
    ],
)
def test_names_shapes_and_values_count(arrays: dict[str, Any]) -> None:
    assert hash_arrays(arrays) != HASH


def test_empty_and_signed_arrays() -> None:
    assert hash_arrays({"x": np.zeros(0, "i8")}) == hash_arrays({"x": np.zeros(0, "u1")})
    assert hash_arrays({"x": np.array([-1, 200])}) == hash_arrays({"x": np.array([-1, 200], "i2")})


CSV = "name,a,b\nfirst one,1,0.50\nsecond,-2,\n"


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", "|"),
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        CSV.replace("0.50", "5e-1").replace("1,", "1.0,"),
        CSV.replace("first one", '" first one "'),
        CSV.rstrip("\n"),
    ],
)
def test_how_a_table_is_written_does_not_count(text: str, tmp_path: Path) -> None:
    def hashed(written: str) -> str:
        (tmp_path / "x.csv").write_text(written, encoding="utf-8", newline="")
        return hash_table(stream_csv(tmp_path / "x.csv", 1))

    assert hashed(text) == hashed(CSV)
    assert hashed(text.replace("-2", "-3")) != hashed(CSV)


def test_pieces_of_a_table_are_one_table() -> None:
    whole = Table({"a": [1, 2, 3], "b": ["x", "y", None]})
    pieces = [whole[:1], whole[1:]]
    assert hash_table([whole]) == hash_table(pieces)
    assert hash_table([whole]) != hash_table(reversed(pieces))


def test_one_cell_is_not_two() -> None:
    """A cell cannot hold what would pass for the end of it."""
    table = hash_table([Table({"a": [1.0], "b": [2.0]})])
    assert hash_table([Table({"a\x1fb": ["1.0\x1f2.0"]})]) != table
    rows = hash_table([Table({"a": ["x", "y"]})])
    assert hash_table([Table({"a": ["x\ny"]})]) != rows
