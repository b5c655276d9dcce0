"""``zoo init``: the spec that fits data, each choice with its reason."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import InputError, UsageError
from zoo.parts.base import Choice, Preprocessor
from zoo.parts.construct import construct
from zoo.proposals.goals import Goal, find_goal
from zoo.proposals.sample import Sample, read_sample
from zoo.proposals.writing import to_toml
from zoo.registry.registry import find_spec, registry
from zoo.spec.component import NAME_LENGTH, Component
from zoo.spec.files import spec_from_data, spec_to_data
from zoo.spec.model import ModelSpec

COLUMNS, ARRAYS = "tabular/columns", "array/values"
"""Preprocessors of tables and of arrays."""

PLUGINS = {"table": "tabular", "image": "vision", "array": "array"}
"""The plugin whose decoders are named for each kind of inputs."""

PHOTOS = "efficientnet-lite0-features"
"""The model whose network, weights and recipe images start from."""

HELD = 0.1
"""Share of the rows that are held out, to stop the training in time."""


@dataclass(frozen=True)
class Proposal:
    """A spec for data, with the reason for each choice.

    Attributes
    ----------
    choices
        The spec as a table of choices.
    notes
        What a user should know about the data.
    """

    choices: dict[str, Choice]
    notes: list[str]

    @property
    def spec(self) -> ModelSpec:
        """The spec."""
        return spec_from_data(plain(self.choices), where="the proposal")

    def to_toml(self) -> str:
        """Return the spec as TOML with the reasons as comments."""
        return to_toml(self.choices)


class Parts(NamedTuple):
    """What a proposal says of the inputs: preprocessor, network, and fields of the recipe.

    Attributes
    ----------
    prefix
        Start of the model's name.
    time
        The column that says when each row was, and its format; None if there is none.
    """

    prefix: str
    input: dict[str, Choice]
    architecture: dict[str, Choice]
    recipe: dict[str, Choice]
    notes: Sequence[str] = ()
    time: tuple[str, str] | None = None


def propose(data: Any, target: str | Sequence[str] | None = None) -> Proposal:
    """Look at data and propose a spec for them.

    Parameters
    ----------
    data
        Path of a CSV or parquet file, which may name the files of images; of a folder with one
        subfolder of images per class; of an npz file; a frame; a pair of inputs and targets.
    target
        Column or array to learn, or several; if not given, one named like a target, or the last.

    Raises
    ------
    InputError
        If the data cannot be read, or there is nothing to learn from them.
    UsageError
        If there is no such column.
    """
    sample = read_sample(data, target)
    describe = {"table": _describe_table, "image": _describe_images, "array": _describe_arrays}
    plugin = PLUGINS[sample.kind]
    goals = {t.name: find_goal(t, sample.rows, sample.source, plugin) for t in sample.targets}
    parts = describe[sample.kind](sample)
    several = len(goals) > 1
    if several and parts.architecture["uses"].value != "tabular/mlp":
        network = parts.architecture["uses"].value
        msg = f"{sample.source}: {network} has one output; several targets of such data need a "
        raise UsageError(msg + "spec with an architecture of your own")
    first = next(iter(goals.values()))
    output = Choice(first.output, first.reason)
    if several:
        if any(not name.replace("_", "").isalnum() for name in goals):
            msg = f"{sample.source}: the names of several targets must be letters, digits and _, "
            raise UsageError(msg + f"received {', '.join(goals)}")
        decoders = {name: Choice(goal.output, goal.reason) for name, goal in goals.items()}
        output = Choice({"uses": Choice("tabular/outputs", ""), "parts": Choice(decoders, "")}, "")
    task = first.task.replace("tabular", sample.kind) if sample.kind != "table" else first.task
    choices = {
        "name": Choice(_name_of(sample.source, parts.prefix), ""),
        "task": Choice("several-outputs" if several else task, ""),
        "input": Choice(parts.input, ""),
        "output": output,
        "architecture": Choice(parts.architecture, ""),
        "training": Choice(_training(goals, parts, streamed=sample.streamed), ""),
    }
    told = [note for goal in goals.values() for note in goal.notes]
    return Proposal(choices, [*sample.notes, *told, *parts.notes])


# Inputs


def _describe_table(sample: Sample) -> Parts:
    preprocessor = registry().resolve("preprocessors", Component(COLUMNS))
    proposed = [preprocessor.propose(sample.inputs, t.labels) for t in sample.targets]
    options = proposed[0]
    for other in proposed[1:]:  # what gives away one of the targets gives away that one
        gone = {name: c for name, c in other["columns"].value.items() if c.value is None}
        options["columns"].value.update(gone)
    left_out = [
        f"{n} is {c.reason}" for n, c in options["columns"].value.items() if c.value is None
    ]
    part = _fit_part(preprocessor, Component(COLUMNS, **plain(options)), sample, left_out)
    return Parts(
        "mlp",
        {"uses": Choice(COLUMNS, ""), **options},
        _mlp(sample.rows, part.shape),
        _recipe(sample.rows),
        left_out,
        part.time_column(sample.inputs),
    )


def _describe_images(sample: Sample) -> Parts:
    """Return a new head on the network that comes with its weights."""
    spec = spec_to_data(find_spec(PHOTOS)[0])
    recipe, weights = spec["training"], spec["weights"][0]["tag"]
    return Parts(
        "photos",
        {name: Choice(value, "") for name, value in spec["input"].items()},
        {name: Choice(value, "") for name, value in spec["architecture"].items()},
        {
            "weights": Choice(f"{PHOTOS}.{weights}", "the network has seen ImageNet"),
            "freeze": Choice(recipe["freeze"], "only the head learns; fewer names, more layers"),
            "optimizer": Choice(recipe["optimizer"], ""),
            "batch_size": Choice(recipe["batch_size"], ""),
            "epochs": Choice(recipe["epochs"], ""),
        },
    )


def _describe_arrays(sample: Sample) -> Parts:
    """Return convolutions over series and images, and dense layers over vectors."""
    import numpy as np

    sides = {np.shape(row)[:1] for row in sample.inputs}
    options = {"scale": Choice("standard", "mean 0 and deviation 1; also min-max, none")}
    if len(sides) > 1:
        longest = max(side[0] for side in sides)
        options["length"] = Choice(longest, "shorter ones are padded with zeros at their end")
    preprocessor = registry().resolve("preprocessors", Component(ARRAYS))
    part = _fit_part(preprocessor, Component(ARRAYS, **plain(options)), sample)
    prefix, architecture = _network_for(sample.rows, part.shape)
    inputs = {"uses": Choice(ARRAYS, f"arrays of shape {part.shape}"), **options}
    return Parts(prefix, inputs, architecture, _recipe(sample.rows))


def _network_for(rows: int, shape: Any) -> tuple[str, dict[str, Choice]]:
    if len(shape) == 1:
        reason = "for numbers in no order; array/convolutions is for a series"
        return "mlp", {**_mlp(rows, shape), "uses": Choice("tabular/mlp", reason)}
    if len(shape) == 2:
        reason = "convolutions along the first axis; tabular/mlp knows no order"
        uses = Choice("array/convolutions", reason)
    else:
        uses = Choice("vision/cnn", "convolutions over height and width, from random weights")
    return "cnn", {"uses": uses, "filters": Choice([16, 32], ""), "dropout": Choice(0.2, "")}


def _fit_part(
    preprocessor: Any, component: Component, sample: Sample, left_out: Sequence[str] = ()
) -> Preprocessor:
    """Return the preprocessor, fitted to the sample."""
    if component.config.get("columns") == {}:
        msg = f"{sample.source}: no column is left to learn from: {'; '.join(left_out)}"
        raise InputError(msg, kind="bad-table")
    part: Preprocessor = construct(preprocessor, component, what="input")
    part.fit(sample.inputs)
    return part


# The network and the recipe


class Size(NamedTuple):
    """A network for tables of at most so many rows; measured against scikit-learn's pipelines."""

    rows: float
    hidden: list[int]
    dropout: float
    l2: float
    batch_size: int


