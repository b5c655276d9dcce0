"""Threads that prepare and compute: in order, within bounds, and gone at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from zoo.inference.bulk import run_pipeline


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("zoo-")]


def run(batches, prepare=lambda piece: piece, finish=sum, *, together=2, ahead=True):
    return run_pipeline(
        batches, prepare, lambda ready, alone: finish(ready),
        readers=3, workers=lambda: together, ahead=ahead,
    )  # fmt: skip


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_results_come_in_order_however_long_each_takes(count: int, ahead: bool) -> None:
    def prepare(piece: int) -> int:
        time.sleep(0.002 * (piece % 3 == 0))
        return piece * 2

    batches = [[number, number + 1] for number in range(count)]
    expected = [2 * sum(batch) for batch in batches]
    assert list(run(batches, prepare, ahead=ahead)) == expected
    assert threads() == []


def test_no_more_is_taken_than_can_be_computed_soon() -> None:
    """Whatever the number of inputs, the same few lie in memory."""
    taken = 0

    def batches() -> Iterator[list[int]]:
        nonlocal taken
        for number in range(1000):
            taken = number + 1
            yield [number]

    for number, _ in enumerate(run(batches(), together=2)):
        assert taken <= number + 5
    assert taken == 1000


def test_what_may_wait_for_the_results_is_not_asked_ahead() -> None:
    answered: list[int] = []

    def batches() -> Iterator[list[int]]:
        for number in range(5):
            assert len(answered) == number
            yield [number]

    for result in run(batches(), ahead=False):
        answered.append(result)
    assert answered == list(range(5))


@pytest.mark.parametrize("where", ["batches", "prepare", "finish"])
@pytest.mark.parametrize("ahead", [True, False])
def test_an_error_comes_to_the_caller_and_ends_the_threads(where: str, ahead: bool) -> None:
    def fail(at: str, piece: int) -> int:
        if at == where and piece == 7:
            raise RuntimeError(where)
        return piece

    batches = ([fail("batches", number)] for number in range(50))
    results = run(
        batches, lambda piece: fail("prepare", piece), lambda ready: fail("finish", ready[0]),
        ahead=ahead,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match=where):
        list(results)
    assert threads() == []


def test_a_caller_who_stops_ends_the_threads() -> None:
    results = run([[number] for number in range(100)])
    assert next(results) == 0
    assert threads() != []
    results.close()
    assert threads() == []


def test_a_piece_that_never_comes_does_not_keep_the_caller(monkeypatch) -> None:
    monkeypatch.setattr("zoo.inference.bulk.JOIN_TIMEOUT", 0.1)
    begun, forever = threading.Event(), threading.Event()

    def prepare(piece: int) -> int:
        if piece == 3:
            begun.set()
            forever.wait()
        return piece

    results = run([[0], [1], [2], [3], [4]], prepare)
    assert next(results) == 0
    assert begun.wait(60)
    results.close()
    left = [thread for thread in threading.enumerate() if thread.name.startswith("zoo-")]
    assert left
    assert all(thread.daemon and thread.name.startswith("zoo-read") for thread in left)
    forever.set()
    for thread in left:
        thread.join(10)


def test_a_piece_by_itself_is_prepared_without_a_thread() -> None:
    """A single row takes less time than handing it over."""
    names: list[str] = []

    def prepare(piece: int) -> int:
        names.append(threading.current_thread().name)
        return piece

    here = threading.current_thread().name
    assert list(run([[7]], prepare)) == [7]
    assert list(run(([number] for number in range(3)), prepare, ahead=False)) == [0, 1, 2]
    assert names == [here] * 4
    assert list(run([[1, 2]], prepare)) == [3]
    assert here not in names[4:]
