"""What is on this machine: the content of datasets, and what models need. Nothing is read."""

from __future__ import annotations

from pathlib import Path

from zoo.config import store
from zoo.errors import UnknownName
from zoo.registry.entries import Entry
from zoo.registry.registry import registry
from zoo.spec.dataset import Dataset
from zoo.spec.model import ModelSpec


def content_path(entry: Entry[Dataset]) -> Path:
    """Return the path at which the content of a dataset is, or would be, stored."""
    dataset = entry.value
    shipped = entry.base / dataset.file.file if dataset.file.file else None
    if shipped is not None and shipped.is_file():
        return shipped
    if dataset.content is None:
        return store("data").path(dataset.file, base=entry.base)
    suffix = "csv" if dataset.kind == "table" else "npz"
    return store("data").root / f"content-{dataset.content}" / f"{dataset.name}.{suffix}"


def is_present(entry: Entry[Dataset]) -> bool:
    """Return whether a dataset and the ranks of its words are here, without reading them."""
    words = entry.value.words
    return content_path(entry).is_file() and (
        words is None or store("data").has(words, base=entry.base)
    )


def what_is_here(entry: Entry[ModelSpec]) -> str:
    """Return what a model can be used with offline.

    Returns
    -------
    str
        ``"weights"``; else ``"data"``, those that its recipe trains on; or ``""``.
    """
    spec, files = entry.value, store()
    if any(files.has(record, base=entry.base) for record in spec.weights):
        return "weights"
    if spec.training is None or spec.training.dataset is None:
        return ""
    try:
        dataset = registry().datasets.find(spec.training.dataset)
    except UnknownName:
        return ""
    return "data" if is_present(dataset) else ""
