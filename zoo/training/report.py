"""What a model gets right and wrong on labelled data: a report of classes or of values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.errors import UsageError
from zoo.inference.accuracy import judge_photos
from zoo.inference.evaluate import Figures, Measured, evaluate_data
from zoo.inference.measure import outputs_of, true_classes
from zoo.inference.model import IMAGE_BATCH, Model
from zoo.parts.base import Classifier, Regressor, Sequencer
from zoo.parts.heads import Head, first_error, heads_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.plots.side_by_side import Drawing

MAX_ANSWERS = 200
"""Answers to pieces of sequences that a text report lists, at most."""


class ClassFigures(msgspec.Struct, frozen=True):
    """Precision, recall and F1 of one class.

    Attributes
    ----------
    label
        Name of the class.
    precision
        Share of the rows predicted to be of the class that are; 0 if none are predicted.
    recall
        Share of the rows of the class that are predicted to be; 0 if there are none.
    f1
        Harmonic mean of both.
    support
        Number of rows of the class.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class Report(ABC):
    """What a model gets right and wrong."""

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """Return the report as plain data."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """Yield the lines of the report as a text."""

    @abstractmethod
    def drawings(self) -> dict[str, Drawing]:
        """Return its drawings, by output."""

    def draw(self, path: Path, title: str) -> Path:
        """Draw the report and return the path."""
        from zoo.plots.side_by_side import draw_side_by_side

        return draw_side_by_side(path, title, self.drawings())


@dataclass(frozen=True)
class ClassReport(Report):
    """A classifier's predictions against the true classes.

    Attributes
    ----------
    labels
        The classes that occur, true or predicted, in the order of the outputs.
    confusion
        Number of rows by true class (first axis) and predicted class.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    @classmethod
    def of(
        cls, true: Sequence[int], predicted: Sequence[int], names: Mapping[int, str]
    ) -> ClassReport:
        """Return the report of rows from the index of their classes, and the classes' names."""
        import numpy as np

        present, places = np.unique([*true, *predicted], return_inverse=True)
        confusion = np.zeros((len(present), len(present)), np.int64)
        np.add.at(confusion, (places[: len(true)], places[len(true) :]), 1)
        return cls(tuple(names[index] for index in present.tolist()), confusion)

    @property
    def accuracy(self) -> float:
        """Share of the rows whose class is predicted correctly."""
        return float(self.confusion.trace() / self.confusion.sum())

    def classes(self) -> list[ClassFigures]:
        """Return the figures of each class."""
        true, predicted = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        figures = []
        for i, label in enumerate(self.labels):
            hits = int(self.confusion[i, i])
            precision, recall = _ratio(hits, predicted[i]), _ratio(hits, true[i])
            f1 = _ratio(2 * hits, true[i] + predicted[i])
            figures.append(ClassFigures(label, precision, recall, f1, int(true[i])))
        return figures

    def data(self) -> dict[str, Any]:
        """Return the report as plain data, with means over classes (macro) and rows (weighted)."""
        classes = self.classes()
        rows = int(self.confusion.sum())
        names = ("precision", "recall", "f1")

        def mean(weight: Any) -> dict[str, float]:
            total = sum(weight(c) for c in classes)
            return {n: sum(getattr(c, n) * weight(c) for c in classes) / total for n in names}

        return {
            "rows": rows,
            "accuracy": self.accuracy,
            "classes": [msgspec.to_builtins(figures) for figures in classes],
            "macro": mean(lambda figures: 1),
            "weighted": mean(lambda figures: figures.support),
            "confusion": self.confusion.tolist(),
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report, a text table."""
        data = self.data()
        means = {"mean of classes": data["macro"], "mean of rows": data["weighted"]}
        rows = [{"label": name, "support": data["rows"], **row} for name, row in means.items()]
        width = max(len(label) for label in (*self.labels, *means))
        yield f"{'':{width}}  precision  recall      F1  support"
        for row in [*data["classes"], *rows]:
            cells = f"{row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}"
            yield f"{row['label']:{width}}  {cells}  {row['support']:7,}"
        yield f"{'accuracy':{width}}  {'':9}  {'':6}  {self.accuracy:6.4f}  {data['rows']:7,}"

    def drawings(self) -> dict[str, Drawing]:
        """Return the drawing of the confusion matrix, under no name."""
        from zoo.plots.confusion import confusion_matrix

        return {"": confusion_matrix(self.confusion, self.labels)}


class Answer(msgspec.Struct, frozen=True):
    """What a model continues a piece of a sequence with.

    Attributes
    ----------
    input
        The piece.
    prediction, true
        The likeliest continuation, and the right one.
    """

    input: str
    prediction: str
    true: str

    def __str__(self) -> str:
        wrong = f", not {self.true}" if self.prediction != self.true else ""
        return f"{self.input} -> {self.prediction}{wrong}"


@dataclass(frozen=True)
class AnswerReport(ClassReport):
    """A report of a model of sequences, which also lists its answers.

    Attributes
    ----------
    answers
        The different ones, in the order of the rows.
    """

    answers: tuple[Answer, ...]

    def data(self) -> dict[str, Any]:
        """Return the report as plain data, with the answers."""
        return {**super().data(), "answers": [msgspec.to_builtins(one) for one in self.answers]}

    def lines(self) -> Iterator[str]:
        """Yield the answers, `MAX_ANSWERS` at most."""
        yield from map(str, self.answers[:MAX_ANSWERS])
        if len(self.answers) > MAX_ANSWERS:
            yield f"... and {len(self.answers) - MAX_ANSWERS:,} more; --json has all"


@dataclass(frozen=True)
class ValueReport(Report):
    """A regressor's predictions against the true values.

    Attributes
    ----------
    true, predicted
        The values, float64 of shape (rows,), or (rows, outputs) of networks with several.
    unit
        Unit of the values, for display.
    inputs
        The input of each row, of networks that take one number and give one.
    input_name
        Name of the input, for display.
    """

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    unit: str = ""
    inputs: NDArray[Any] | None = None
    input_name: str = ""

    def data(self) -> dict[str, Any]:
        """Return mean absolute and root mean squared error, and the share of variance explained.

        ``r2`` is None if the true values are all the same.
        """
        error = self.predicted - self.true
        # Each output has its own mean.
        variance = float(((self.true - self.true.mean(axis=0)) ** 2).sum())
        return {
            "rows": len(self.true),
            "mae": float(abs(error).mean()),
            "rmse": float((error**2).mean() ** 0.5),
            "r2": 1 - float((error**2).sum()) / variance if variance else None,
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report."""
        data = self.data()
        unit = f" {self.unit}" if self.unit else ""
        r2 = "undefined, the true values are all the same"
        yield f"rows {data['rows']:,}"
        yield f"MAE {data['mae']:.4g}{unit}"
        yield f"RMSE {data['rmse']:.4g}{unit}"
        yield f"R² {r2 if data['r2'] is None else format(data['r2'], '.4f')}"

    def drawings(self) -> dict[str, Drawing]:
        """Return that of the data with the fitted line, or of predicted against true values."""
        from zoo.plots.scatter import fitted, scatter

        if self.inputs is None:
            return {"": scatter(self.true, self.predicted, unit=self.unit, lines=self.lines())}
        axes = self.input_name, self.unit or "value"
        rows = self.inputs, self.true.ravel(), self.predicted.ravel()
        return {"": fitted(*rows, axes=axes, lines=self.lines())}


@dataclass(frozen=True)
class OutputsReport(Report):
    """A report of each of several outputs.

    Attributes
    ----------
    reports
        The reports by the names of the outputs.
    """

    reports: Mapping[str, Report]

    def data(self) -> dict[str, Any]:
        """Return the reports as plain data."""
        return {name: report.data() for name, report in self.reports.items()}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the reports, each below the name of its output."""
        for number, (name, report) in enumerate(self.reports.items()):
            yield from ["", f"{name}:"] if number else [f"{name}:"]
            yield from report.lines()

    def drawings(self) -> dict[str, Drawing]:
        """Return the drawing of each output, by name."""
        return {
            name: drawing
            for name, report in self.reports.items()
            for drawing in report.drawings().values()
        }


def examine(
    model: Model, data: Any = None, target: str | Sequence[str] | None = None
) -> tuple[Figures, Report]:
    """Return a model's loss and metrics on labelled data, and a report of its predictions.

    Parameters
    ----------
    model, data, target
        As for `zoo.Model.evaluate`.

    Raises
    ------
    UsageError
        If an output of the model is neither a class nor a number.
    """
    heads = heads_of(model.spec, model.decoder)
    for head in heads:
        of = f"{model.spec.name}: {head.name}".removesuffix(": ")
        if not isinstance(head.decoder, Classifier | Regressor):
            msg = f"{of}: predicts neither classes nor numbers; a report is of one of them"
            raise UsageError(msg)
        if isinstance(head.decoder, Classifier) and not head.decoder.one_class:
            msg = f"{of}: its rows have several labels or none; a report needs one class"
            raise UsageError(msg)
    if model.spec.training is None:
        judged = judge_photos(model, data, batch_size=IMAGE_BATCH)
        return judged.figures, ClassReport.of(judged.true, judged.predicted, judged.names)
    measured = evaluate_data(model, data, target)
    outputs = outputs_of(model, measured.inputs)
    classifies = any(isinstance(head.decoder, Classifier) for head in heads)
    if classifies and (problem := first_error(model.answers(outputs, 1))):
        raise problem
    reports = {head.name: _report(model, head, measured, head.of(outputs)) for head in heads}
    return measured.figures, reports[""] if "" in reports else OutputsReport(reports)


def _report(model: Model, head: Head, measured: Measured, outputs: NDArray[Any]) -> Report:
    """Return the report of one output of a network."""
    import numpy as np

    decoder, targets = head.decoder, head.of(measured.targets)
    if isinstance(decoder, Classifier):
        report = class_report(decoder, targets, outputs)
        if isinstance(model.preprocessor, Sequencer) and measured.raws is not None:
            answers = _answers(decoder, measured.raws, targets, outputs)
            report = AnswerReport(report.labels, report.confusion, answers)
        return report
    # The network may see the target on another scale.
    true, predicted = (
        np.array(decoder.decode(array.astype(float)), float) for array in (targets, outputs)
    )
    single = _single_input(model, measured.inputs) if decoder.units == 1 else ()
    return ValueReport(true, predicted, str(getattr(decoder, "unit", "")), *single)


def class_report(decoder: Classifier, targets: NDArray[Any], outputs: NDArray[Any]) -> ClassReport:
    """Return the report of a classifier's outputs.

    Parameters
    ----------
    decoder
        Decodes the class of each row of outputs.
    targets
        The true classes, encoded by the decoder.
    outputs
        The network's outputs for these rows.
    """
    predicted = [best[0].index for best in decoder.decode(outputs, 1)]
    return ClassReport.of(true_classes(targets).tolist(), predicted, _names(decoder, outputs))


def _names(decoder: Classifier, outputs: NDArray[Any]) -> dict[int, str]:
    """Return the name of each class by its index."""
    return {prediction.index: prediction.label for prediction in decoder.decode(outputs[:1])[0]}


def _answers(
    decoder: Classifier, raws: Sequence[Any], targets: NDArray[Any], outputs: NDArray[Any]
) -> tuple[Answer, ...]:
    """Return the different answers to pieces of sequences, in the order of the rows."""
    names = _names(decoder, outputs)
    true = [names[index] for index in true_classes(targets).tolist()]
    predicted = [best[0].label for best in decoder.decode(outputs, 1)]
    return tuple(dict.fromkeys(map(Answer, map(str, raws), predicted, true)))


def _single_input(model: Model, inputs: Any) -> tuple[NDArray[Any], str] | tuple[()]:
    """Return the inputs of a network that takes one number, and their name."""
    if getattr(inputs, "shape", ())[1:] != (1,):
        return ()
    name = (getattr(model.preprocessor, "columns", None) or ["input"])[0]
    scale = getattr(model.preprocessor, "scale", "none")
    return inputs[:, 0], name if scale == "none" else f"{name}, scaled ({scale})"


def _ratio(part: float, total: float) -> float:
    return float(part / total) if total else 0.0
