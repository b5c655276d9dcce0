"""Old and new rows: whether they fit a trained model, and which of them are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.data.labelled import Labelled
from zoo.data.stream import Stream
from zoo.data.table import Table
from zoo.errors import InputError, UsageError
from zoo.inference.rows import parts
from zoo.parts.base import Classifier
from zoo.spec.training import Training
from zoo_weights import printable

if TYPE_CHECKING:
    from zoo.inference.model import Model


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