SIZES = (
    Size(5_000, [100], 0.2, 1e-3, 32),
    Size(50_000, [128, 64], 0.1, 1e-4, 128),
    Size(math.inf, [256, 128], 0.1, 1e-5, 512),
)


def _size_for(rows: int) -> Size:
    return next(size for size in SIZES if rows <= size.rows)


def _mlp(rows: int, shape: Any) -> dict[str, Choice]:
    size = _size_for(rows)
    reason = f"widths of the hidden layers, for {rows:,} rows of {math.prod(shape):,} features"
    return {
        "uses": Choice("tabular/mlp", ""),
        "hidden": Choice(size.hidden, reason),
        "dropout": Choice(size.dropout, "share of each layer's outputs that a step leaves out"),
        "l2": Choice(size.l2, "penalty on large weights"),
    }


def _recipe(rows: int) -> dict[str, Choice]:
    """Return the recipe of a network that starts from random weights."""
    return {
        "optimizer": Choice({"uses": "adam", "learning_rate": 0.001}, ""),
        "batch_size": Choice(_size_for(rows).batch_size, ""),
        "epochs": Choice(200, "at most: training stops once the held-out rows gain nothing"),
        "early_stopping": Choice({"patience": 20}, ""),
    }


def _training(goals: Mapping[str, Goal], parts: Parts, *, streamed: bool) -> dict[str, Choice]:
    split, which = {"held": HELD, "order": "random"}, "rows held out"
    (name, goal), several = next(iter(goals.items())), len(goals) > 1
    if streamed:
        which = "rows held out; of rows that are streamed, no others can be"
    elif parts.time:
        column, written = parts.time
        split |= {"order": "last", "by": column, **({"format": written} if written else {})}
        which = "the latest rows are held out, as a model is asked about later ones"
    elif goal.classifies and not several:
        split["order"], which = "stratified", "rows held out, of each class its share"
    choices = {
        "target": Choice(name or None, ""),
        "loss": Choice(goal.loss, ""),
        "metrics": Choice(goal.metrics, ""),
    }
    if several:
        objectives = {
            name: Choice({"loss": Choice(g.loss, ""), "metrics": Choice(g.metrics, "")}, "")
            for name, g in goals.items()
        }
        choices = {"outputs": Choice(objectives, "")}
    if not name:
        del choices["target"]
    choices |= parts.recipe
    choices["validation"] = Choice(split, which)
    if goal.weights and not several:
        choices["class_weights"] = Choice(goal.weights, "")
    if any(goal.unusable for goal in goals.values()):
        choices["skip_bad_rows"] = Choice(value=True, reason="")
    return choices


def plain(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of choices as plain data."""
    values = {key: c.value if isinstance(c, Choice) else c for key, c in choices.items()}
    return {
        key: plain(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }


def _name_of(source: str, prefix: str) -> str:
    """Return the name of a model for a file."""
    text = unicodedata.normalize("NFKD", Path(source).stem).encode("ascii", "ignore").decode()
    name = "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "table"
    return f"{prefix}-{name}"[:NAME_LENGTH].rstrip("-")
