"""Loss and metrics of a model over labelled rows, and what its training had to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.tensors import each
from zoo.data.labelled import Labelled
from zoo.data.stream import Stream
from zoo.errors import InputError
from zoo.inference.measure import evaluate_on, training_of
from zoo.inference.origin import environment_of, trained_on
from zoo.inference.rows import parts, source_of, tensors
from zoo.registry.registry import registry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.tensors import Tensors
    from zoo.inference.base import BaseModel

WORDS = {
    "held out": "rows held out of its training",
    "trained on": "rows it was trained on",
    "mixed": "rows of {}; rows it was trained on may be among them",
    "given": "rows of {}",
}
"""How `Figures.rows` is said."""


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

    def __init__(self, values: dict[str, float], rows: str, count: int, source: str) -> None:
        super().__init__(values)
        self.rows = rows
        self.count = count
        self.words = f"{count:,} {WORDS[rows].format(source)}"


def measured(
    model: BaseModel, data: Any, target: str | None
) -> tuple[Figures, Tensors, NDArray[Any]]:
    """Return loss and metrics of a model over labelled data, and its inputs and targets.

    See `zoo.Model.evaluate`.
    """
    import numpy as np

    rows, kind = _rows(model, data, target)
    known = [part["sha256"] for part in environment_of(model).get("data", {}).values()]
    other = isinstance(rows, Labelled) and rows.content()["sha256"] not in known
    if data is None and known and other:
        msg = f"{rows.source}: holds other rows than when {model.spec.name} was trained; give "
        raise InputError(msg + "labelled data", kind="changed-data")
    skip = training_of(model).skip_bad_rows
    notes: list[str] = []
    pieces = [
        tensors(piece, model.preprocessor, model.decoder, skip=skip, notes=notes)
        for piece in (rows if isinstance(rows, Stream) else [rows])
    ]
    if not any(len(targets) for _, targets in pieces):
        msg = f"{rows.source}: has no rows that can be measured"
        raise InputError(msg, kind="no-rows")
    inputs = each(lambda *arrays: np.concatenate(arrays), *(piece for piece, _ in pieces))
    targets = np.concatenate([targets for _, targets in pieces])
    values = evaluate_on(model, inputs, targets)
    figures = Figures(values, kind, len(targets), rows.source)
    figures.words = "; ".join([figures.words, *notes])
    return figures, inputs, targets


def _rows(model: BaseModel, data: Any, target: str | None) -> tuple[Labelled | Stream, str]:
    """Return the rows to measure a model on, and what its training had to do with them."""
    told, sources, name = trained_on(model), [data], model.spec.name
    if data is None and told:
        sources = [told.test] if told.test else told.data
        if not sources or not all(map(_is_here, sources)):
            what = ", ".join(sources) or "handed over in Python"
            msg = f"the rows that {name} was trained on ({what}) are not here; give labelled data"
            raise InputError(msg, kind="not-here")
    training = training_of(model)
    found = [parts(model.preprocessor, training, source, target) for source in sources]
    pieces = [content.get("test", content["train"]) for content in found]
    rows = _joined(pieces)
    if data is not None and (told is None or source_of(training, data) not in told.data):
        return rows, "given"
    if all("test" in content for content in found) or (data is None and told and told.test):
        return rows, "held out"
    count = len(rows) if isinstance(rows, Labelled) else None
    if told is None or data is not None:
        return rows, "mixed" if told is None or told.held or told.rows != count else "trained on"
    if told.rows not in (None, count):
        msg = f"{rows.source}: has {count} rows and had {told.rows} when {name} was trained, so "
        msg += "those held out cannot be told from the others; give labelled data"
        raise InputError(msg, kind="changed-data")
    if told.held is None:
        return rows, "trained on"
    return _joined([told.held_out(piece) for piece in pieces]), "held out"


def _is_here(source: str) -> bool:
    # Nothing but a file or folder: the path is what a bundle says.
    known = source in registry().datasets.names()
    return known or Path(source).is_file() or Path(source).is_dir()


def _joined(pieces: list[Any]) -> Labelled | Stream:
    return pieces[0] if len(pieces) == 1 else Labelled.join(pieces)
