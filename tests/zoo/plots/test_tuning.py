"""The plot of a tuning: every combination of a grid, or one line per configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from math import nan
from pathlib import Path
from random import Random
from typing import Any

import pytest
from drawn import overlaps

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
    assert "mlp-x: accuracy, mean of 3 folds" in shown
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
    assert "–" in shown  # noqa: RUF001  # a dash
    assert not {"0.500", "0.250", "nan"} & set(shown)
    write(tmp_path, {"epochs": [1]}, [({"epochs": 1}, nan)])
    assert "no finite results" in texts(draw(tmp_path, tmp_path / "y.svg"))


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


NAMES = ["binary_crossentropy", "mean_squared_error", "categorical_crossentropy"]
RATES = [0.0001, 0.00012, 0.1, 0.09]


@pytest.mark.parametrize(
    "grid",
    [
        {"loss": NAMES, "rate": RATES},
        {"rate": RATES, "loss": NAMES},
        {"loss": NAMES, "rate": RATES, "units": [1, 2, 3], "first": NAMES},
        {"optimizer.learning_rate": "0.0001..0.1:log", "architecture.hidden_units": RATES},
        {"rate": RATES, **{f"a_setting_with_a_long_name_{number}": NAMES for number in range(6)}},
        {"rate": "0..1", "activation": [f"activation-{number}" for number in range(30)]},
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_no_text_lies_over_another_or_over_a_line(
    tmp_path: Path, figures: list[Any], grid: dict[str, Any], scale: float
) -> None:
    random = Random(0)
    every = all(isinstance(axis, list) for axis in grid.values()) and len(grid) < 5
    if every:
        settings = [dict(zip(grid, v, strict=True)) for v in product(*grid.values())]
    else:
        settings = [
            {
                k: random.choice(a) if isinstance(a, list) else random.random()
                for k, a in grid.items()
            }
            for _ in range(60)
        ]
    write(tmp_path, grid, [(values, scale * random.random()) for values in settings])
    record = json.loads((tmp_path / "tune.json").read_text())
    record["identity"]["search"] = "all" if every else "random 60"
    (tmp_path / "tune.json").write_text(json.dumps(record))
    draw(tmp_path)
    assert not overlaps(figures[-1])
    panel = figures[-1].axes[0]
    boxes = [text.get_window_extent() for text in panel.texts]
    for ends in {tuple(line.get_xdata()) for line in panel.lines}:
        left, right = panel.transData.transform([(x, 0) for x in ends])[:, 0]
        assert all(box.x1 <= left or right <= box.x0 for box in boxes)


def test_a_combination_that_diverged_does_not_flatten_the_colours(
    tmp_path: Path, figures: list[Any], texts: Callable[[Path], list[str]]
) -> None:
    grid = {"epochs": [1, 2, 3, 4]}
    cells = [
        ({"epochs": epochs}, 10.0 ** (epochs == 4 and 6) / epochs) for epochs in grid["epochs"]
    ]
    write(tmp_path, grid, cells)
    record = json.loads((tmp_path / "tune.json").read_text())
    (tmp_path / "tune.json").write_text(json.dumps({**record, "mode": "min"}))
    shown = texts(draw(tmp_path, tmp_path / "x.svg"))
    assert {"1.000", "0.333", "250,000", "100", "10,000"} <= set(shown)
    image = figures[-1].axes[0].images[0]
    assert image.norm(1.0) - image.norm(1 / 3) > 0.05
