"""Old and new rows: reading them, and checking that they fit a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.data.labelled import LabelledRows
from zoo.data.stream import Stream
from zoo.data.table import Table
from zoo.errors import InputError, UsageError
from zoo.inference.rows import load_data
from zoo.parts.base import Classifier
from zoo.spec.model import Training
from zoo_weights.text import printable

if TYPE_CHECKING:
    from zoo.inference.model import Model


def read_rows(parent: Model, training: Training, data: Any, *, part: str = "train") -> LabelledRows:
    """Read the rows of one side, and check that they fit the model.

    Parameters
    ----------
    parent
        The trained model.
    training
        The recipe, which names the target.
    data
        As for `zoo.retrain`.
    part
        Part of the dataset to read, if it has several.

    Raises
    ------
    UsageError
        If the rows are streamed.
    InputError
        If columns of the model are missing, or the rows have classes that it does not know.
    """
    content = load_data(parent.preprocessor, training, data, training.target)
    rows: LabelledRows | Stream = content.get(part, content["train"])
    if isinstance(rows, Stream):
        msg = f"{rows.source}: is streamed; retraining needs rows in memory"
        raise UsageError(msg)
    _check_columns(parent, rows)
    _check_classes(parent, rows, training)
    return rows


def _check_columns(parent: Model, rows: LabelledRows) -> None:
    required = getattr(parent.preprocessor, "columns", None) or ()
    if not isinstance(rows.inputs, Table):
        return
    missing = [name for name in required if name not in rows.inputs.columns]
    if missing:
        columns = printable(", ".join(rows.inputs.columns), 1000)
        msg = (
            f"{rows.source}: does not fit {parent.spec.name}: columns {', '.join(missing)} are "
            f"missing; it has {columns}"
        )
        raise InputError(msg, kind="missing-column")


def _check_classes(parent: Model, rows: LabelledRows, training: Training) -> None:
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
            f"{rows.source}: does not fit {parent.spec.name}: it has the classes {shown}, the "
            f"model knows {printable(', '.join(map(repr, known)), 500)}; new classes need a new "
            "model, `zoo train`"
        )
        raise InputError(msg, kind="unknown-class")
