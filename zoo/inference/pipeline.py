"""Threads that make ready what comes next while something is computed, in order and in bounds."""

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
Ready = TypeVar("Ready")
Result = TypeVar("Result")

PATIENCE = 1.0
"""Seconds for which a thread that reads is waited for when all is over: a server may be slow."""


class Workers:
    """A fixed number of threads that do what is submitted, first come, first served.

    Unlike those of ``concurrent.futures`` they are daemons: one that waits for a slow server
    does not keep an interrupted process alive.
    """

    def __init__(self, count: int, name: str) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._tasks = queue.SimpleQueue()
        self._closed = False
        self._begun: set[Future[Any]] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"zoo-{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], Result]) -> Future[Result]:
        """Have a task done; what it returns or raises is the future's."""
        future: Future[Result] = Future()
        self._tasks.put((future, task))
        return future

    def _work(self) -> None:
        while (entry := self._tasks.get()) is not None:
            future, task = entry
            if self._closed:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                self._begun.add(future)
                _settle(future, task)
                self._begun.discard(future)
            del entry, future, task  # what was computed must not wait here for the next task

    def close(self, patience: float | None = None) -> None:
        """Drop what has not begun and end the threads; wait for each so long, or till its end."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(patience)
        # Whoever waits for a thread that is left behind must not wait for ever.
        for future in list(self._begun):
            with contextlib.suppress(InvalidStateError):
                future.set_exception(CancelledError())


def _settle(future: Future[Any], task: Callable[[], Any]) -> None:
    """Do a task and give its outcome to the future, unless it was given up meanwhile."""
    with contextlib.suppress(InvalidStateError):
        try:
            result = task()
        except BaseException as error:  # it is raised where the result is asked for
            future.set_exception(error)
        else:
            future.set_result(result)


def pipelined(
    batches: Iterable[Sequence[Piece]],
    prepare: Callable[[Piece], Ready],
    finish: Callable[[list[Ready], bool], Result],
    *,
    readers: int,
    workers: Callable[[], int],
    ahead: bool,
) -> Iterator[Result]:
    """Yield what `finish` makes of each batch, in order.

    Parameters
    ----------
    batches
        Batches of pieces; iterated over by the caller's thread.
    prepare
        Makes one piece ready; runs in several threads at once.
    finish
        Computes from the ready pieces of a batch, and is told whether nothing else is computed
        meanwhile; runs in a thread of its own.
    readers
        Threads that prepare.
    workers
        Returns how many batches are computed at once; asked when the first are being prepared.
    ahead
        Whether batches are taken before the results of those before them are yielded: never more
        than are computed at once and two. If not, only the pieces of one batch run side by side.

    Raises
    ------
    Exception
        Whatever `batches`, `prepare` or `finish` raise; the threads end.
    """
    reading = Workers(readers, "read")
    computing: Workers | None = None
    waiting: deque[Future[Result]] = deque()
    source = iter(batches)

    def started(batch: Sequence[Piece]) -> Callable[[bool], Result]:
        pieces = [reading.submit(partial(prepare, piece)) for piece in batch]
        return lambda alone: finish([piece.result() for piece in pieces], alone)

    try:
        # The second batch is read while the network is still being built for the first.
        first = [started(batch) for batch in itertools.islice(source, 2 if ahead else 0)]
        if len(first) == 2:
            limit = workers()
            computing = Workers(limit, "compute")
            for job in itertools.chain(first, map(started, source)):
                waiting.append(computing.submit(partial(job, False)))
                if len(waiting) > limit + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        else:
            for job in itertools.chain(first, map(started, source)):
                yield job(True)
    finally:
        reading.close(PATIENCE)
        if computing is not None:
            computing.close()
