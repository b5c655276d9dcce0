"""What a model gets right and wrong on labelled data: a report of classes or of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from zoo.errors import UsageError
from zoo.inference.evaluate import Figures, evaluate_data
from zoo.inference.measure import outputs_of, true_classes
from zoo.parts.base import Classifier, Regressor
from zoo.parts.heads import first_error
from zoo.parts.multi_output import Outputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.inference.model import Model


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


@dataclass(frozen=True)
class ClassReport:
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

    def draw(self, path: Path, title: str) -> Path:
        """Draw the confusion matrix and return the path."""
        from zoo.plots.confusion import draw_confusion

        return draw_confusion(self.confusion, self.labels, title, path)


@dataclass(frozen=True)
class ValueReport:
    """A regressor's predictions against the true values.

    Attributes
    ----------
    true, predicted
        The values, float64 of shape (rows,), or (rows, outputs) of networks with several.
    unit
        Unit of the values, for display.
    """

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    unit: str = ""

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

    def draw(self, path: Path, title: str) -> Path:
        """Draw predicted against true values and return the path."""
        from zoo.plots.scatter import draw_scatter

        return draw_scatter(
            self.true, self.predicted, title, path, unit=self.unit, lines=self.lines()
        )


def examine(
    model: Model, data: Any = None, target: str | Sequence[str] | None = None
) -> tuple[Figures, ClassReport | ValueReport]:
    """Return a model's loss and metrics on labelled data, and a report of its predictions.

    Parameters
    ----------
    model, data, target
        As for `zoo.Model.evaluate`.

    Raises
    ------
    UsageError
        If the model predicts neither classes nor numbers.
    """
    import numpy as np

    decoder = model.decoder
    if not isinstance(decoder, Classifier | Regressor):
        what = "several outputs" if isinstance(decoder, Outputs) else "neither classes nor numbers"
        msg = f"{model.spec.name}: predicts {what}; a report is of one output of classes or numbers"
        raise UsageError(msg)
    if isinstance(decoder, Classifier) and not decoder.one_class:
        msg = f"{model.spec.name}: its rows have several labels or none; a report needs one class"
        raise UsageError(msg)
    values, inputs, targets = evaluate_data(model, data, target)
    outputs: Any = outputs_of(model, inputs)
    if isinstance(decoder, Classifier):
        if problem := first_error(model.answers(outputs, 1)):
            raise problem
        return values, class_report(decoder, cast("Any", targets), outputs)
    # The network may see the target on another scale.
    arrays: tuple[Any, ...] = targets, outputs
    true, predicted = (np.array(decoder.decode(array.astype(float)), float) for array in arrays)
    return values, ValueReport(true, predicted, str(getattr(decoder, "unit", "")))


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
    import numpy as np

    true = true_classes(targets)
    predicted = np.array([best[0].index for best in decoder.decode(outputs, 1)])
    names = {prediction.index: prediction.label for prediction in decoder.decode(outputs[:1])[0]}
    present, places = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    confusion = np.zeros((len(present), len(present)), np.int64)
    np.add.at(confusion, (places[: len(true)], places[len(true) :]), 1)
    return ClassReport(tuple(names[int(index)] for index in present), confusion)


def _ratio(part: float, total: float) -> float:
    return float(part / total) if total else 0.0
