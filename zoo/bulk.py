"""Many inputs through a model: read and prepared in threads, computed in batches, in order."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.components import Preprocessor
from zoo.data.files import stream_table
from zoo.data.inputs import STANDARD_INPUT, Input, fetch_url, is_url
from zoo.data.table import Table, stream_csv, take
from zoo.data.tokens import read_lines
from zoo.errors import InputError
from zoo.results import Classification, Failure, RowResult
from zoo.runtime.workers import pipelined
from zoo.tensors import each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.model import Model
    from zoo.tensors import Tensors

Prepared = tuple["Tensors", list[InputError | None]]
"""The tensors of the usable inputs, stacked, and an error or None for each input."""


def classifications(
    model: Model, inputs: Iterable[Any], *, top: int | None, batch_size: int
) -> Generator[Classification]:
    """Yield a result for each picture, in order; see `Model.stream`."""
    _ = model.classifier
    names: dict[int, list[str]] = {}

    def batches() -> Generator[Sequence[Any]]:
        for number, batch in enumerate(_batched(inputs, batch_size)):
            names[number] = [_name_of(item) for item in batch]
            yield [_read(item) for item in batch]

    live = isinstance(inputs, Iterator)
    with closing(_computed(model, batches(), ahead=not live)) as computed:
        for number, batch in enumerate(computed):
            for name, answer in zip(names.pop(number), _answers(model, *batch, top), strict=True):
                error = Failure.of(answer)
                predictions = () if error else answer
                yield Classification(name, model.spec.name, model.weights_name, predictions, error)


def row_results(model: Model, inputs: Any, *, batch_size: int) -> Generator[RowResult]:
    """Yield a result for each row, in order; see `Model.stream_rows`."""
    row = 0
    live = isinstance(inputs, Iterator) or hasattr(inputs, "readline")
    chunks = _chunks(model, inputs, batch_size)
    with closing(_computed(model, chunks, ahead=not live)) as computed:
        for batch in computed:
            for answer in _answers(model, *batch):
                yield RowResult.of(row, answer)
                row += 1


def _answers(
    model: Model, outputs: Any, errors: Sequence[InputError | None], top: int | None = None
) -> list[Any]:
    """Return the answer or the error of each input; there are outputs of those without errors."""
    found = iter(model.answers(outputs, top))
    return [error or next(found) for error in errors]


def _computed(
    model: Model, batches: Generator[Sequence[Any]], *, ahead: bool
) -> Generator[tuple[NDArray[Any], list[InputError | None]]]:
    """Yield the outputs of each batch of raw inputs, and an error or None for each of them.

    The batches are closed at the end: they may have a file open.
    """
    import numpy as np

    preprocessor = model.preprocessor
    # What is made one by one is made in several threads; the rest knows how to make a batch.
    singly = type(preprocessor).many is Preprocessor.many
    shared = False

    def split(batch: Sequence[Any]) -> list[Sequence[Any]]:
        return [batch[i : i + 1] for i in range(len(batch))] if singly else [batch]

    def together() -> int:
        nonlocal shared
        shared = True
        return model.runner.together

    def finish(pieces: list[Prepared]) -> tuple[NDArray[Any], list[InputError | None]]:
        parts = [tensors for tensors, _ in pieces]
        tensors = parts[0]
        if len(parts) > 1:
            tensors = each(lambda *arrays: np.concatenate(arrays), *parts)
        errors = [error for _, errors in pieces for error in errors]
        outputs = model.runner(tensors, batch_size=max(1, len(errors)), alone=not shared)
        return outputs, errors

    with closing(batches):
        yield from pipelined(
            map(split, batches),
            lambda raws: _prepared(preprocessor, raws),
            finish,
            readers=os.cpu_count() or 1,
            together=together,
            ahead=ahead,
        )


def _prepared(preprocessor: Preprocessor, raws: Sequence[Any]) -> Prepared:
    """Preprocess raw inputs; those that must be fetched first may fail at that."""
    if isinstance(raws, Table):  # it tells its bad rows itself
        return preprocessor.many(raws)
    if preprocessor.kind not in ("text", "sequence"):  # a text is never an address
        raws = [_fetched(raw) for raw in raws]
    failed = {i: raw for i, raw in enumerate(raws) if isinstance(raw, InputError)}
    if not failed:
        return preprocessor.many(raws)
    good = [i for i in range(len(raws)) if i not in failed]
    tensors, errors = preprocessor.many(take(raws, good))
    merged: list[InputError | None] = [failed.get(i) for i in range(len(raws))]
    for i, error in zip(good, errors, strict=True):
        merged[i] = error
    return tensors, merged


def _chunks(model: Model, inputs: Any, size: int) -> Generator[Sequence[Any]]:
    """Yield the rows of a table or the texts, some at a time."""
    if model.preprocessor.kind in ("text", "sequence"):
        # A str is a text here, never a path or a URL.
        if isinstance(inputs, Path) or hasattr(inputs, "readline"):
            inputs = read_lines(inputs)
        yield from _batched([inputs] if isinstance(inputs, str) else inputs, size)
        return
    if model.preprocessor.kind == "table":
        if isinstance(inputs, str | PathLike):
            yield from stream_table(Path(inputs), size)
            return
        if hasattr(inputs, "readline"):
            yield from stream_csv(inputs, size)
            return
        inputs = Table.of(inputs, getattr(model.preprocessor, "columns", None) or ())
    elif not hasattr(inputs, "dtype"):
        items = [inputs] if isinstance(inputs, str | bytes | PathLike) else inputs
        yield from ([_read(item) for item in batch] for batch in _batched(items, size))
        return
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size]


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _name_of(item: Any) -> str:
    if isinstance(item, Input):
        return item.name
    return str(item) if isinstance(item, str | PathLike) else f"<{type(item).__name__}>"


def _read(item: Any) -> Any:
    """Return standard input as bytes: a thread that waits for it could not be ended."""
    return item.fetch() if isinstance(item, Input) and item.name == STANDARD_INPUT else item


def _fetched(item: Any) -> Any:
    """Return what the preprocessor takes; a failure is the raw input itself."""
    try:
        if isinstance(item, Input):
            return item.fetch()
        return fetch_url(item) if isinstance(item, str) and is_url(item) else item
    except InputError as error:
        return error
