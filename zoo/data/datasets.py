"""Datasets by name: bringing them here, knowing them by content, and taking them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from zoo.config import store
from zoo.data.containers import Arrays, ragged, read_arrays
from zoo.data.content import hash_arrays, hash_table
from zoo.data.labelled import Labelled
from zoo.data.split import permutation
from zoo.data.table import Table, read_csv, stream_csv
from zoo.data.tokens import read_lines, shifted
from zoo.errors import InputError
from zoo.registry.table import Entry
from zoo.spec.dataset import Dataset
from zoo_weights import FetchError, FileRecord, HashMismatch, atomic_write, hash_file


@dataclass(frozen=True, slots=True)
class Added:
    """Outcome of `add`: where the content lies, or what was found instead of it."""

    path: Path | None
    expected: str
    got: str


def place(entry: Entry[Dataset]) -> Path:
    """Return where the content of a dataset lies, or would lie."""
    dataset = entry.value
    shipped = entry.base / dataset.file.file if dataset.file.file else None
    if shipped is not None and shipped.is_file():
        return shipped
    if dataset.content is None:
        return store("data").path(dataset.file, base=entry.base)
    suffix = "csv" if dataset.kind == "table" else "npz"
    return store("data").root / f"content-{dataset.content}" / f"{dataset.name}.{suffix}"


def present(entry: Entry[Dataset]) -> bool:
    """Say whether a dataset is here, the ranks of its words included, without reading it."""
    words = entry.value.words
    return place(entry).is_file() and (words is None or store("data").has(words, base=entry.base))


def add(entry: Entry[Dataset], file: Path) -> Added:
    """Take a file (or a folder of IDX files) of the user's, if its content is the dataset's.

    The content counts, not the container: an ``.npz``, Keras's own file, IDX files, CSV with any
    separator. Adding the same content twice succeeds. For texts the file of word ranks is added
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
        return Added(result.path if result.matches else None, result.expected, result.got)
    arrays = None if dataset.kind == "table" else _read(dataset, file)
    got = hash_table(stream_csv(file)) if arrays is None else hash_arrays(arrays)
    right = got == dataset.content
    return Added(_keep(entry, file, arrays) if right else None, dataset.content, got)


def verify(entry: Entry[Dataset]) -> Added:
    """Read a dataset that is here and compare its content with the record."""
    dataset, path = entry.value, place(entry)
    if dataset.words is not None:
        result = store("data").verify(dataset.words, base=entry.base)
        if not result.ok:
            return Added(None, result.expected, result.got)
    if dataset.content is None:
        result = store("data").verify(dataset.file, base=entry.base)
        return Added(path if result.ok else None, result.expected, result.got)
    try:
        table = dataset.kind == "table"
        got = hash_table(stream_csv(path)) if table else hash_arrays(read_arrays(path))
    except InputError as error:
        got = f"nothing that can be read ({error.message})"
    return Added(path if got == dataset.content else None, dataset.content, got)


def load(entry: Entry[Dataset]) -> dict[str, Labelled]:
    """Return the rows of a dataset: ``"train"``, and ``"test"`` where it has such a part.

    Raises
    ------
    zoo_weights.WeightsError
        If it is not here and cannot be fetched, or is not what its record says.
    """
    dataset, path = entry.value, _fetched(entry)
    if dataset.kind == "table":
        return _apart(dataset, _table(dataset, read_csv(path)))
    if dataset.kind == "letters":
        lines = list(read_lines(path))
        return _apart(dataset, Labelled(lines, [None] * len(lines), dataset.name))
    return _parts(dataset, read_arrays(path), _words(entry))


def _fetched(entry: Entry[Dataset]) -> Path:
    dataset, path = entry.value, place(entry)
    own = dataset.content is not None and not dataset.file.file
    if own and path.is_file():
        return path
    source = _bring(entry, dataset.file, "FILE")
    if not own:
        return source
    result = add(entry, source)
    if result.path is None:
        msg = (
            f"dataset {dataset.name!r}: {source} holds another content than the record says, "
            f"expected {result.expected}, received {result.got}"
        )
        raise InputError(msg, kind="wrong-content")
    return result.path


def _bring(entry: Entry[Dataset], record: FileRecord, file: str) -> Path:
    """Return the file of a record; `file` is what people may add instead of downloading it."""
    from zoo.progress import download_progress

    progress = download_progress(record.name)
    try:
        return store("data").fetch(record, base=entry.base, progress=progress)
    except HashMismatch:
        raise
    except FetchError as error:
        dataset, name = entry.value, record.name or "its file"
        reason = (
            f"could not be fetched ({error})" if record.urls else "has no address to fetch from"
        )
        origin = f"; it comes from {dataset.sources[0]}" if dataset.sources else ""
        msg = (
            f"dataset {dataset.name!r} is not here: {name} {reason}; add a copy with "
            f"`zoo data add {dataset.name} {file}`{origin}"
        )
        raise InputError(msg, kind="not-here") from None


def _read(dataset: Dataset, file: Path) -> Arrays:
    # Only a file that is Keras's own, byte for byte, may hold pickled lists.
    own = file.is_file() and hash_file(file, "sha256")["sha256"] == dataset.file.sha256
    return ragged(read_arrays(file, trusted=own))


def _keep(entry: Entry[Dataset], file: Path, arrays: Arrays | None) -> Path:
    """Keep the arrays that are the content of a file, or the file itself."""
    import numpy as np

    path = place(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as kept:
        if arrays is None:
            kept.write(file.read_bytes())
        else:
            np.savez(kept, **cast("Any", arrays))
    return path


def _words(entry: Entry[Dataset]) -> Mapping[str, int] | None:
    record = entry.value.words
    if record is None:
        return None
    file = _bring(entry, record, record.name)
    return msgspec.json.decode(file.read_bytes(), type=dict[str, int])


def _table(dataset: Dataset, table: Table) -> Labelled:
    target = dataset.target
    labels = table.column(target) if target else [None] * len(table)
    rest = {name: cells for name, cells in table.columns.items() if name != target}
    return Labelled(Table(rest, table.problems), labels, dataset.name, target)


def _parts(
    dataset: Dataset, arrays: Arrays, words: Mapping[str, int] | None
) -> dict[str, Labelled]:
    """Return the parts of a dataset of arrays; names end in ``_train`` and ``_test``, or not."""
    import numpy as np

    def rows(suffix: str) -> Labelled:
        if dataset.kind == "images":
            inputs: Any = arrays[f"x{suffix}"]
        else:
            inputs = shifted(arrays[f"x{suffix}_flat"], arrays[f"x{suffix}_offsets"])
            inputs.words = words
        return Labelled(inputs, arrays[f"y{suffix}"], dataset.name)

    if "y_train" not in arrays:
        return _apart(dataset, rows(""))
    parts = {"train": rows("_train"), "test": rows("_test")}
    if dataset.shuffle is None:
        return parts
    # One generator for both, as Keras has it; the test part goes on where the training part ended.
    draw = np.random.RandomState(dataset.shuffle)
    return {part: found.take(draw.permutation(len(found))) for part, found in parts.items()}


def _apart(dataset: Dataset, rows: Labelled) -> dict[str, Labelled]:
    if dataset.shuffle is not None:
        rows = rows.take(permutation(len(rows), dataset.shuffle))
    if dataset.test is None:
        return {"train": rows}
    train, test = rows.divide(dataset.test, seed=0)
    return {"train": train, "test": test}
