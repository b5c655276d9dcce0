"""The plot of a tuning: every combination of a grid, or one line per configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from zoo.tuning.picture import draw


def write(folder: Path, grid: dict[str, Any], values: list[tuple[dict[str, Any], float]]) -> Path:
    search = "all" if all(isinstance(axis, list) for axis in grid.values()) else "random 9"
    record = {
        "identity": {"spec": {"name": "mlp-x"}, "grid": grid, "folds": 3, "search": search},
        "metric": "accuracy",
        "results": [
            {"settings": settings, "figures": {"accuracy": [value]}, "epochs": None}
            for settings, value in values
        ],
    }
    (folder / "tune.json").write_text(json.dumps(record))
    return folder


def test_a_grid_is_a_heat_map(tmp_path: Path, texts: Callable[[Path], list[str]]) -> None:
    grid = {"optimizer": ["sgd", "adam"], "hidden": [[16], [32, 16]]}
    cells = [
        ({"optimizer": optimizer, "hidden": hidden}, 0.5 + 0.1 * i + 0.01 * j)
        for i, optimizer in enumerate(grid["optimizer"])
        for j, hidden in enumerate(grid["hidden"])
    ]
    shown = texts(draw(write(tmp_path, grid, cells), tmp_path / "x.svg"))
    assert {"0.500", "0.510", "0.600", "0.610", "sgd", "adam", "16", "32-16"} <= set(shown)
    assert "mlp-x: mean accuracy of 3 folds" in shown
    assert {"optimizer", "hidden", "accuracy"} <= set(shown)


def test_a_figure_that_is_no_number_leaves_its_cell_empty(
    tmp_path: Path, texts: Callable[[Path], list[str]]
) -> None:
    """In the file it is null."""
    write(tmp_path, {"epochs": [1, 2]}, [({"epochs": 1}, 0.75)])
    record = json.loads((tmp_path / "tune.json").read_text())
    lost = {"settings": {"epochs": 2}, "figures": {"accuracy": [0.5, None]}, "epochs": None}
    record["results"].append(lost)
    (tmp_path / "tune.json").write_text(json.dumps(record))
    shown = texts(draw(tmp_path, tmp_path / "x.svg"))
    assert "0.750" in shown
    assert not {"0.500", "0.250", "nan"} & set(shown)


@pytest.mark.parametrize("grid", [{"epochs": [1, 2, 3]}, {"epochs": [1, 2], "units": [3]}])
def test_small_grids_are_drawn(
    tmp_path: Path, grid: dict[str, Any], size: Callable[[Path], tuple[int, int]]
) -> None:
    cells = [({"epochs": epochs, **({"units": 3} if "units" in grid else {})}, 0.5)
             for epochs in grid["epochs"]]  # fmt: skip
    assert size(draw(write(tmp_path, grid, cells)))[0] > 300


def test_draws_are_lines(tmp_path: Path, texts: Callable[[Path], list[str]]) -> None:
    grid = {"rate": "0.0001..0.1:log", "optimizer": ["sgd", "adam"]}
    lines = [({"rate": 0.0001 * 2**i, "optimizer": "sgd" if i % 2 else "adam"}, 0.5 + i / 100)
             for i in range(9)]  # fmt: skip
    shown = texts(draw(write(tmp_path, grid, lines), tmp_path / "x.svg"))
    assert {"rate", "optimizer", "accuracy", "sgd", "adam", "0.0001", "0.0256"} <= set(shown)


def test_an_axis_names_a_few_numbers_each_and_many_by_their_ends(
    tmp_path: Path, texts: Callable[[Path], list[str]]
) -> None:
    for count, named in ((6, {"1", "2", "3", "4", "5", "6"}), (7, {"1", "4", "7"})):
        grid = {"units": "1..9", "optimizer": ["sgd", "adam"]}
        lines = [
            ({"units": i + 1, "optimizer": "sgd" if i % 2 else "adam"}, 0.5) for i in range(count)
        ]
        shown = texts(draw(write(tmp_path, grid, lines), tmp_path / "x.svg"))
        assert {text for text in shown if text in "123456789"} == named


def test_long_names_make_the_picture_larger(
    tmp_path: Path, size: Callable[[Path], tuple[int, int]]
) -> None:
    """Otherwise the names of rows and columns are cut off, or lie over each other."""

    def drawn(names: list[str], **more: list[int]) -> tuple[int, int]:
        grid: dict[str, Any] = {"optimizer": names, "epochs": list(range(9)), **more}
        keys = list(more)
        cells = [
            ({"optimizer": name, "epochs": epoch, **dict.fromkeys(keys, 1)}, 0.5)
            for name in names
            for epoch in range(9)
        ]
        return size(draw(write(tmp_path, grid, cells)))

    short, long = drawn(["a", "b"]), drawn(["a" * 30, "b" * 30])
    assert long[0] > short[0] + 100 or long[1] > short[1] + 100
