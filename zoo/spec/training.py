"""The training recipe and how rows are held out."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Annotated, Literal

from msgspec import Meta, field

from zoo.spec.component import Component
from zoo.spec.fields import Fraction, Positive, Record, Seed, name_components
from zoo.spec.metrics import Mode, mode_of


class Split(Record, frozen=True, kw_only=True):
    """Which rows are held out.

    ``numpy.random.RandomState(seed).permutation`` orders the rows and the last of them are held
    out, as Keras's and many a tutorial's loaders do: a seed here means their rows.

    Attributes
    ----------
    held
        Share of the rows, or how many.
    order
        Whether the rows are taken in random order, of each class in its share (``"stratified"``),
        or the first or last ones are held out.
    seed
        Seed of the random order; the run's own if not given.
    """

    held: Fraction | Positive
    order: Literal["random", "stratified", "first", "last"] = "random"
    seed: Seed | None = None


class EarlyStopping(Record, frozen=True, kw_only=True):
    """When to stop before all epochs are over.

    Attributes
    ----------
    patience
        Epochs without improvement after which training stops.
    min_delta
        What counts as an improvement: more than this.
    monitor
        Keras's name of the figure that is watched.
    mode
        Whether the most (``"max"``) or the least (``"min"``) of it is the best; needed where Keras
        does not say so itself.
    restore_best
        Whether the weights of the best epoch are the result, or those of the last.
    """

    patience: Positive
    min_delta: Annotated[float, Meta(ge=0.0)] = 0.0
    monitor: str = "val_loss"
    mode: Mode | None = None
    restore_best: bool = True

    def improves(self, value: float, best: float | None, metrics: Iterable[Component] = ()) -> bool:
        """Say whether a value of the watched figure is better than the best one so far, if any.

        Raises
        ------
        UsageError
            If nobody says which is better, nor the recipe's `metrics`.
        """
        rises = mode_of(self.monitor, metrics, self.mode) == "max"
        if not isfinite(value):  # nothing could ever be better than NaN
            return False
        if best is None:
            return True
        return (value - best if rises else best - value) > self.min_delta


class Training(Record, frozen=True, kw_only=True):
    """The training recipe.

    Attributes
    ----------
    dataset
        Name of the registered dataset that is used unless other data are given.
    target
        Column to learn, for tables; the dataset's own unless named here.
    loss, optimizer, metrics
        Keras names with their options.
    epochs, batch_size
        Passes over the data; samples a step.
    steps_per_epoch
        How many steps make an epoch where the rows are streamed, for instance from a generator
        that does not end; all rows, if not given.
    shuffle
        Whether the rows are put into a new order each epoch.
    carry_state
        Whether a recurrent network's state goes on from batch to batch: row i of a batch where row
        i of the last one ended. An epoch begins from zero. Needs ``shuffle = false``.
    validation
        Rows held out of the training part: a share of them, drawn with the run's seed, or a
        `Split`; none if not given.
    folds
        Into how many parts the rows are cut for cross-validation, where the recipe asks for that.
    early_stopping
        When to stop before all epochs are over.
    class_weights
        How much a row of each class counts, by the class's label; 1 where not given.
    skip_bad_rows
        Whether rows that cannot be used (an empty cell, an unknown class) are left out of the
        training; otherwise the first one is an error.
    weights
        Tag of the weights that training starts from; ``"none"`` starts from random ones.
    freeze
        Layers that are not trained: names (with ``*``), or the number of first layers.
    picked_seed
        Seed of a training that is given none, for each backend. It was picked, maybe of several
        that were tried, so what it reaches is no evidence: `zoo reproduce` judges seeds that are
        fixed in advance.
    starts
        How many starts `zoo reproduce` judges, with seeds 1, 2 and so on: 5, or 3 where one
        training takes over ten minutes.
    seeds
        What specs of earlier versions have for `picked_seed`: lists, of which the first counts.
    """

    loss: Component
    dataset: str | None = None
    target: str | None = None
    optimizer: Component = field(default_factory=lambda: Component("adam"))
    metrics: tuple[Component, ...] = ()
    epochs: Positive = 1
    batch_size: Positive = 32
    steps_per_epoch: Positive | None = None
    shuffle: bool = True
    carry_state: bool = False
    validation: Fraction | Split | None = None
    folds: Annotated[int, Meta(ge=2)] | None = None
    early_stopping: EarlyStopping | None = None
    class_weights: dict[str, Annotated[float, Meta(ge=0.0)]] = {}  # noqa: RUF012
    skip_bad_rows: bool = False
    weights: str = "none"
    freeze: tuple[str, ...] | Annotated[int, Meta(ge=0)] = ()
    picked_seed: dict[str, Seed] = {}  # noqa: RUF012
    starts: Literal[3, 5] = 5
    seeds: dict[str, tuple[Seed, ...]] = {}  # noqa: RUF012

    def __post_init__(self) -> None:
        name_components(self, "loss", "optimizer", "metrics")
