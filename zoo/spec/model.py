"""``ModelSpec``, the complete declaration of a model, and its published figures."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta

from zoo.spec.component import Component
from zoo.spec.fields import NAME, Name, Positive, Record, coerce_components
from zoo.spec.training import Training
from zoo_weights.records import WeightsRecord


class Figure(Record, frozen=True, kw_only=True):
    """A published or promised figure, and what a reproduction must reach.

    Attributes
    ----------
    metric
        Keras's name of the metric, for instance ``"accuracy"``.
    on
        What it is measured on: a part of the data with the final weights; ``"folds"``, the mean
        over the folds; ``"weights"``, where `metric` names a weight (``"output/kernel"``) of one
        number.
    best
        Whether the best epoch counts instead of the final weights.
    published
        The figure as its source printed it; absent if the source printed none.
    at_least, at_most
        One-sided bound; a better figure passes.
    source
        Where it was published.
    """

    metric: str
    on: Literal["train", "validation", "test", "folds", "weights"] = "train"
    best: bool = False
    published: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    source: str = ""


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
