"""What is known of a figure by its name: whether more of it is better."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from zoo.errors import UsageError
from zoo.spec.component import Component, plain_name

Mode = Literal["min", "max"]
"""Whether the least value is the best, or the most; Keras's own word for it."""

RISING = frozenset({
    "acc", "accuracy", "auc", "binaryaccuracy", "binaryiou", "categoricalaccuracy",
    "concordancecorrelation", "cosinesimilarity", "f1score", "fbetascore", "iou", "meaniou",
    "onehotiou", "onehotmeaniou", "pearsoncorrelation", "precision", "precisionatrecall",
    "r2score", "recall", "recallatprecision", "sensitivityatspecificity",
    "sparsecategoricalaccuracy", "sparsetopkcategoricalaccuracy", "specificityatsensitivity",
    "topkcategoricalaccuracy",
})  # fmt: skip
"""Keras's metrics of which more is better; a test compares both lists with Keras."""

FALLING = frozenset({
    "binarycrossentropy", "categoricalcrossentropy", "categoricalhinge", "crossentropy", "hinge",
    "kldivergence", "logcosh", "logcosherror", "loss", "mae", "mape", "meanabsoluteerror",
    "meanabsolutepercentageerror", "meansquarederror", "meansquaredlogarithmicerror", "mse",
    "msle", "poisson", "rootmeansquarederror", "sparsecategoricalcrossentropy", "squaredhinge",
})  # fmt: skip


def mode_of(figure: str, metrics: Iterable[Component] = (), mode: Mode | None = None) -> Mode:
    """Return whether the least or the most of a figure is the best.

    Parameters
    ----------
    figure
        Its name, as Keras logs it or with a part before it: ``val_auc``, ``train.accuracy``.
    metrics
        The recipe's, which may have names of their own.
    mode
        What the user says, which counts before all.

    Raises
    ------
    UsageError
        If nobody says and it is no loss or metric of Keras of which Keras says so.
    """
    if mode is not None:
        return mode
    name = figure.rpartition(".")[2].removeprefix("val_")
    own = {metric.config.get("name"): metric.uses for metric in metrics}
    plain = plain_name(own.get(name, name))
    for known in (plain, plain.rstrip("0123456789")):  # a second one of its kind is auc_1
        if known in RISING:
            return "max"
        if known in FALLING:
            return "min"
    msg = f"is more of {figure!r} better, or less? say it with mode: max or min"
    raise UsageError(msg)
