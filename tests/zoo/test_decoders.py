"""Decoders: classes in an order that every process agrees on, numbers, and what is neither."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from zoo.decoders import Binary, Classes, Value
from zoo.errors import InputError


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["squares", "circles", "b", "a", "a"], ["a", "b", "circles", "squares"]),
        ([10, 9, 2, "1"], ["1", "2", "9", "10"]),
        (["10", "x", "9", "nan"], ["9", "10", "nan", "x"]),
        ([True, False], ["0", "1"]),
    ],
)
def test_classes_are_learnt_in_order(labels: list[object], order: list[str]) -> None:
    decoder = Classes()
    decoder.fit(labels)
    assert decoder.labels == order


def test_the_order_does_not_depend_on_the_process() -> None:
    """Python hashes texts differently in each process; a seed has to repeat a training anyway."""
    code = (
        "from zoo.decoders import Classes as C; c = C(); c.fit(list('hgfedcba')); print(c.labels)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(outputs) == 1


def test_a_class_may_be_written_as_number_or_text() -> None:
    decoder = Binary(labels=["no", "yes"], values=[0, 1])
    targets, errors = decoder.encode([0, "1", 1.0, "yes", " no ", "maybe"])
    assert targets.ravel().tolist() == [0, 1, 1, 1, 0]
    assert [error is None for error in errors] == [True] * 5 + [False]
    assert str(errors[5]) == "unknown class 'maybe', expected one of 0, 1"


def test_one_unit_gives_both_probabilities() -> None:
    (best, other), _ = Binary(labels=["no", "yes"]).decode(np.array([[0.9], [0.2]]))
    assert (best.label, best.index) == ("yes", 1)
    assert best.score == pytest.approx(0.9)
    assert (other.label, other.score) == ("no", pytest.approx(0.1))


def test_ties_come_in_the_order_of_the_classes() -> None:
    (row,) = Classes(labels=["a", "b", "c"]).decode(np.array([[0.2, 0.4, 0.4]]))
    assert [p.label for p in row] == ["b", "c", "a"]


def test_a_target_of_one_class_cannot_be_told_apart() -> None:
    with pytest.raises(InputError, match="must hold two classes, found 1: yes"):
        Binary().fit(["yes", "yes"])


def test_numbers() -> None:
    targets, errors = Value().encode([1, "2.5", "much", None, "inf"])
    assert targets.ravel().tolist() == [1, 2.5]
    assert [error is None for error in errors] == [True, True, False, False, False]
    assert Value().decode(np.array([[1.5], [2]])) == [1.5, 2.0]
    assert Value(width=2).decode(np.array([[1.5, 2]])) == [[1.5, 2.0]]


@pytest.mark.parametrize("scale", ["min-max", "standard"])
def test_a_scaled_target_comes_back_in_its_own_unit(scale: Any) -> None:
    decoder = Value(scale=scale, unit="kg")
    with pytest.raises(InputError, match="nothing was fitted yet"):
        decoder.decode(np.array([[0.5]]))
    decoder.fit(["10", 20, "", "much", "inf", 10**400, 60])
    targets, errors = decoder.encode([10, 20, "", 60, 10**400])
    assert [error is None for error in errors] == [True, True, False, True, False]
    if scale == "min-max":
        assert targets.ravel().tolist() == pytest.approx([0, 0.2, 1])
    else:
        assert targets.mean() == pytest.approx(0, abs=1e-6)
        assert targets.std() == pytest.approx(1)
    other = Value(scale=scale)
    other.restore(json.loads(json.dumps(decoder.state())))
    assert other.decode(targets) == pytest.approx([10, 20, 60], abs=1e-4)


@pytest.mark.parametrize("scale", ["min-max", "standard"])
def test_a_constant_target_is_no_division_by_zero(scale: Any) -> None:
    decoder = Value(scale=scale)
    decoder.fit([0.1] * 11)
    targets, _ = decoder.encode([0.1, 1.1])
    assert targets.ravel().tolist() == [0, 1]
    with pytest.raises(InputError, match="the target holds no number"):
        decoder.fit(["a", None])


def test_a_row_without_a_label_is_an_error_of_its_own() -> None:
    decoder = Classes()
    decoder.fit(["a", None, "b", ""])
    assert decoder.labels == ["a", "b"]
    targets, errors = decoder.encode(["b", None])
    assert targets.tolist() == [1]
    assert str(errors[1]) == "unknown class '', expected one of a, b"
