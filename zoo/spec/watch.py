"""Figures to watch: which of two values is better, and the rules of a recipe that depend on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta

from zoo.errors import UsageError
from zoo.spec.component import Fraction, Positive, Record, plain_name

Mode = Literal["min", "max"]
"""Whether the lowest value is the best, or the highest; Keras's own word for it."""


class Recipe(Protocol):
    """What `mode_of` needs of a `zoo.Training`."""

    @property
    def objectives(self) -> Mapping[str, Any]:
        """Loss and metrics by the name of the output."""


class Watch(Record, frozen=True, kw_only=True):
    """A figure to watch during training.

    Attributes
    ----------
    min_delta
        An improvement is more than this.
    monitor
        Keras's name of the figure to watch.
    mode
        Whether its highest (``"max"``) or lowest (``"min"``) value is the best; needed if Keras
        does not define it.
    """

    min_delta: Annotated[float, Meta(ge=0.0)] = 0.0
    monitor: str = "val_loss"
    mode: Mode | None = None

    def improves(self, value: float, best: float | None, *recipes: Recipe) -> bool:
        """Return whether a value of the watched figure is better than the best so far, if any.

        Raises
        ------
        UsageError
            If neither `mode` nor the figure's name or its recipe defines which is better.
        """
        rises = mode_of(self.monitor, recipes, self.mode) == "max"
        if not isfinite(value):  # nothing could ever be better than NaN
            return False
        if best is None:
            return True
        return (value - best if rises else best - value) > self.min_delta


class EarlyStopping(Watch, frozen=True, kw_only=True):
    """When to stop before all epochs are over.

    Attributes
    ----------
    patience
        Epochs without improvement after which training stops.
    restore_best
        Whether the result has the weights of the best epoch, or those of the last.
    """

    patience: Positive
    restore_best: bool = True


class ReduceLROnPlateau(Watch, frozen=True, kw_only=True):
    """When to lower the learning rate; the defaults are Keras's.

    Attributes
    ----------
    patience
        Epochs without improvement after which the learning rate is lowered.
    factor
        What it is multiplied by.
    cooldown
        Epochs after that in which none is counted.
    min_lr
        Its lowest value.
    """

    patience: Positive = 10
    min_delta: Annotated[float, Meta(ge=0.0)] = 1e-4
    factor: Fraction = 0.1
    cooldown: Annotated[int, Meta(ge=0)] = 0
    min_lr: Annotated[float, Meta(ge=0.0)] = 0.0


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


def mode_of(figure: str, recipes: Iterable[Recipe] = (), mode: Mode | None = None) -> Mode:
    """Return whether the lowest or the highest value of a figure is the best.

    Parameters
    ----------
    figure
        Its name, as Keras logs it or with a part before it: ``val_auc``, ``train.accuracy``.
    recipes
        The recipes whose figure it may be: their metrics and outputs have names of their own.
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
    for recipe in recipes:
        for output, objective in recipe.objectives.items():
            if name.startswith(f"{output}_"):
                name = name.removeprefix(f"{output}_")
            uses = {metric.config.get("name"): metric.uses for metric in objective.metrics}
            name = uses.get(name, name)
    plain = plain_name(name)
    for candidate in (plain, plain.rstrip("0123456789")):  # a second one of its kind is auc_1
        if candidate in RISING:
            return "max"
        if candidate in FALLING:
            return "min"
    msg = f"cannot tell whether a higher or lower {figure!r} is better; set mode to max or min"
    raise UsageError(msg)
