"""What is to be learnt: the decoder, the loss and the metrics that fit a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo.errors import InputError
from zoo.numeric import as_cell, number_of
from zoo.parts.base import Choice
from zoo.proposals.sample import Target

MAX_CODES = 10
"""Whole numbers with more different values than this are an amount, not a class."""

MAX_CLASSES = 1_000
SHOWN_CLASSES = 20

RARE = 0.1
"""A class of two is rare below this share: its rows weigh more."""

SEPARATOR = ";"
"""Between the labels of a row that has several."""


@dataclass(frozen=True)
class Goal:
    """What is to be learnt.

    Attributes
    ----------
    task
        Task of the spec.
    output
        The decoder.
    loss, metrics
        Of the recipe.
    reason
        Why this decoder.
    weights
        Weight of a row of each class, where they differ.
    unusable
        Number of rows without a usable target.
    notes
        What a user should know.
    """

    task: str
    output: dict[str, Choice]
    loss: str
    metrics: list[str]
    reason: str = ""
    weights: dict[str, float] = field(default_factory=dict)
    unusable: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def classifies(self) -> bool:
        """Whether each row has one class."""
        return (
            self.loss == "sparse_categorical_crossentropy" or "binary" in self.output["uses"].value
        )


def find_goal(target: Target, rows: int, source: str, plugin: str) -> Goal:
    """Return what fits a target.

    Parameters
    ----------
    target, rows, source
        The target, the number of rows, and the name of the data.
    plugin
        The plugin whose decoders are named.

    Raises
    ------
    InputError
        If there is nothing to learn.
    """
    where = f"{source}: the target" + (f" {target.name!r}" if target.name else "")
    if target.counts is None:
        return _array_goal(target, where, plugin)
    counts = Counter[str]()
    for label, count in target.counts.items():
        counts[as_cell(label)] += count
    empty = sum(counts.pop(text, 0) for text in ("", "None", "nan", "<NA>", "NaT"))
    if len(counts) < 2:
        what = f"{next(iter(counts))!r}" if counts else "empty"
        msg = f"{where} is {what} in every row"
        raise InputError(msg, kind="bad-target")
    numbers = {text: number_of(text) for text in counts}
    numeric = all(number == number for number in numbers.values())
    whole = numeric and all(number.is_integer() for number in numbers.values())
    if len(counts) > 2 and numeric and not (whole and len(counts) <= MAX_CODES):
        return _value_goal(numbers, empty, plugin)
    labels = _several_labels(counts)
    if labels:
        return _labels_goal(labels, plugin)
    if len(counts) > MAX_CLASSES or len(counts) > sum(counts.values()) / 2:
        msg = (
            f"{where} has {len(counts):,} different texts in {rows:,} rows; expected numbers, or "
            "classes that occur several times"
        )
        raise InputError(msg, kind="bad-target")
    return _class_goal(counts, numbers, empty, whole, plugin)


def _array_goal(target: Target, where: str, plugin: str) -> Goal:
    import numpy as np

    try:
        numbers = np.array(list(target.labels), float)
    except (ValueError, TypeError):
        numbers = np.empty(0)
    if numbers.ndim != 2:
        shape = "of several lengths" if numbers.ndim < 2 else f"of shape {numbers.shape[1:]}"
        msg = f"{where} is arrays {shape}; write a spec with an architecture that gives them"
        raise InputError(msg, kind="bad-target")
    if np.isin(numbers, (0, 1)).all():
        if (numbers.sum(axis=1) == 1).all():
            output = {"uses": Choice(f"{plugin}/classes", "one-hot")}
            loss = "sparse_categorical_crossentropy"
            return Goal("tabular-classification", output, loss, ["accuracy"])
        names = [str(number) for number in range(numbers.shape[1])]
        return _labels_goal(names, plugin)
    output = {
        "uses": Choice(f"{plugin}/numbers", f"vectors of {numbers.shape[1]} numbers"),
        "scale": Choice("standard", "losses and errors of the training are in this scale"),
    }
    return Goal("vector-regression", output, "mse", ["mae"])


def _value_goal(numbers: Mapping[str, float], empty: int, plugin: str) -> Goal:
    low, high = min(numbers.values()), max(numbers.values())
    output = {
        "uses": Choice(f"{plugin}/value", f"a number, {low:g} to {high:g}"),
        "scale": Choice("standard", "losses and errors of the training are in this scale"),
    }
    notes = _unusable_notes(empty)
    return Goal("tabular-regression", output, "mse", ["mae"], unusable=empty, notes=notes)


def _several_labels(counts: Counter[str]) -> list[str]:
    """Return the labels of rows that have several each; none if rows have one."""
    parts = sorted({part.strip() for text in counts for part in text.split(SEPARATOR)} - {""})
    several = sum(count for text, count in counts.items() if SEPARATOR in text)
    usual = several > 0.05 * sum(counts.values())
    return parts if usual and 2 <= len(parts) <= min(MAX_CLASSES, len(counts)) else []


def _labels_goal(labels: list[str], plugin: str) -> Goal:
    output = {
        "uses": Choice(f"{plugin}/labels", "each row may have several of them"),
        "labels": Choice(labels, ""),
    }
    loss, metrics = "binary_crossentropy", ["binary_accuracy"]  # an empty cell has no label
    return Goal("multi-label-classification", output, loss, metrics)


def _class_goal(
    counts: Counter[str], numbers: Mapping[str, float], empty: int, whole: bool, plugin: str
) -> Goal:
    rows = sum(counts.values())
    order = sorted(counts, key=lambda text: (numbers[text], text) if whole else (0.0, text))
    two = len(counts) == 2
    shown = ", ".join(f"{text} {counts[text] / rows:.1%}" for text in order[:SHOWN_CLASSES])
    more = ", …" if len(order) > SHOWN_CLASSES else ""
    output = {"uses": Choice(f"{plugin}/binary" if two else f"{plugin}/classes", shown + more)}
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
    return Goal(
        "tabular-classification",
        output,
        "binary_crossentropy" if two else "sparse_categorical_crossentropy",
        ["accuracy"],
        "whole numbers of few values: classes" if whole and not two else "",
        weights,
        empty,
        notes,
    )


def _unusable_notes(empty: int) -> list[str]:
    if not empty:
        return []
    rows = "1 row has no target and is" if empty == 1 else f"{empty:,} rows have no target and are"
    return [f"{rows} left out of the training"]
