"""Whether higher or lower values of a figure are better, by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from zoo.errors import UsageError
from zoo.spec.component import Component, plain_name

Mode = Literal["min", "max"]
"""Whether the lowest value is the best, or the highest; Keras's own word for it."""

RISING = frozenset({
    "acc", "accuracy", "auc", "binaryaccuracy", "binaryiou", "categoricalaccuracy",
    "concordancecorrelation", "cosinesimilarity", "f1score", "fbetascore", "iou", "meaniou",
    "onehotiou", "onehotmeaniou", "pearsoncorrelation", "precision", "precisionatrecall",
    "r2score", "recall", "recallatprecision", "sensitivityatspecificity",
    "sparsecategoricalaccuracy", "sparsetopkcategoricalaccuracy", "specificityatsensitivity",
    "topkcategoricalaccuracy",
})  # fmt: skip
"""Keras's metrics whose higher values are better; a test compares both lists with Keras."""

FALLING = frozenset({
    "binarycrossentropy", "categoricalcrossentropy", "categoricalhinge", "crossentropy", "hinge",
    "kldivergence", "logcosh", "logcosherror", "loss", "mae", "mape", "meanabsoluteerror",
    "meanabsolutepercentageerror", "meansquarederror", "meansquaredlogarithmicerror", "mse",
    "msle", "poisson", "rootmeansquarederror", "sparsecategoricalcrossentropy", "squaredhinge",
})  # fmt: skip


def mode_of(figure: str, metrics: Iterable[Component] = (), mode: Mode | None = None) -> Mode:
    """Return whether the lowest or the highest value of a figure is the best.

    Parameters
    ----------
    figure
        Its name, as Keras logs it or with a part before it: ``val_auc``, ``train.accuracy``.
    metrics
        The recipe's metrics, which may have names of their own.
    mode
        The user's choice, which overrides all else.

    Raises
    ------
    UsageError
        If there is no `mode`, and the figure is not a loss or metric whose mode Keras defines.
    """
    if mode is not None:
        return mode
    name = figure.rpartition(".")[2].removeprefix("val_")
    uses = {metric.config.get("name"): metric.uses for metric in metrics}
    plain = plain_name(uses.get(name, name))
    for candidate in (plain, plain.rstrip("0123456789")):  # a second one of its kind is auc_1
        if candidate in RISING:
            return "max"
        if candidate in FALLING:
            return "min"
    msg = f"cannot tell whether a higher or lower {figure!r} is better; set mode to max or min"
    raise UsageError(msg)
