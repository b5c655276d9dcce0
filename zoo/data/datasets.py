"""Datasets by name: fetched, identified by content, and split into parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from zoo.config import store
from zoo.data.containers import MAX_BYTES, Arrays, flatten_ragged, read_arrays
from zoo.data.labelled import LabelledRows, hash_arrays, hash_table
from zoo.data.presence import content_path
from zoo.data.split import permutation
from zoo.data.table import Table, read_csv, stream_csv
from zoo.data.tokens import read_lines, shifted
from zoo.errors import InputError
from zoo.registry.entries import Entry
from zoo.spec.dataset import Dataset
from zoo_weights.errors import FetchError, HashMismatch
from zoo_weights.files import atomic_write, hash_file
from zoo_weights.records import FileRecord


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """Outcome of `add` or `verify`: where the content is, or what was received instead."""

    path: Path | None
    expected: str
    got: str


def add(entry: Entry[Dataset], file: Path) -> ContentCheck:
    """Store a user's file (or folder of IDX files) if its content is the dataset's.

    The content counts, not the container: an ``.npz``, Keras's own file, IDX files, CSV with any
    separator. Adding the same content twice succeeds. For texts, the file of word ranks is added
    the same way, by its hash.

    Raises
    ------
    InputError
        If the file cannot be read as any container of this kind of dataset.
    """
    dataset = entry.value
    words = dataset.words if file.suffix == ".json" else None
    if words is not None or dataset.content is None:
        result = store("data").add(words or dataset.file, file)
        return ContentCheck(result.path if result.matches else None, result.expected, result.got)
    arrays = None if dataset.kind == "table" else _read_added(dataset, file)
    got = hash_table(stream_csv(file)) if arrays is None else hash_arrays(arrays)
    right = got == dataset.content
    return ContentCheck(_save(entry, file, arrays) if right else None, dataset.content, got)


def verify(entry: Entry[Dataset]) -> ContentCheck:
    """Read a dataset that is here and compare its content with its record."""
    dataset, path = entry.value, content_path(entry)
    if dataset.words is not None:
        result = store("data").verify(dataset.words, base=entry.base)
        if not result.ok:
            return ContentCheck(None, result.expected, result.got)
    if dataset.content is None:
        result = store("data").verify(dataset.file, base=entry.base)
        return ContentCheck(path if result.ok else None, result.expected, result.got)
    try:
        table = dataset.kind == "table"
        got = hash_table(stream_csv(path)) if table else hash_arrays(read_arrays(path))
    except InputError as error:
        got = f"nothing that can be read ({error.message})"
    return ContentCheck(path if got == dataset.content else None, dataset.content, got)


def load_dataset(entry: Entry[Dataset]) -> dict[str, LabelledRows]:
    """Return the rows of a dataset: ``"train"``, and ``"test"`` where it has such a part.

    Raises
    ------
    zoo_weights.WeightsError
        If it is not here and cannot be fetched, or does not match its record.
    """
    dataset, path = entry.value, _fetch_content(entry)
    if dataset.kind == "table":
        return _split_parts(dataset, _label_table(dataset, read_csv(path)))
    if dataset.kind == "letters":
        lines = list(read_lines(path))
        return _split_parts(dataset, LabelledRows(lines, [None] * len(lines), dataset.name))
    return _array_parts(dataset, read_arrays(path), _read_words(entry))


def _fetch_content(entry: Entry[Dataset]) -> Path:
    dataset, path = entry.value, content_path(entry)
    stored_by_content = dataset.content is not None and not dataset.file.file
    if stored_by_content and path.is_file():
        return path
    source = _fetch_file(entry, dataset.file, "FILE")
    if not stored_by_content:
        return source
    result = add(entry, source)
    if result.path is None:
        msg = (
            f"dataset {dataset.name!r}: the content of {source} does not match the record, "
            f"expected {result.expected}, received {result.got}"
        )
        raise InputError(msg, kind="wrong-content")
    return result.path


def _fetch_file(entry: Entry[Dataset], record: FileRecord, file: str) -> Path:
    """Fetch the file of a record; `file` is what ``zoo data add`` takes instead."""
    from zoo.progress import download_progress

    progress = download_progress(record.name)
    try:
        return store("data").fetch(record, base=entry.base, progress=progress)
    except HashMismatch:
        raise
    except FetchError as error:
        dataset, name = entry.value, record.name or "its file"
        reason = f"could not be fetched ({error})" if record.urls else "has no URL to fetch it from"
        origin = f"; it comes from {dataset.sources[0]}" if dataset.sources else ""
        msg = (
            f"dataset {dataset.name!r} is not here: {name} {reason}; add a copy with "
            f"`zoo data add {dataset.name} {file}`{origin}"
        )
        raise InputError(msg, kind="not-here") from None


def _read_added(dataset: Dataset, file: Path) -> Arrays:
    # Only a file that is Keras's own, byte for byte, may hold pickled lists.
    small = file.is_file() and file.stat().st_size <= MAX_BYTES
    trusted = small and hash_file(file, "sha256")["sha256"] == dataset.file.sha256
    return flatten_ragged(read_arrays(file, trusted=trusted))


def _save(entry: Entry[Dataset], file: Path, arrays: Arrays | None) -> Path:
    """Store the arrays of a file, or the file itself, as the content of a dataset."""
    import numpy as np

    path = content_path(entry)
    with (
        store("data").writing(path),
        atomic_write(path) as temporary,
        temporary.open("wb") as stored,
    ):
        if arrays is None:
            stored.write(file.read_bytes())
        else:
            np.savez(stored, **cast("Any", arrays))
    return path


def _read_words(entry: Entry[Dataset]) -> Mapping[str, int] | None:
    record = entry.value.words
    if record is None:
        return None
    file = _fetch_file(entry, record, record.name)
    return msgspec.json.decode(file.read_bytes(), type=dict[str, int])


def _label_table(dataset: Dataset, table: Table) -> LabelledRows:
    target = dataset.target
    labels = table.column(target) if target else [None] * len(table)
    rest = {name: cells for name, cells in table.columns.items() if name != target}
    return LabelledRows(Table(rest, table.problems), labels, dataset.name, target)


def _array_parts(
    dataset: Dataset, arrays: Arrays, words: Mapping[str, int] | None
) -> dict[str, LabelledRows]:
    """Return the parts of a dataset of arrays, whose names may end in ``_train`` and ``_test``."""
    import numpy as np

    def rows(suffix: str) -> LabelledRows:
        labels = arrays[f"y{suffix}"]
        if dataset.kind == "tokens":
            inputs: Any = shifted(arrays[f"x{suffix}_flat"], arrays[f"x{suffix}_offsets"])
            inputs.words = words
        else:
            inputs = arrays[f"x{suffix}"]
        if dataset.kind == "arrays" and dataset.labels and labels.dtype.kind in "iu":
            labels = np.array(dataset.labels)[labels]
        return LabelledRows(inputs, labels, dataset.name)

    if "y_train" not in arrays:
        return _split_parts(dataset, rows(""))
    parts = {"train": rows("_train"), "test": rows("_test")}
    if dataset.shuffle is None:
        return parts
    # One generator for both, as in Keras: the test part continues where the training part ended.
    draw = np.random.RandomState(dataset.shuffle)
    return {part: data.take(draw.permutation(len(data))) for part, data in parts.items()}


def _split_parts(dataset: Dataset, rows: LabelledRows) -> dict[str, LabelledRows]:
    if dataset.shuffle is not None:
        rows = rows.take(permutation(len(rows), dataset.shuffle))
    if dataset.test is None:
        return {"train": rows}
    train, test = rows.divide(dataset.test, seed=0)
    return {"train": train, "test": test}
