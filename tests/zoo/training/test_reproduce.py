"""How a published figure is judged."""

from __future__ import annotations

import pytest

import zoo
from zoo.training.reproduce import Measured


@pytest.mark.parametrize(
    ("bounds", "values", "passed"),
    [
        ({"at_least": 0.75}, (0.75,), True),
        ({"at_least": 0.75}, (0.7499,), False),
        ({"at_most": 2.5}, (2.5,), True),
        ({"at_most": 2.5}, (2.5001,), False),
        ({"at_most": 2.5}, (0.1,), True),  # a better figure passes
        ({"at_least": 0.7}, (0.1, 0.7, 0.9), True),  # the median is judged
        ({"at_least": 0.7}, (0.1, 0.2, 0.9), False),
        ({"at_least": 2.44, "at_most": 2.64}, (2.7,), False),
    ],
)
def test_bounds_belong_to_what_passes(
    bounds: dict[str, float], values: tuple[float, ...], passed: bool
) -> None:
    figure = zoo.Figure(metric="accuracy", on="test", source="x", **bounds)
    assert Measured(figure, values).passed is passed


@pytest.mark.parametrize(
    ("monitor", "value", "better"),
    [
        ("val_loss", 0.5, False), ("val_loss", 0.4999, True), ("val_loss", float("nan"), False),
        ("val_accuracy", 0.5, False), ("val_accuracy", 0.5001, True), ("val_accuracy", 0.4, False),
    ],
)  # fmt: skip
def test_what_stays_the_same_is_no_improvement(monitor: str, value: float, better: bool) -> None:
    """Otherwise a training that stands still would never stop early."""
    assert zoo.EarlyStopping(patience=1, monitor=monitor).improves(value, 0.5) is better
    assert (
        zoo.EarlyStopping(patience=1, monitor=monitor, min_delta=0.25).improves(value, 0.5) is False
    )
    assert zoo.EarlyStopping(patience=1, monitor=monitor).improves(0.5, None) is True
