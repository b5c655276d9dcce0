"""Many inputs through a model: read and prepared in threads, computed in batches, in order."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import closing
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.data.arrays import SUFFIXES, as_rows, read_inputs, table_rows
from zoo.data.inputs import Input, fetch_url, is_url
from zoo.data.table import Table, stream_csv, stream_table
from zoo.data.tokens import read_lines
from zoo.errors import InputError, ZooError
from zoo.parts.base import Preprocessor
from zoo.parts.faults import Prepared, concatenate, input_error, prepare
from zoo.parts.results import Classification, Failure, RowResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.inference.base import BaseModel


Piece = TypeVar("Piece")
Ready = TypeVar("Ready")
Result = TypeVar("Result")

READERS = os.cpu_count() or 1
"""Number of threads that read, at most: one for each core."""

JOIN_TIMEOUT = 1.0
"""Seconds to wait for each reading thread at the end: a server may be slow."""


class Workers:
    """Threads that run submitted tasks, first come, first served; they start with the first tasks.

    Unlike those of ``concurrent.futures`` they are daemons: one that waits for a slow server
    does not keep an interrupted process alive.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._tasks = queue.SimpleQueue()
        self._closed = False
        self._running: set[Future[Any]] = set()
        self._threads: list[threading.Thread] = []

    def submit(self, task: Callable[[], Result]) -> Future[Result]:
        """Queue a task; the future receives its result or exception."""
        future: Future[Result] = Future()
        self._tasks.put((future, task))
        if len(self._threads) < self._count:
            name = f"zoo-{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return future

    def _work(self) -> None:
        while (entry := self._tasks.get()) is not None:
            future, task = entry
            if self._closed:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                self._running.add(future)
                _settle(future, task)
                self._running.discard(future)
            del entry, future, task  # a result must not stay in memory until the next task

    def close(self, timeout: float | None = None) -> None:
        """Drop tasks not started and end the threads; wait for each, `timeout` seconds at most."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(timeout)
        # Nothing may wait for ever for the task of a thread that is left behind.
        for future in list(self._running):
            with contextlib.suppress(InvalidStateError):
                future.set_exception(CancelledError())


def _settle(future: Future[Any], task: Callable[[], Any]) -> None:
    """Run a task and give its outcome to the future, unless `close` has done so meanwhile."""
    with contextlib.suppress(InvalidStateError):
        try:
            result = task()
        except BaseException as error:  # raised where the result is read
            future.set_exception(error)
        else:
            future.set_result(result)


def run_pipeline(
    batches: Iterable[Sequence[Piece]],
    prepare: Callable[[Piece], Ready],
    compute: Callable[[list[Ready], bool], Result],
    *,
    readers: int = READERS,
    workers: Callable[[], int],
    ahead: bool,
) -> Generator[Result]:
    """Yield the result of `compute` for each batch, in order.

    Parameters
    ----------
    batches
        Batches of pieces; iterated over by the caller's thread.
    prepare
        Prepares one piece; runs in several threads at once, but in the caller's for a batch of one
        piece that is computed alone: handing it to a thread takes longer than most pieces.
    compute
        Computes a batch from its prepared pieces; also receives whether no other batch is computed
        meanwhile.
    readers
        Number of threads that prepare, at most.
    workers
        Returns how many batches to compute at once; called while the first are prepared.
    ahead
        Whether to take batches before earlier results are yielded: at most two more than are
        computed at once. If not, only the pieces of one batch run side by side.

    Raises
    ------
    Exception
        Whatever `batches`, `prepare` or `compute` raise; the threads end.
    """
    reading = Workers(readers, "read")
    computing: Workers | None = None
    waiting: deque[Future[Result]] = deque()
    source = iter(batches)

    def start(batch: Sequence[Piece]) -> Callable[[bool], Result]:
        pieces = [reading.submit(partial(prepare, piece)) for piece in batch]
        return lambda alone: compute([piece.result() for piece in pieces], alone)

    def run(batch: Sequence[Piece]) -> Result:
        return compute([prepare(batch[0])], True) if len(batch) == 1 else start(batch)(True)

    try:
        first = list(itertools.islice(source, 2 if ahead else 0))
        if len(first) == 2:
            # Both are read while the network is still being built.
            jobs = list(map(start, first))
            limit = workers()
            computing = Workers(limit, "compute")
            for job in itertools.chain(jobs, map(start, source)):
                waiting.append(computing.submit(partial(job, False)))
                if len(waiting) > limit + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        else:
            yield from map(run, itertools.chain(first, source))
    finally:
        reading.close(JOIN_TIMEOUT)
        if computing is not None:
            computing.close()


def split_for_threads(preprocessor: Preprocessor, batch: Sequence[Any]) -> list[Sequence[Any]]:
    """Return the pieces of a batch that threads prepare side by side.

    These are single inputs, unless the preprocessor has its own `many`.
    """
    one_by_one = type(preprocessor).many is Preprocessor.many
    return [batch[i : i + 1] for i in range(len(batch))] if one_by_one else [batch]


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
    preprocessor = model.preprocessor

    def apply(pieces: list[Prepared], alone: bool) -> tuple[NDArray[Any], list[InputError | None]]:
        tensors, errors = concatenate(pieces)
        outputs = model.runner(tensors, batch_size=max(1, len(errors)), alone=alone)
        return outputs, errors

    failures: list[Exception] = []

    def until_failure() -> Generator[list[Sequence[Any]]]:
        # What was read before a file ended in the middle is answered before that is raised.
        try:
            for batch in batches:
                yield split_for_threads(preprocessor, batch)
        except Exception as error:
            failures.append(error)

    with closing(batches):
        for outputs, errors in run_pipeline(
            until_failure(),
            lambda raws: _prepare(preprocessor, raws),
            apply,
            workers=lambda: model.runner.streams,
            ahead=ahead,
        ):
            answers = iter(_decode(model, outputs, top))  # of the inputs without errors
            yield from [error or next(answers) for error in errors]
    if failures:
        raise failures[0]


def _prepare(preprocessor: Preprocessor, raws: Sequence[Any]) -> Prepared:
    """Preprocess raw inputs; those that must be fetched first may fail at that."""
    if preprocessor.kind == "image":  # nothing else is ever an address
        raws = [_fetch(raw) for raw in raws]
    return prepare(preprocessor, raws)


def _decode(model: BaseModel, outputs: NDArray[Any], top: int | None) -> list[Any]:
    """Decode a batch; one that the decoder fails at is decoded again, row by row."""
    try:
        return model.answers(outputs, top)
    except ZooError:  # the network does not fit its decoder
        raise
    except Exception as error:
        if len(outputs) == 1:
            return [input_error(error, model.decoder)]
        return [_decode(model, outputs[row : row + 1], top)[0] for row in range(len(outputs))]


def _chunks(model: BaseModel, inputs: Any, size: int) -> Generator[Sequence[Any]]:
    """Yield the rows of a table, or texts, in chunks."""
    kind, opened = model.preprocessor.kind, hasattr(inputs, "readline")
    if kind in ("text", "sequence"):
        # A str is a text here, never a path or a URL.
        if isinstance(inputs, Path) or opened:
            inputs = read_lines(inputs)
        elif kind == "text" and hasattr(inputs, "columns"):
            inputs = Table.of(inputs).only_column()
        yield from _batched([inputs] if isinstance(inputs, str) else inputs, size)
    elif kind == "array":
        yield from _arrays(inputs, _targets_of(model), size)
    elif kind == "table":
        yield from _table_chunks(model, inputs, size)
    elif hasattr(inputs, "dtype"):
        yield from _slices(inputs, size)
    else:
        items = [inputs] if isinstance(inputs, str | bytes | PathLike) else inputs
        yield from ([_read(item) for item in batch] for batch in _batched(items, size))


def _table_chunks(model: BaseModel, inputs: Any, size: int) -> Iterator[Sequence[Any]]:
    """Yield tables from a file, a frame, or rows."""
    if hasattr(inputs, "readline"):
        yield from stream_csv(inputs, size)
        return
    if isinstance(inputs, str | PathLike):
        path = Path(inputs)
        if path.suffix.lower() not in SUFFIXES:
            yield from stream_table(path, size)
            return
        inputs = read_inputs(path, _targets_of(model))
    cells = list(inputs.values()) if isinstance(inputs, Mapping) else []
    if cells and all(isinstance(c, list | tuple) or hasattr(c, "dtype") for c in cells):
        inputs = Table(inputs)  # columns by name, not one row
    yield from _slices(Table.of(inputs, getattr(model.preprocessor, "columns", None) or ()), size)


def _targets_of(model: BaseModel) -> tuple[str, ...]:
    """Return the columns and arrays that a model learns: they are no inputs."""
    return model.spec.training.target_names if model.spec.training else ()


def _arrays(inputs: Any, targets: Sequence[str], size: int) -> Iterator[Sequence[Any]]:
    """Yield arrays from a file, a frame, records, or whatever holds arrays."""
    opened = hasattr(inputs, "readline")
    if isinstance(inputs, str | PathLike) and Path(inputs).suffix.lower() in SUFFIXES:
        tables: Iterable[Any] = [read_inputs(Path(inputs), targets)]
    elif opened or isinstance(inputs, str | PathLike):
        tables = stream_csv(inputs, size) if opened else stream_table(Path(inputs), size)
    elif isinstance(inputs, list) and inputs and all(isinstance(row, Mapping) for row in inputs):
        tables = [Table.of(inputs)]
    elif isinstance(inputs, Iterator):
        tables = map(as_rows, _batched(inputs, size))
    else:
        tables = [as_rows(inputs)]
    for rows in tables:
        if isinstance(rows, Table):
            cells = {name: part for name, part in rows.columns.items() if name not in targets}
            if len(cells) > 1 and any(getattr(part[0], "ndim", 0) for part in cells.values()):
                msg = f"there are several arrays ({', '.join(cells)}), and the model takes one"
                raise InputError(msg, kind="bad-container")
            rows = table_rows(Table(cells, rows.problems)) if len(rows) else []
        yield from _slices(rows, size)


def _slices(rows: Any, size: int) -> Iterator[Sequence[Any]]:
    if 0 < len(rows) <= size:
        yield rows
        return
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


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
    return _fetch(item) if isinstance(item, Input) and item.is_standard_input else item


def _fetch(item: Any) -> Any:
    """Return the input for the preprocessor, or the error of fetching it."""
    try:
        if isinstance(item, Input):
            return item.fetch()
        return fetch_url(item) if isinstance(item, str) and is_url(item) else item
    except Exception as error:
        return input_error(error, item)
