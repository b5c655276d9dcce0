"""Results of a model: one record per input, in input order, with an error or a result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from zoo.errors import InputError


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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one input has no result: a short machine-readable kind and a sentence."""

    kind: str
    message: str

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
            "input": self.input,
            "model": self.model,
            "weights": self.weights,
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            "error": self.error.to_dict() if self.error else None,
        }


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result for one row of a table (or one line of text).

    Attributes
    ----------
    row
        Position of the row in the input, from 0.
    prediction, score, probabilities
        Best class, its probability, and the probability of every class (classification).
    value
        The predicted number, or numbers (regression and features).
    error
        Why there is no result.
    """

    row: int
    prediction: str | None = None
    score: float | None = None
    probabilities: dict[str, float] | None = None
    value: float | list[float] | None = None
    error: Failure | None = None

    @classmethod
    def of(cls, row: int, answer: Any) -> RowResult:
        """Return the result of a row from its answer, as `zoo.Model.answers` returns it."""
        if error := Failure.of(answer):
            return cls(row, error=error)
        if not isinstance(answer, tuple):
            return cls(row, value=answer)
        best, scores = answer[0], sorted(answer, key=lambda prediction: prediction.index)
        count = Counter(prediction.label for prediction in scores)
        names = (p.label if count[p.label] == 1 else f"{p.label} ({p.index})" for p in scores)
        probabilities = {name: p.score for name, p in zip(names, scores, strict=True)}
        return cls(row, best.label, best.score, probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Return the record that ``--format jsonl`` prints: only the fields that apply."""
        names = ("row", "prediction", "score", "probabilities", "value")
        record = {name: value for name in names if (value := getattr(self, name)) is not None}
        return record | ({"error": self.error.to_dict()} if self.error else {})
