"""Whether a metric is better high or low, as Keras defines it; nothing is guessed from a name."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.errors import UsageError
from zoo.spec.component import Component, plain_name
from zoo.spec.model import Training
from zoo.spec.watch import FALLING, RISING, mode_of

OPTIONS: list[dict[str, Any]] = [
    {}, {"num_classes": 2}, {"num_classes": 2, "target_class_ids": [0]}, {"recall": 0.5},
    {"precision": 0.5}, {"sensitivity": 0.5}, {"specificity": 0.5}, {"fn": abs},
]  # fmt: skip


def made(kind: Any) -> Any:
    """Return a metric with whatever options it needs."""
    for options in OPTIONS:
        try:
            return kind(**options)
        except TypeError:
            continue
    raise AssertionError(kind)


def test_every_metric_of_keras_is_known_as_keras_knows_it() -> None:
    import keras

    kinds = {
        kind for kind in vars(keras.metrics).values()
        if isinstance(kind, type) and issubclass(kind, keras.metrics.Metric)
        and kind is not keras.metrics.Metric
    }  # fmt: skip
    assert len(kinds) > 40
    for kind in kinds:
        metric = made(kind)
        direction = {"up": "max", "down": "min"}.get(getattr(metric, "_direction", ""))
        for name in map(plain_name, (kind.__name__, metric.name)):
            ways = {"max": RISING, "min": FALLING}
            found = [way for way, names in ways.items() if {name, name.rstrip("1")} & names]
            assert found == ([direction] if direction else []), name


@pytest.mark.parametrize(
    ("figure", "mode"),
    [
        ("loss", "min"), ("val_loss", "min"), ("validation.recall", "max"), ("val_auc", "max"),
        ("auc_2", "max"), ("f1_score", "max"), ("r2_score", "max"), ("val_mae", "min"),
        ("val_sensitivity_at_specificity", "max"), ("hits", "max"), ("binary_io_u", "max"),
    ],
)  # fmt: skip
def test_which_way_is_better(figure: str, mode: str) -> None:
    recipe = Training(loss=Component("mse"), metrics=(Component("Recall", name="hits"),))
    assert mode_of(figure, [recipe]) == mode


@pytest.mark.parametrize("figure", ["accuracy_loss", "true_positives", "my_auc", "score", "mean"])
def test_what_keras_does_not_say_has_to_be_said(figure: str) -> None:
    with pytest.raises(UsageError, match=f"higher or lower '{figure}'"):
        mode_of(figure)
    assert mode_of(figure, mode="max") == "max"
