"""Engines that do the work of a tuning: this process, or a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from zoo.backend.choose import chosen_backend
from zoo.errors import UsageError, require
from zoo.tuning.board import Result
from zoo.tuning.work import Group, Work

ENGINES = ("local", "ray")

Solve = Callable[[Work, Sequence[Group]], Iterator[Result]]
"""Solves the groups of a tuning, and yields the results as they come."""


@contextmanager
def open_engine(engine: str) -> Iterator[Solve]:
    """Yield the function that does work on an engine.

    Call it before Keras is imported, where possible: Ray starts processes, which can fail once a
    backend has started threads.
    """
    if engine == "local":
        yield lambda work, groups: chain.from_iterable(map(work.solve, groups))
        return
    import ray

    must_start = not ray.is_initialized()
    if must_start:
        ray.init(
            address=os.environ.get("RAY_ADDRESS"),
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"KERAS_BACKEND": chosen_backend()}},
        )
    try:
        yield _on_ray
    finally:
        if must_start:
            ray.shutdown()


def check_engine(engine: str) -> None:
    """Raise `UsageError` unless an engine exists and its package is installed."""
    if engine not in ENGINES:
        msg = f"the engine must be one of {', '.join(ENGINES)}, received {engine!r}"
        raise UsageError(msg)
    if engine == "ray":
        require("ray", "the engine ray needs Ray", extra="ray")


def _on_ray(work: Work, groups: Sequence[Group]) -> Iterator[Result]:
    """Solve each group in a process of a Ray cluster: that of ``RAY_ADDRESS``, or a local one."""
    import ray

    shared = ray.put(work)
    task = ray.remote(_solve)
    waiting = [task.remote(shared, group) for group in groups]
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=1)
        yield from ray.get(ready[0])


def _solve(work: Work, group: Group) -> list[Result]:
    return list(work.solve(group))
