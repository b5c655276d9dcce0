"""What models answer: predictions, results of images and rows, and lists of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.data.inputs import name_fields
from zoo.display import MAX_ROWS, html_table, one_line, to_frame
from zoo.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class and its probability.

    Attributes
    ----------
    index
        Position of the class in the network's output.
    label
        Name for display; not unique in every label set.
    score
        Probability, 0 to 1.
    id
        The label set's own identifier (a WordNet id for ImageNet), where it has one.
    """

    index: int
    label: str
    score: float
    id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``--format json`` prints."""
        return {"index": self.index, "id": self.id, "label": self.label, "score": self.score}


class LabelScores(tuple[Prediction, ...]):
    """Predictions of labels of which a row may have several, or none; each is by itself."""

    __slots__ = ()

    @property
    def chosen(self) -> str:
        """The labels whose probability is at least a half, in their order, with semicolons."""
        order = sorted(self, key=lambda prediction: prediction.index)
        return "; ".join(prediction.label for prediction in order if prediction.score >= 0.5)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one input has no result: a short machine-readable kind and a sentence."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"error: {self.message}"

    @classmethod
    def of(cls, answer: Any) -> Failure | None:
        """Return the failure of an answer that is an `InputError`, else None."""
        return cls(answer.kind, answer.message) if isinstance(answer, InputError) else None

    def to_dict(self) -> dict[str, str]:
        """Return the record that ``--format json`` prints."""
        return {"kind": self.kind, "message": self.message}


@dataclass(frozen=True, slots=True)
class Classification:
    """The classes predicted for one input."""

    input: str
    model: str
    weights: str | None
    predictions: tuple[Prediction, ...] = ()
    error: Failure | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``--format json`` prints."""
        return {
            **name_fields(self.input),
            "model": self.model,
            "weights": self.weights,
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            "error": self.error.to_dict() if self.error else None,
        }

    def cells(self) -> list[dict[str, Any]]:
        """Return a row of a table for each prediction; a failed input has one with its error."""
        common = {"input": self.input, "model": self.model, "weights": self.weights}
        error = self.error and self.error.message
        return [
            {**common, "rank": rank, **(prediction.to_dict() if prediction else {}), "error": error}
            for rank, prediction in enumerate(self.predictions or [None], 1)
        ]

    def __repr__(self) -> str:
        best = [f"{one.label} {one.score:.1%}" for one in self.predictions[:1]]
        return one_line(self, repr(self.input), *best, self.error)


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result for one row of a table (or one line of text).

    Attributes
    ----------
    row
        Position of the row in the input, from 0.
    prediction, score, probabilities
        Best class, its probability, and the probability of every class (classification). Where a
        row may have several labels, those of at least a half, without a score. Or a text alone.
    value
        The predicted number or numbers (regression and features), or the class of each position.
    outputs
        Of models with several outputs: the fields above of each, by its name.
    error
        Why there is no result.
    """

    row: int
    prediction: str | None = None
    score: float | None = None
    probabilities: dict[str, float] | None = None
    value: float | list[Any] | None = None
    outputs: dict[str, dict[str, Any]] | None = None
    error: Failure | None = None

    @classmethod
    def of(cls, row: int, answer: Any) -> RowResult:
        """Return the result of a row from its answer, as `zoo.Model.answers` returns it."""
        if error := Failure.of(answer):
            return cls(row, error=error)
        if isinstance(answer, str):
            return cls(row, prediction=answer)
        if isinstance(answer, dict):
            return cls(row, outputs={name: _record(one) for name, one in answer.items()})
        if not isinstance(answer, tuple):
            return cls(row, value=answer)
        best, scores = answer[0], sorted(answer, key=lambda prediction: prediction.index)
        probabilities = {prediction.label: prediction.score for prediction in scores}
        if len(probabilities) < len(scores):
            count = Counter(prediction.label for prediction in scores)
            names = (p.label if count[p.label] == 1 else f"{p.label} ({p.index})" for p in scores)
            probabilities = {name: p.score for name, p in zip(names, scores, strict=True)}
        if isinstance(answer, LabelScores):
            return cls(row, answer.chosen, probabilities=probabilities)
        return cls(row, best.label, best.score, probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``--format jsonl`` prints: only the fields that apply."""
        names = ("row", "prediction", "score", "probabilities", "value", "outputs")
        record = {name: value for name in names if (value := getattr(self, name)) is not None}
        return record | ({"error": self.error.to_dict()} if self.error else {})

    def cells(self) -> list[dict[str, Any]]:
        """Return the row of a table: a column for each probability, and for each of the outputs."""
        return [dict(_flat({**self.to_dict(), "error": self.error and self.error.message}))]

    def __repr__(self) -> str:
        parts = self.outputs or {"": self.to_dict()}
        shown = [f"{name} {_answer(part)}".strip() for name, part in parts.items()]
        return one_line(self, self.row, *filter(None, shown), self.error)


def _record(answer: Any) -> dict[str, Any]:
    """Return the record of one of several outputs."""
    record = RowResult.of(0, answer).to_dict()
    del record["row"]
    return record


def _answer(record: dict[str, Any]) -> str:
    """Return what a record says, in short."""
    if "score" in record:
        return f"{record['prediction']} {record['score']:.1%}"
    value = record.get("prediction", record.get("value", ""))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _flat(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the cells of a record with the name of each column."""
    for name, value in record.items():
        if name == "probabilities":
            yield from ((f"{prefix}probability_{label}", score) for label, score in value.items())
        elif name == "outputs":
            for output, part in value.items():
                yield from _flat(part, f"{output}_")
        else:
            yield prefix + name, value


AnyResult = TypeVar("AnyResult", Classification, RowResult)


class Results(list[AnyResult]):
    """The results of many inputs, in their order: a list that a notebook shows as a table."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the results as a frame: a row for each, or for each prediction of an image.

        Raises
        ------
        UsageError
            If pandas is missing.
        """
        return to_frame([row for result in self for row in result.cells()])

    def _repr_html_(self) -> str:
        shown = itertools.islice(self, MAX_ROWS)
        rows = [row for result in shown for row in result.cells()]
        total = sum(len(getattr(result, "predictions", ())) or 1 for result in self)
        return html_table(rows, more=total - len(rows))
