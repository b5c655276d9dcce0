"""Many inputs through a model: read and prepared in threads, computed in batches, in order."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.tensors import map_arrays
from zoo.data.files import stream_table
from zoo.data.inputs import STANDARD_INPUT, Input, fetch_url, is_url
from zoo.data.table import Table, stream_csv
from zoo.data.tokens import read_lines
from zoo.errors import InputError
from zoo.inference.pipeline import run_pipeline
from zoo.parts.base import Preprocessor
from zoo.parts.results import Classification, Failure, RowResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.backend.tensors import Tensors
    from zoo.inference.base import BaseModel

Prepared = tuple["Tensors", list[InputError | None]]
"""The tensors of the usable inputs, stacked, and an error or None for each input."""


def classifications(
    model: BaseModel, inputs: Iterable[Any], *, top: int | None, batch_size: int
) -> Generator[Classification]:
    """Yield a result for each image, in order; see `Model.stream`."""
    _ = model.classifier
    names: deque[str] = deque()

    def batches() -> Generator[Sequence[Any]]:
        for batch in _batched(inputs, batch_size):
            names.extend(map(_name_of, batch))
            yield [_read(item) for item in batch]

    live = isinstance(inputs, Iterator)
    with closing(_stream_answers(model, batches(), top, ahead=not live)) as answers:
        for answer in answers:
            name, error = names.popleft(), Failure.of(answer)
            predictions = () if error else answer
            yield Classification(name, model.spec.name, model.weights_name, predictions, error)


def row_results(model: BaseModel, inputs: Any, *, batch_size: int) -> Generator[RowResult]:
    """Yield a result for each row, in order; see `Model.stream_rows`."""
    live = isinstance(inputs, Iterator) or hasattr(inputs, "readline")
    chunks = _chunks(model, inputs, batch_size)
    with closing(_stream_answers(model, chunks, ahead=not live)) as answers:
        for row, answer in enumerate(answers):
            yield RowResult.of(row, answer)


def _stream_answers(
    model: BaseModel, batches: Generator[Sequence[Any]], top: int | None = None, *, ahead: bool
) -> Generator[Any]:
    """Yield the answer or the error of each raw input.

    The batches are closed at the end: they may have a file open.
    """
    import numpy as np

    preprocessor = model.preprocessor
    # Several threads preprocess inputs one by one, unless the preprocessor has its own `many`.
    one_by_one = type(preprocessor).many is Preprocessor.many

    def split(batch: Sequence[Any]) -> list[Sequence[Any]]:
        return [batch[i : i + 1] for i in range(len(batch))] if one_by_one else [batch]

    def apply(pieces: list[Prepared], alone: bool) -> tuple[NDArray[Any], list[InputError | None]]:
        parts = [tensors for tensors, _ in pieces]
        tensors = parts[0]
        if len(parts) > 1:
            tensors = map_arrays(lambda *arrays: np.concatenate(arrays), *parts)
        errors = [error for _, errors in pieces for error in errors]
        outputs = model.runner(tensors, batch_size=max(1, len(errors)), alone=alone)
        return outputs, errors

    with closing(batches):
        for outputs, errors in run_pipeline(
            map(split, batches),
            lambda raws: _prepare(preprocessor, raws),
            apply,
            readers=os.cpu_count() or 1,
            workers=lambda: model.runner.streams,
            ahead=ahead,
        ):
            answers = iter(model.answers(outputs, top))  # of the inputs without errors
            yield from [error or next(answers) for error in errors]


def _prepare(preprocessor: Preprocessor, raws: Sequence[Any]) -> Prepared:
    """Preprocess raw inputs; those that must be fetched first may fail at that."""
    if isinstance(raws, Table):  # it reports its own bad rows
        return preprocessor.many(raws)
    if preprocessor.kind not in ("text", "sequence"):  # a text is never an address
        raws = [_fetch(raw) for raw in raws]
    tensors, errors = preprocessor.many([raw for raw in raws if not isinstance(raw, InputError)])
    rest = iter(errors)
    return tensors, [raw if isinstance(raw, InputError) else next(rest) for raw in raws]


def _chunks(model: BaseModel, inputs: Any, size: int) -> Generator[Sequence[Any]]:
    """Yield the rows of a table, or texts, in chunks."""
    kind, opened = model.preprocessor.kind, hasattr(inputs, "readline")
    if kind in ("text", "sequence"):
        # A str is a text here, never a path or a URL.
        if isinstance(inputs, Path) or opened:
            inputs = read_lines(inputs)
        yield from _batched([inputs] if isinstance(inputs, str) else inputs, size)
    elif kind == "table" and isinstance(inputs, str | PathLike):
        yield from stream_table(Path(inputs), size)
    elif kind == "table" and opened:
        yield from stream_csv(inputs, size)
    elif kind == "table" or hasattr(inputs, "dtype"):
        if kind == "table":
            inputs = Table.of(inputs, getattr(model.preprocessor, "columns", None) or ())
        for start in range(0, len(inputs), size):
            yield inputs[start : start + size]
    else:
        items = [inputs] if isinstance(inputs, str | bytes | PathLike) else inputs
        yield from ([_read(item) for item in batch] for batch in _batched(items, size))


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _name_of(item: Any) -> str:
    if isinstance(item, Input):
        return item.name
    return str(item) if isinstance(item, str | PathLike) else f"<{type(item).__name__}>"


def _read(item: Any) -> Any:
    """Return standard input as bytes: a thread that waits for it could not be stopped."""
    return item.fetch() if isinstance(item, Input) and item.name == STANDARD_INPUT else item


def _fetch(item: Any) -> Any:
    """Return the input for the preprocessor, or the error of fetching it."""
    try:
        if isinstance(item, Input):
            return item.fetch()
        return fetch_url(item) if isinstance(item, str) and is_url(item) else item
    except InputError as error:
        return error
