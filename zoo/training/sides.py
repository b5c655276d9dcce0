"""Old and new rows: whether they fit a trained model, and which of them are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from zoo.components import Classifier
from zoo.data.labelled import Labelled
from zoo.data.stream import Stream
from zoo.data.table import Table
from zoo.errors import InputError, UsageError
from zoo.spec.training import Split, Training
from zoo.training.data import parts
from zoo_weights import printable

if TYPE_CHECKING:
    from zoo.model import Model

HELD = Split(held=0.2, order="stratified", seed=1)
"""What is held out of the rows of each side; of numbers, which have no classes, in random order."""


def split_for(parent: Model) -> Split:
    """Return how rows of a model's kind are held out."""
    return HELD if isinstance(parent.decoder, Classifier) else replace(HELD, order="random")


def rows_for(parent: Model, training: Training, data: Any, *, part: str = "train") -> Labelled:
    """Return the rows of one side, once they are known to fit the model.

    Parameters
    ----------
    parent
        The trained model.
    training
        The recipe, which names the target.
    data
        As for `zoo.retrain`.
    part
        Which part of a dataset is meant, where it has several.

    Raises
    ------
    UsageError
        If the rows are streamed.
    InputError
        If columns of the model are missing, or there are classes that it does not know.
    """
    content = parts(parent.preprocessor, training, data, training.target)
    rows: Labelled | Stream = content.get(part, content["train"])
    if isinstance(rows, Stream):
        msg = f"{rows.source}: is streamed, and rows can be held out of those in memory only"
        raise UsageError(msg)
    _check_columns(parent, rows)
    _check_classes(parent, rows, training)
    return rows


def _check_columns(parent: Model, rows: Labelled) -> None:
    wanted = getattr(parent.preprocessor, "columns", None) or ()
    if not isinstance(rows.inputs, Table):
        return
    missing = [name for name in wanted if name not in rows.inputs.columns]
    if missing:
        has = printable(", ".join(rows.inputs.columns), 1000)
        msg = (
            f"{rows.source}: does not fit {parent.spec.name}: columns {', '.join(missing)} are "
            f"missing; it has {has}"
        )
        raise InputError(msg, kind="missing-column")


def _check_classes(parent: Model, rows: Labelled, training: Training) -> None:
    if not isinstance(parent.decoder, Classifier) or training.skip_bad_rows:
        return
    errors = parent.decoder.encode(rows.labels)[1]
    pairs = zip(rows.labels, errors, strict=True)
    unknown = {str(label).strip() for label, error in pairs if error}
    unknown -= {"", "None", "nan"}  # an empty cell is a bad row, not a class
    if unknown:
        known = parent.decoder.state().get("labels") or ()
        shown = printable(", ".join(map(repr, sorted(unknown))), 500)
        msg = (
            f"{rows.source}: does not fit {parent.spec.name}: it holds the classes {shown}, the "
            f"model knows {printable(', '.join(map(repr, known)), 500)}; new classes need a new "
            "model, `zoo train`"
        )
        raise InputError(msg, kind="unknown-class")
