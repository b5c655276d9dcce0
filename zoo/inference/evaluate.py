"""Loss and metrics of a model over labelled rows, and whether it was trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.backend.runner import count_samples, map_arrays
from zoo.data.labelled import LabelledRows
from zoo.data.stream import Stream
from zoo.display import html_table, one_line
from zoo.errors import InputError
from zoo.inference.measure import evaluate_on, training_of
from zoo.inference.origin import environment_of, training_rows
from zoo.inference.rows import load_data, source_of, to_tensors
from zoo.registry.registry import registry

if TYPE_CHECKING:
    from zoo.backend.runner import Tensors
    from zoo.inference.base import BaseModel

DESCRIPTIONS = {
    "held out": "rows held out of its training",
    "trained on": "rows it was trained on",
    "mixed": "rows of {}; rows it was trained on may be among them",
    "given": "rows of {}",
}
"""Text of `Figures.words` for each value of `Figures.rows`."""


class Figures(dict[str, float]):
    """Loss and metrics by name, and the rows they are of.

    Attributes
    ----------
    rows
        ``"held out"`` of the model's training, ``"trained on"``, ``"mixed"`` where rows that it was
        trained on may be among them, or ``"given"``: rows other than those of its training.
    count
        Number of rows.
    words
        Both in words.
    failures
        Name and message of each input that could not be measured, where others could.
    """

    def __init__(
        self,
        values: dict[str, float],
        rows: str,
        count: int,
        source: str,
        *,
        failures: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(values)
        self.failures = failures
        self.rows = rows
        self.count = count
        self.words = f"{count:,} {DESCRIPTIONS[rows].format(source)}"

    def __repr__(self) -> str:
        return one_line(self, *(f"{name} {value:.4g}" for name, value in self.items()), self.words)

    def _repr_html_(self) -> str:
        return html_table([{"": self.words, **self}])


class Measured(NamedTuple):
    """The figures of a model and the rows they are of.

    Attributes
    ----------
    figures
        Loss and metrics.
    raws
        The raw inputs; None if they were streamed, or some were left out.
    inputs, targets
        The tensors.
    """

    figures: Figures
    raws: Any
    inputs: Tensors
    targets: Tensors


def evaluate_data(model: BaseModel, data: Any, target: str | Sequence[str] | None) -> Measured:
    """Measure a model on labelled data; see `zoo.Model.evaluate`."""
    import numpy as np

    rows, kind = _rows_for(model, data, target)
    digests = [part["sha256"] for part in environment_of(model).get("data", {}).values()]
    changed = isinstance(rows, LabelledRows) and rows.content()["sha256"] not in digests
    if data is None and digests and changed:
        msg = f"{rows.source}: its rows have changed since {model.spec.name} was trained; "
        raise InputError(msg + "pass labelled data", kind="changed-data")
    skip = training_of(model).skip_bad_rows
    notes: list[str] = []
    pieces = [
        to_tensors(piece, model.preprocessor, model.decoder, skip=skip, notes=notes)
        for piece in (rows if isinstance(rows, Stream) else [rows])
    ]
    if not any(count_samples(targets) for _, targets in pieces):
        msg = f"{rows.source}: has no rows that can be measured"
        raise InputError(msg, kind="no-rows")
    inputs = map_arrays(lambda *arrays: np.concatenate(arrays), *(piece for piece, _ in pieces))
    targets = map_arrays(lambda *arrays: np.concatenate(arrays), *(piece for _, piece in pieces))
    values = evaluate_on(model, inputs, targets)
    figures = Figures(values, kind, count_samples(targets), rows.source)
    figures.words = "; ".join([figures.words, *notes])
    raws = rows.inputs if isinstance(rows, LabelledRows) and len(rows) == figures.count else None
    return Measured(figures, raws, inputs, targets)


def _rows_for(
    model: BaseModel, data: Any, target: str | Sequence[str] | None
) -> tuple[LabelledRows | Stream, str]:
    """Return the rows to measure a model on, and whether it was trained on them."""
    origin, sources, name = training_rows(model), [data], model.spec.name
    if data is None and origin:
        sources = [origin.test] if origin.test else origin.data
        if not sources or not all(map(_is_here, sources)):
            what = ", ".join(sources) or "passed in Python"
            msg = f"the rows that {name} was trained on ({what}) are missing; pass labelled data"
            raise InputError(msg, kind="not-here")
    training = training_of(model)
    contents = [load_data(model.preprocessor, training, source, target) for source in sources]
    held = [content.get("test", content.get("validation")) for content in contents]
    pairs = zip(held, contents, strict=True)
    pieces = [content["train"] if own is None else own for own, content in pairs]
    rows = _join(pieces)
    if data is not None and (origin is None or source_of(training, data) not in origin.data):
        return rows, "given"
    if None not in held or (data is None and origin and origin.test):
        return rows, "held out"
    n = len(rows) if isinstance(rows, LabelledRows) else None
    if origin is None or data is not None:
        return rows, "mixed" if origin is None or origin.held or origin.rows != n else "trained on"
    if origin.rows not in (None, n):
        msg = f"{rows.source}: has {n} rows and had {origin.rows} when {name} was trained, so "
        msg += "those held out cannot be identified; pass labelled data"
        raise InputError(msg, kind="changed-data")
    if origin.held is None:
        return rows, "trained on"
    return _join([origin.held_out(piece) for piece in pieces]), "held out"


def _is_here(source: str) -> bool:
    # Only a file or folder counts: the path comes from a bundle.
    registered = source in registry().datasets.names()
    return registered or Path(source).is_file() or Path(source).is_dir()


def _join(pieces: list[Any]) -> LabelledRows | Stream:
    return pieces[0] if len(pieces) == 1 else LabelledRows.join(pieces)
