"""Threads that prepare the next batches while others are computed, in order and bounded."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from functools import partial
from typing import Any, TypeVar

Piece = TypeVar("Piece")
Prepared = TypeVar("Prepared")
Result = TypeVar("Result")

JOIN_TIMEOUT = 1.0
"""Seconds to wait for each reading thread at the end: a server may be slow."""


class Workers:
    """A fixed number of threads that run submitted tasks, first come, first served.

    Unlike those of ``concurrent.futures`` they are daemons: one that waits for a slow server
    does not keep an interrupted process alive.
    """

    def __init__(self, count: int, name: str) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._tasks = queue.SimpleQueue()
        self._closed = False
        self._running: set[Future[Any]] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"zoo-{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], Result]) -> Future[Result]:
        """Queue a task; the future receives its result or exception."""
        future: Future[Result] = Future()
        self._tasks.put((future, task))
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
    prepare: Callable[[Piece], Prepared],
    compute: Callable[[list[Prepared], bool], Result],
    *,
    readers: int,
    workers: Callable[[], int],
    ahead: bool,
) -> Iterator[Result]:
    """Yield the result of `compute` for each batch, in order.

    Parameters
    ----------
    batches
        Batches of pieces; iterated over by the caller's thread.
    prepare
        Prepares one piece; runs in several threads at once.
    compute
        Computes a batch from its prepared pieces; also receives whether no other batch is computed
        meanwhile.
    readers
        Number of threads that prepare.
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

    try:
        # The second batch is read while the network is still being built for the first.
        first = [start(batch) for batch in itertools.islice(source, 2 if ahead else 0)]
        if len(first) == 2:
            limit = workers()
            computing = Workers(limit, "compute")
            for job in itertools.chain(first, map(start, source)):
                waiting.append(computing.submit(partial(job, False)))
                if len(waiting) > limit + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        else:
            for job in itertools.chain(first, map(start, source)):
                yield job(True)
    finally:
        reading.close(JOIN_TIMEOUT)
        if computing is not None:
            computing.close()
