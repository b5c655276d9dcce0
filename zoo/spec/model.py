"""``ModelSpec``, the whole declaration of a model, and its parts."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from zoo.spec.component import Component
from zoo_weights.records import FileRecord, WeightsRecord

NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$(?!\n)"
"""Names of models, datasets and plugins: lower-case words joined by hyphens.

The end is said twice since Python's ``$`` lets a line break follow, and JSON Schema has no ``\\Z``.
"""

Name = Annotated[str, Meta(pattern=NAME, max_length=64)]
Task = Annotated[str, Meta(pattern=NAME, max_length=64)]
Fraction = Annotated[float, Meta(gt=0.0, lt=1.0)]
Positive = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the spec's parts: immutable, strict about unknown fields, defaults not written."""


def _name_components(record: Record, *fields: str) -> None:
    """Let Python code give a component without options by its name, as TOML does."""
    for field_name in fields:
        value = getattr(record, field_name)
        if isinstance(value, str):
            msgspec.structs.force_setattr(record, field_name, Component(value))


class Figure(Record, frozen=True, kw_only=True):
    """A published or promised figure, and what a reproduction must reach.

    Attributes
    ----------
    metric
        Keras's name of the metric, for instance ``"accuracy"``.
    on
        The part of the data it is measured on.
    published
        The figure as its source printed it; absent where the source printed none.
    at_least, at_most
        One-sided bound; a better figure passes.
    source
        Where it was published.
    """

    metric: str
    on: Literal["train", "validation", "test"] = "train"
    published: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    source: str = ""


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
    shuffle
        Whether the rows are put into a new order each epoch.
    validation
        Fraction of the training rows held out (drawn with the run's seed), or nothing.
    weights
        Tag of the weights that training starts from; ``"none"`` starts from random ones.
    freeze
        Layers that are not trained: names (with ``*``), or the number of first layers.
    seeds
        Seeds known to be alive, for each backend; the first is the default one.
    """

    loss: Component
    dataset: str | None = None
    target: str | None = None
    optimizer: Component = field(default_factory=lambda: Component("adam"))
    metrics: tuple[Component, ...] = ()
    epochs: Positive = 1
    batch_size: Positive = 32
    shuffle: bool = True
    validation: Fraction | None = None
    weights: str = "none"
    freeze: tuple[str, ...] | Annotated[int, Meta(ge=0)] = ()
    seeds: dict[str, tuple[Seed, ...]] = {}

    def __post_init__(self) -> None:
        _name_components(self, "loss", "optimizer")
        if isinstance(self.metrics, list | tuple):
            metrics = tuple(Component(m) if isinstance(m, str) else m for m in self.metrics)
            msgspec.structs.force_setattr(self, "metrics", metrics)


class ModelSpec(Record, frozen=True, kw_only=True):
    """The whole declaration of a model, as data; costs nothing to read.

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
    weights
        Weights files known for it; the first is the default.
    training
        The recipe, where the model can be trained.
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
    task: Task
    architecture: Component
    input: Component
    output: Component
    summary: str = ""
    weights: tuple[WeightsRecord, ...] = ()
    training: Training | None = None
    figures: tuple[Figure, ...] = ()
    parameters: Positive | None = None
    licence: str = ""
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    aliases: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        # Struct annotations are checked when data are decoded, not when Python code constructs:
        # registration checks the other fields.
        _name_components(self, "architecture", "input", "output")
        if not isinstance(self.name, str) or not re.match(NAME, self.name):
            msg = f"name must be lower-case words joined by hyphens, received {self.name!r}"
            raise ValueError(msg)
        tags = [record.tag for record in self.weights if isinstance(record, WeightsRecord)]
        if len(set(tags)) != len(tags):
            msg = f"weights tags must differ from each other, received {tags}"
            raise ValueError(msg)

    def record(self, tag: str | None = None) -> WeightsRecord | None:
        """Return the weights record called `tag`, or the default one; ``None`` if there is none."""
        for record in self.weights:
            if tag is None or record.tag == tag:
                return record
        return None


class Dataset(Record, frozen=True, kw_only=True):
    """A named source of training rows.

    Attributes
    ----------
    name
        What recipes call it.
    summary
        One line for people.
    file
        Where its bytes are and what they hash to.
    kind
        ``"table"``: a CSV file with a header.
    target
        Column to learn.
    columns
        Names of the feature columns, in the order of the file.
    licence, citation, sources
        What one may do with it, whom to cite, where it comes from.
    """

    name: Name
    file: FileRecord
    kind: Literal["table"] = "table"
    summary: str = ""
    target: str | None = None
    columns: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    sources: tuple[str, ...] = ()


__all__ = ["Component", "Dataset", "Figure", "ModelSpec", "Training", "WeightsRecord"]
