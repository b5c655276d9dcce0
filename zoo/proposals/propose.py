"""``zoo init``: the spec that fits a table, each choice with its reason."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from zoo.decoders import as_cell
from zoo.errors import InputError
from zoo.numeric import number_of
from zoo.parts.base import Choice, Preprocessor
from zoo.parts.construct import construct
from zoo.proposals.sample import Sample, read_sample
from zoo.proposals.writing import to_toml
from zoo.registry.registry import registry
from zoo.spec.component import NAME_LENGTH, Component
from zoo.spec.files import spec_from_data
from zoo.spec.model import ModelSpec

PREPROCESSOR = "tabular/columns"

MAX_CODES = 10
"""Whole numbers with more different values than this are an amount, not a class."""

MAX_CLASSES = 1_000
SHOWN_CLASSES = 20

HELD = 0.1
"""Share of the rows that are held out, to stop the training in time."""

RARE = 0.1
"""A class of two is rare below this share: its rows weigh more."""


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


def propose(data: Any, target: str | None = None) -> Proposal:
    """Look at a table and propose a spec for it.

    Parameters
    ----------
    data
        Path of a CSV or parquet file, or a frame.
    target
        Column to learn; if not given, one named like a target, or the last.

    Raises
    ------
    InputError
        If the data cannot be read, or there is nothing to learn from them.
    UsageError
        If there is no such column.
    """
    sample = read_sample(data, target)
    goal = _find_goal(sample)
    preprocessor = registry().resolve("preprocessors", Component(PREPROCESSOR))
    options = preprocessor.propose(sample.inputs, sample.labels)
    notes = [*goal.notes, *_left_out(options)]
    part = _fit_part(preprocessor, options, sample)
    (features,) = cast("tuple[int]", part.shape)
    name = _name_of(sample.source)
    choices = {
        "name": Choice(name, ""),
        "task": Choice(goal.task, ""),
        "input": Choice({"uses": Choice(PREPROCESSOR, ""), **options}, ""),
        "output": Choice(goal.output, goal.reason),
        "architecture": Choice(_architecture(sample.rows, features), ""),
        "training": Choice(_training(sample, goal, part.in_time_order(sample.inputs)), ""),
    }
    return Proposal(choices, notes)


@dataclass(frozen=True)
class Goal:
    """What is to be learnt.

    Attributes
    ----------
    task
        Task of the spec.
    output
        The decoder.
    reason
        Why this one.
    loss, metrics
        Of the recipe.
    weights
        Weight of a row of each class, where they differ.
    unusable
        Number of rows without a usable target.
    notes
        What a user should know.
    """

    task: str
    output: dict[str, Choice]
    reason: str
    loss: str
    metrics: list[str]
    weights: dict[str, float]
    unusable: int
    notes: list[str]


def _find_goal(sample: Sample) -> Goal:
    counts = Counter[str]()
    for label, count in sample.counts.items():
        counts[as_cell(label)] += count
    empty = sum(counts.pop(text, 0) for text in ("", "None", "nan", "<NA>", "NaT"))
    if not counts:
        msg = f"{sample.source}: the target {sample.target!r} is empty in every row"
        raise InputError(msg, kind="bad-target")
    if len(counts) == 1:
        msg = (
            f"{sample.source}: the target {sample.target!r} is {next(iter(counts))!r} in every row"
        )
        raise InputError(msg, kind="bad-target")
    numbers = {text: number_of(text) for text in counts}
    numeric = all(number == number for number in numbers.values())
    whole = numeric and all(number.is_integer() for number in numbers.values())
    if len(counts) > 2 and numeric and not (whole and len(counts) <= MAX_CODES):
        return _value_goal(numbers, empty)
    if len(counts) > MAX_CLASSES or len(counts) > sum(counts.values()) / 2:
        msg = (
            f"{sample.source}: the target {sample.target!r} has {len(counts):,} different texts in "
            f"{sample.rows:,} rows; expected numbers, or classes that occur several times"
        )
        raise InputError(msg, kind="bad-target")
    return _class_goal(counts, numbers, empty, whole)


def _value_goal(numbers: Mapping[str, float], empty: int) -> Goal:
    low, high = min(numbers.values()), max(numbers.values())
    output = {
        "uses": Choice("tabular/value", f"a number, {low:g} to {high:g}"),
        "scale": Choice("standard", "losses and errors of the training are in this scale"),
    }
    notes = _unusable_notes(empty)
    return Goal("tabular-regression", output, "", "mse", ["mae"], {}, empty, notes)


def _class_goal(
    counts: Counter[str], numbers: Mapping[str, float], empty: int, whole: bool
) -> Goal:
    rows = sum(counts.values())
    order = sorted(counts, key=lambda text: (numbers[text], text) if whole else (0.0, text))
    two = len(counts) == 2
    shown = ", ".join(f"{text} {counts[text] / rows:.1%}" for text in order[:SHOWN_CLASSES])
    more = ", …" if len(order) > SHOWN_CLASSES else ""
    output = {"uses": Choice("tabular/binary" if two else "tabular/classes", shown + more)}
    if len(order) <= SHOWN_CLASSES:
        output["labels"] = Choice(order, "")
    notes = _unusable_notes(empty)
    rare = [text for text in order if counts[text] < 5]
    if rare:
        names = ", ".join(rare[:5])
        notes.append(f"classes of fewer than five rows can hardly be learnt: {names}")
    weights: dict[str, float] = {}
    if two and min(counts.values()) < RARE * rows:
        weights = {text: round((rows / 2 / counts[text]) ** 0.5, 3) for text in order}
        rare_one = min(order, key=lambda text: counts[text])
        notes.append(f"{rare_one!r} is rare; its rows weigh more in the training (class_weights)")
    reason = "whole numbers of few values: classes" if whole and not two else ""
    loss = "binary_crossentropy" if two else "sparse_categorical_crossentropy"
    return Goal("tabular-classification", output, reason, loss, ["accuracy"], weights, empty, notes)


def _unusable_notes(empty: int) -> list[str]:
    if not empty:
        return []
    rows = "1 row has no target and is" if empty == 1 else f"{empty:,} rows have no target and are"
    return [f"{rows} left out of the training"]


def _left_out(options: Mapping[str, Choice]) -> list[str]:
    columns = options["columns"].value
    return [f"{name} is {c.reason}" for name, c in columns.items() if c.value is None]


def _fit_part(preprocessor: Any, options: Mapping[str, Choice], sample: Sample) -> Preprocessor:
    """Return the preprocessor with these options, fitted to the sample."""
    config = plain(options)
    if not config["columns"]:
        msg = f"{sample.source}: no column is left to learn from: {'; '.join(_left_out(options))}"
        raise InputError(msg, kind="bad-table")
    component = Component(PREPROCESSOR, **config)
    part: Preprocessor = construct(preprocessor, component, what="input")
    part.fit(sample.inputs)
    return part


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


def _architecture(rows: int, features: int) -> dict[str, Choice]:
    size = _size_for(rows)
    reason = f"widths of the hidden layers, for {rows:,} rows of {features:,} features"
    return {
        "uses": Choice("tabular/mlp", ""),
        "hidden": Choice(size.hidden, reason),
        "dropout": Choice(size.dropout, "share of each layer's outputs that a step leaves out"),
        "l2": Choice(size.l2, "penalty on large weights"),
    }


def _training(sample: Sample, goal: Goal, in_time_order: bool) -> dict[str, Choice]:
    order, which = "random", "rows held out"
    if in_time_order:
        order, which = "last", "the last rows are held out, since the rows are in order of time"
    elif goal.task == "tabular-classification":
        order, which = "stratified", "rows held out, of each class its share"
    choices = {
        "target": Choice(sample.target, ""),
        "loss": Choice(goal.loss, ""),
        "metrics": Choice(goal.metrics, ""),
        "optimizer": Choice({"uses": "adam", "learning_rate": 0.001}, ""),
        "batch_size": Choice(_size_for(sample.rows).batch_size, ""),
        "epochs": Choice(200, "at most: training stops once the held-out rows gain nothing"),
        "early_stopping": Choice({"patience": 20}, ""),
        "validation": Choice({"held": HELD, "order": order}, which),
    }
    if goal.weights:
        choices["class_weights"] = Choice(goal.weights, "")
    if goal.unusable:
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


def _name_of(source: str) -> str:
    """Return the name of a model for a file."""
    text = unicodedata.normalize("NFKD", Path(source).stem).encode("ascii", "ignore").decode()
    name = "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "table"
    return f"mlp-{name}"[:NAME_LENGTH].rstrip("-")
