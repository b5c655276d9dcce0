"""Loss and metrics of a model over labelled rows, and what its training had to do with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from zoo.data.labelled import Labelled
from zoo.data.split import folds
from zoo.data.stream import Stream
from zoo.errors import InputError
from zoo.registry.registry import registry
from zoo.tensors import each
from zoo.training.data import parts, source_of, tensors
from zoo.training.lineage import lineage_in, run_of
from zoo.training.recipe import evaluate_on, training_of
from zoo.training.sides import hold_out, rows_for
from zoo.training.train import divided

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.model import Model
    from zoo.spec.training import Training
    from zoo.tensors import Tensors
    from zoo.training.run import Run

Rows = Literal["held out", "trained on", "mixed", "given"]

WORDS: dict[str, str] = {
    "held out": "{0} rows held out of its training",
    "trained on": "{0} rows it was trained on",
    "mixed": "{0} rows of {1}; rows it was trained on may be among them",
    "given": "{0} rows of {1}",
}


class TrainedOn(msgspec.Struct, omit_defaults=True):
    """What a run tells of its rows, in its environment.

    Attributes
    ----------
    data
        Name of a dataset, or path; None where the rows were handed over in memory.
    rows
        How many there were of each part.
    fold
        Which fold was held out, and of how many.
    """

    data: str | None = None
    rows: dict[str, int] = {}
    fold: tuple[int, int] | None = None


class Figures(dict[str, float]):
    """Loss and metrics by name, and which rows they are of.

    Attributes
    ----------
    rows
        ``"held out"`` of the model's training, ``"trained on"``, ``"mixed"`` where rows that it was
        trained on may be among them, or ``"given"``: others than those of its training.
    count
        How many rows.
    words
        Both in words.
    """

    def __init__(self, values: dict[str, float], rows: Rows, count: int, source: str) -> None:
        super().__init__(values)
        self.rows = rows
        self.count = count
        self.words = WORDS[rows].format(f"{count:,}", source)


def evaluate(model: Model, data: Any = None, target: str | None = None) -> Figures:
    """Return loss and metrics of a model over labelled data; see `zoo.Model.evaluate`."""
    return measured(model, data, target)[0]


def measured(
    model: Model, data: Any, target: str | None
) -> tuple[Figures, Tensors, NDArray[Any]]:
    """Return loss and metrics of a model over labelled data, and their inputs and targets."""
    import numpy as np

    training = training_of(model)
    rows, kind = _rows(model, training, data, target)
    pieces = [
        tensors(piece, model.preprocessor, model.decoder, skip=training.skip_bad_rows)
        for piece in (rows if isinstance(rows, Stream) else [rows])
    ]
    if not any(len(targets) for _, targets in pieces):
        msg = f"{rows.source}: has no rows that can be measured"
        raise InputError(msg, kind="no-rows")
    inputs = each(lambda *arrays: np.concatenate(arrays), *(piece for piece, _ in pieces))
    targets = np.concatenate([targets for _, targets in pieces])
    values = evaluate_on(model, inputs, targets)
    return Figures(values, kind, len(targets), rows.source), inputs, targets


def _rows(
    model: Model, training: Training, data: Any, target: str | None
) -> tuple[Labelled | Stream, Rows]:
    """Return the rows to measure a model on, and what its training had to do with them."""
    run = run_of(model)
    lineage = lineage_in(run.environment) if run else {}
    if run and "strategy" in lineage:
        return _rows_of_update(model, training, lineage, data, target)
    told = _trained_on(run) if run and not lineage.get("members") else None
    source = told.data if told else training.dataset
    if data is None and told:
        _check_here(model, source)
    elif data is not None and source_of(training, data) != source:
        content = parts(model.preprocessor, training, data, target)
        return content.get("test", content["train"]), "given"
    content = parts(model.preprocessor, training, source if data is None else data, target)
    if "test" in content:
        return content["test"], "held out"
    if run is None or told is None:
        return content["train"], "mixed"
    rows, held = content["train"], "validation" in run.metrics
    if told.fold:
        number, count = told.fold
        content["validation"] = rows.take(folds(len(rows), count)[number - 1][1])
    elif held:
        content = divided(content, run.spec.training or training, run.seed)
    counts = {part: len(content[part]) for part in told.rows}
    same = counts == told.rows
    if data is not None:
        return rows, "trained on" if source and same and not held else "mixed"
    if not same:
        then, now = sum(told.rows.values()), sum(counts.values())
        msg = (
            f"{source}: it had {then} rows when {model.spec.name} was trained, and has {now} now, "
            "so those held out cannot be told from the others; give labelled data with --data"
        )
        raise InputError(msg, kind="changed-data")
    return (content["validation"], "held out") if held else (rows, "trained on")


def _rows_of_update(
    model: Model, training: Training, lineage: Mapping[str, Any], data: Any, target: str | None
) -> tuple[Labelled | Stream, Rows]:
    """Return the rows to measure a retrained model on: those that were held out of each side."""
    named = {side: lineage.get(side) for side in ("data", "old", "test")}
    if data is not None:
        content = parts(model.preprocessor, training, data, target)
        kind: Rows = "mixed" if str(data) in named.values() else "given"
        return content.get("test", content["train"]), kind
    for source in named.values():
        if source is not None:
            _check_here(model, source)
    sides = {
        side: rows_for(model, training, named[side]) for side in ("old", "data") if named[side]
    }
    return hold_out(model, training, sides, named["test"])[1]["test"], "held out"


def _trained_on(run: Run) -> TrainedOn | None:
    """Return what a run tells of its rows; None for those of a zoo that took no note of it.

    Of these, too, is known which rows were held out, unless they were trained on other data than
    the recipe's.
    """
    told, recipe = run.environment.get("trained_on"), run.spec.training
    if told is not None:
        return msgspec.convert(told, TrainedOn)
    arguments = map(str, run.environment.get("arguments", ()))
    known = recipe and recipe.validation and "validation" in run.metrics
    if known and not any(text.startswith("--data") for text in arguments):
        return TrainedOn(recipe.dataset)
    return None


def _check_here(model: Model, source: str | None) -> None:
    """Raise `InputError` unless data are here that a model was trained on."""
    if source in registry().datasets.names() or (source and Path(source).exists()):
        return
    what = f"{source}, which {model.spec.name} was trained on, is not here"
    if source is None:
        what = f"{model.spec.name} was trained on rows that were handed over in Python"
    msg = f"{what}; give labelled data with --data"
    raise InputError(msg, kind="not-here")
