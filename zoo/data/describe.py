"""Descriptions of datasets for people: columns, ranges, labels, and a sheet of samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.data.datasets import load_dataset
from zoo.data.labelled import LabelledRows
from zoo.data.table import Table
from zoo.errors import UsageError
from zoo.numeric import number_of
from zoo.registry.entries import Entry
from zoo.spec.dataset import Dataset
from zoo_weights.text import printable

SHEET = 5
"""Rows and columns of images on a sheet of samples."""


def describe(entry: Entry[Dataset]) -> dict[str, Any]:
    """Return what ``zoo data show`` prints.

    Raises
    ------
    zoo_weights.WeightsError, InputError
        If the dataset is not here and cannot be fetched.
    """
    dataset, parts = entry.value, load_dataset(entry)
    report: dict[str, Any] = {
        "name": dataset.name,
        "summary": dataset.summary,
        "kind": dataset.kind,
        "rows": {part: len(rows) for part, rows in parts.items()},
    }
    first = next(iter(parts.values()))
    if isinstance(first.inputs, Table):
        report["columns"] = [_column(name, cells) for name, cells in first.inputs.columns.items()]
        report["target"] = _column(str(dataset.target), first.labels)
    elif dataset.kind in ("images", "arrays"):
        report["shape"] = list(first.inputs.shape[1:])
    if dataset.kind == "letters":
        report["letters"] = "".join(sorted(set("".join(first.inputs))))
    elif dataset.kind != "table" and all(map(_is_class, first.labels)):
        report["labels"] = {part: _counts(dataset, rows) for part, rows in parts.items()}
    for name in ("licence", "citation", "sources", "content"):
        if value := getattr(dataset, name):
            report[name] = list(value) if isinstance(value, tuple) else value
    return report


def _column(name: str, cells: Any) -> dict[str, Any]:
    numbers, texts, missing = [], [], 0
    for cell in cells:
        if cell is None or not str(cell).strip():
            missing += 1
            continue
        number = number_of(cell)
        if number == number:
            numbers.append(number)
        else:
            texts.append(str(cell).strip())
    record: dict[str, Any] = {"name": name, "missing": missing}
    if texts or not numbers:
        values = Counter([*texts, *(f"{number:g}" for number in numbers)])
        return {**record, "type": "text", "values": dict(values.most_common(10))}
    integral = all(number.is_integer() for number in numbers)
    kind = "integer" if integral else "number"
    mean = sum(numbers) / len(numbers)
    return {**record, "type": kind, "least": min(numbers), "most": max(numbers), "mean": mean}


def _counts(dataset: Dataset, rows: LabelledRows) -> dict[str, int]:
    counted = Counter(rows.labels.tolist())
    return {_name(dataset, label): count for label, count in sorted(counted.items())}


def _is_class(label: Any) -> bool:
    """Whether a label of an array is a class: not a number with a fraction, nor an array."""
    return (
        getattr(label, "dtype", None) is not None and not label.ndim and label.dtype.kind in "iuU"
    )


def _name(dataset: Dataset, label: int | str) -> str:
    return dataset.labels[label] if dataset.labels and isinstance(label, int) else str(label)


def report_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield a description as lines of text."""
    yield f"{report['name']}: {report['summary']}"
    yield "rows: " + ", ".join(f"{part} {rows:,}" for part, rows in report["rows"].items())
    if "shape" in report:
        yield "shape: " + " x ".join(str(side) for side in report["shape"])
    if "letters" in report:
        yield f"letters: {printable(report['letters'])}"
    for column in report.get("columns", ()):
        yield f"  {_line(column)}"
    if "target" in report:
        yield f"target: {_line(report['target'])}"
    for part, counts in report.get("labels", {}).items():
        yield f"labels, {part}: " + ", ".join(f"{label} {count}" for label, count in counts.items())
    for name in ("licence", "citation"):
        if name in report:
            yield f"{name}: {report[name]}"
    for source in report.get("sources", ()):
        yield f"source: {source}"


def _line(column: dict[str, Any]) -> str:
    missing = f", {column['missing']} missing" if column["missing"] else ""
    if column["type"] == "text":
        values = ", ".join(f"{value} ({count})" for value, count in column["values"].items())
        return f"{column['name']}: text, {values}{missing}"
    return (
        f"{column['name']}: {column['type']}, {column['least']:g} to {column['most']:g}, "
        f"mean {column['mean']:.4g}{missing}"
    )


def draw_samples(entry: Entry[Dataset], path: Path) -> Path:
    """Draw a sheet of the first images of a dataset with their labels, and return its path.

    Raises
    ------
    UsageError
        If the dataset holds no images.
    """
    dataset = entry.value
    if dataset.kind != "images":
        msg = f"{dataset.name} holds no images (its kind is {dataset.kind!r})"
        raise UsageError(msg)
    from zoo.plots.samples import draw_sheet

    rows = load_dataset(entry)["train"]
    count = SHEET * SHEET
    labels = [_name(dataset, int(label)) for label in rows.labels[:count]]
    return draw_sheet(rows.inputs[:count], labels, SHEET, f"{dataset.name}, training part", path)
