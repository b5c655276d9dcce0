"""``ModelSpec``, the complete declaration of a model, with its recipe and its published figures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from zoo.spec.component import (
    NAME,
    Component,
    Fraction,
    Name,
    Positive,
    Record,
    Seed,
    coerce_components,
)
from zoo.spec.watch import EarlyStopping, ReduceLROnPlateau
from zoo_weights.records import WeightsRecord

METADATA = ("summary", "licence", "sources", "tags", "aliases", "figures", "parameters")
"""Fields of a spec that describe the model and do not affect training."""


class Split(Record, frozen=True, kw_only=True):
    """Which rows are held out.

    ``numpy.random.RandomState(seed).permutation`` orders the rows and the last of them are held
    out, as in the loaders of Keras and of many tutorials: their seeds hold out the same rows here.

    Attributes
    ----------
    held
        Share of the rows, or their number.
    order
        Which rows are held out: random ones, the same share of each class (``"stratified"``), the
        first, or the last.
    seed
        Seed of the random order; the run's if not given.
    by
        Column of dates, or numbers, that the rows are sorted by before the first or the last are
        held out; they keep their order if not given. Rows without one count as the earliest.
    format
        How that column writes dates, in the codes of ``strptime``; ISO 8601 if not given.
    """

    held: Fraction | Positive
    order: Literal["random", "stratified", "first", "last"] = "random"
    seed: Seed | None = None
    by: str | None = None
    format: str = ""

    def __post_init__(self) -> None:
        if self.by and self.order not in ("first", "last"):
            msg = f"order must be first or last where rows are sorted by a column, got {self.order}"
            raise ValueError(msg)


class Unfreezing(Record, frozen=True, kw_only=True):
    """A second phase of training, in which layers that were frozen are trained as well.

    It starts from the result of the first phase, with a new state of the optimizer. Normalization
    of batches stays frozen: the averages of the published weights serve few rows better.

    Attributes
    ----------
    epochs
        Further passes over the data.
    learning_rate
        Learning rate of this phase; small, for instance a hundredth of that of the first.
    layers
        Layers to train now: names (with ``*``).
    """

    epochs: Positive
    learning_rate: Annotated[float, Meta(gt=0.0)]
    layers: tuple[str, ...] = ("*",)


class Objective(Record, frozen=True, kw_only=True):
    """What the training of an output minimises, and what is measured.

    Attributes
    ----------
    loss, metrics
        Keras names with their options.
    weight
        How much the loss counts in the sum over all outputs.
    """

    loss: Component
    metrics: tuple[Component, ...] = ()
    weight: Annotated[float, Meta(ge=0.0)] = 1.0

    def __post_init__(self) -> None:
        coerce_components(self, "loss", "metrics")


class Training(Record, frozen=True, kw_only=True):
    """The training recipe.

    Attributes
    ----------
    dataset
        Name of the registered dataset to use if no other data are given.
    target
        Column to learn, for tables, or array of an npz file; the dataset's own if not given. A list
        for a vector. Several outputs learn the columns of their names.
    loss, optimizer, metrics
        Keras names with their options.
    outputs
        Loss and metrics of each output by its name, instead of `loss` and `metrics`.
    epochs, batch_size
        Passes over the data; samples in a step.
    steps_per_epoch
        Steps in an epoch of streamed rows, for instance from an endless generator; all rows if not
        given.
    shuffle
        Whether the rows are shuffled each epoch.
    carry_state
        Whether a recurrent network carries its state from batch to batch: row i of a batch
        continues row i of the previous one. An epoch starts from zero. Needs ``shuffle = false``.
    validation
        Rows held out of the training part: a share of them, drawn with the run's seed, or a
        `Split`; none if not given.
    folds
        Number of folds, if the recipe is cross-validated.
    early_stopping
        When to stop before all epochs are over.
    reduce_lr_on_plateau
        When to lower the learning rate, because a figure no longer gets better.
    callbacks
        Keras's callbacks that only record or end a training: ``csv_logger``, ``tensor_board`` and
        ``terminate_on_nan``. Their files lie in the run folder.
    class_weights
        Weight of a row of each class, by the class's label; 1 if not given.
    skip_bad_rows
        Whether rows that cannot be used (an empty cell, an unknown class) are left out of the
        training; otherwise the first one is an error.
    weights
        Tag of the weights that training starts from, or ``"MODEL.TAG"`` for those of another
        registered model; ``"none"`` starts from random ones.
    freeze
        Layers that are not trained: names (with ``*``), or the first N.
    unfreeze
        A second phase, in which frozen layers are trained as well.
    augment
        Random changes to the images of a batch, in this order: names of augmentations with their
        options.
    precision
        Keras's dtype policy in training, its global one if not given: ``"mixed_float16"`` and
        ``"mixed_bfloat16"`` compute in half precision and keep the weights in ``"float32"``.
    picked_seed
        Default seed of a training, for each backend. It was picked, maybe from several that were
        tried, so its results are not evidence: `zoo reproduce` judges seeds fixed in advance.
    starts
        Number of starts that `zoo reproduce` judges, with seeds 1, 2 and so on: 5, or 3 if one
        training takes over ten minutes.
    seeds
        Older form of `picked_seed` in specs of earlier versions: lists, whose first seed counts.
    """

    loss: Component | None = None
    outputs: dict[str, Objective] = {}  # noqa: RUF012
    dataset: str | None = None
    target: str | tuple[str, ...] | None = None
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
    reduce_lr_on_plateau: ReduceLROnPlateau | None = None
    callbacks: tuple[Component, ...] = ()
    class_weights: dict[str, Annotated[float, Meta(ge=0.0)]] = {}  # noqa: RUF012
    skip_bad_rows: bool = False
    weights: str = "none"
    freeze: tuple[str, ...] | Annotated[int, Meta(ge=0)] = ()
    unfreeze: Unfreezing | None = None
    augment: tuple[Component, ...] = ()
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] | None = None
    picked_seed: dict[str, Seed] = {}  # noqa: RUF012
    starts: Literal[3, 5] = 5
    seeds: dict[str, tuple[Seed, ...]] = {}  # noqa: RUF012

    def __post_init__(self) -> None:
        coerce_components(self, "loss", "optimizer", "metrics", "callbacks", "augment")
        if not self.loss and not self.outputs:
            msg = "the field 'loss' is missing (or outputs, with a loss for each)"
            raise ValueError(msg)
        if self.outputs and (self.loss or self.metrics):
            msg = "expected loss and metrics of one output, or of several under outputs; "
            raise ValueError(msg + "received both")
        if self.outputs and self.class_weights:
            msg = "class_weights are for one output; several outputs have a weight each"
            raise ValueError(msg)

    def with_target(self, target: str | Iterable[str]) -> Training:
        """Return the recipe with another target."""
        return replace(self, target=target if isinstance(target, str) else tuple(target))

    @property
    def target_names(self) -> tuple[str, ...]:
        """Columns or arrays to learn: those of the outputs' names, else `target`."""
        if self.outputs or self.target is None:
            return tuple(self.outputs)
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def objectives(self) -> dict[str, Objective]:
        """Loss and metrics by the name of the output; the name of an only one is empty."""
        if self.loss is None:
            return self.outputs
        return {"": Objective(loss=self.loss, metrics=self.metrics)}

    @property
    def phases(self) -> list[Training]:
        """The recipe of each phase."""
        later = self.unfreeze
        if later is None:
            return [self]
        optimizer = self.optimizer.with_options(learning_rate=later.learning_rate)
        return [self, replace(self, epochs=later.epochs, optimizer=optimizer)]


class Figure(Record, frozen=True, kw_only=True):
    """A published or promised figure, and what a reproduction must reach.

    Attributes
    ----------
    metric
        Keras's name of the metric, for instance ``"accuracy"``.
    on
        What it is measured on: a part of the data with the final weights; ``"folds"``, the mean
        over the folds; ``"weights"``, where `metric` names a weight (``"output/kernel"``) of one
        number; ``"photo"``, where it names a class, and no training reproduces its probability.
    best
        Whether the best epoch counts instead of the final weights.
    published
        The figure as its source printed it; absent if the source printed none.
    at_least, at_most
        One-sided bound; a better figure passes.
    source
        Where it was published.
    settings
        For a photo: the changes to the spec that it was published with, as ``--set`` takes them.
    needs
        For a photo: what is not here, so that it is not measured.
    """

    metric: str
    on: Literal["train", "validation", "test", "folds", "weights", "photo"] = "train"
    best: bool = False
    published: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    source: str = ""
    settings: tuple[str, ...] = ()
    needs: str = ""


class State(Record, frozen=True, kw_only=True):
    """A state that a recurrent network carries from step to step.

    Attributes
    ----------
    name
        The network's name for it, such as ``"lstm_1_h"``.
    shape
        Shape for one sequence.
    dtype
        Dtype of its numbers.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$(?!\n)", max_length=64)]
    shape: tuple[Positive, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.name} {self.dtype}{list(self.shape)}"


class ModelSpec(Record, frozen=True, kw_only=True):
    """The complete declaration of a model, as data; costs nothing to read.

    Attributes
    ----------
    name
        What people call it; lower-case words joined by hyphens.
    task
        What it does, for instance ``"image-classification"``.
    architecture
        Function that builds the uncompiled ``keras.Model``, and its options.
    input
        Preprocessor: raw input (file, row, text) to tensor.
    output
        Decoder: output tensor to labels and numbers.
    state
        States that a recurrent network carries from step to step, for sessions.
    weights
        Its known weights files; the first is the default.
    training
        The recipe, if the model can be trained.
    figures
        Published figures and the bounds of their reproduction.
    parameters
        Number of weights of the network as declared.
    summary
        One line for people.
    licence
        SPDX identifier or a short phrase.
    sources
        Pages it comes from: paper, tutorial, repository.
    tags
        Words to find it by.
    aliases
        Former names; they still work, with a warning.
    """

    name: Name
    task: Name
    architecture: Component
    input: Component
    output: Component
    summary: str = ""
    state: tuple[State, ...] = ()
    weights: tuple[WeightsRecord, ...] = ()
    training: Training | None = None
    figures: tuple[Figure, ...] = ()
    parameters: Positive | None = None
    licence: str = ""
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    aliases: tuple[Name, ...] = ()

    def __repr__(self) -> str:
        return f"ModelSpec({self.name!r}, {self.task})"

    def __post_init__(self) -> None:
        # msgspec checks annotations when it decodes data, not when Python code makes a struct:
        # registration checks the other fields.
        coerce_components(self, "architecture", "input", "output")
        if not isinstance(self.name, str) or not re.match(NAME, self.name):
            msg = f"name must be lower-case words joined by hyphens, received {self.name!r}"
            raise ValueError(msg)
        tags = [record.tag for record in self.weights if isinstance(record, WeightsRecord)]
        if len(set(tags)) != len(tags):
            msg = f"weights tags must differ from each other, received {tags}"
            raise ValueError(msg)

    def record(self, tag: str | None = None) -> WeightsRecord | None:
        """Return the weights record called `tag`, or the default one; ``None`` if there is none."""
        return next((record for record in self.weights if tag in (None, record.tag)), None)


def check_record_licence(spec: ModelSpec, record: WeightsRecord) -> None:
    """Raise `UsageError` if the settings do not allow the licence of a model's weights."""
    from zoo.config import check_licence

    check_licence(f"{spec.name}: the weights {record.tag!r}", record.licence or spec.licence)
