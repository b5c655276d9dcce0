"""Arrays of numbers as tensors: shape, length, scale, and what is no array of numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from zoo import InputError
from zoo_array.values import Values

SERIES = np.random.default_rng(0).normal(3, 2, (40, 12))


@pytest.mark.parametrize("scale", ["none", "standard", "min-max"])
@pytest.mark.parametrize("samples", [SERIES, SERIES.reshape(40, 4, 3), SERIES.astype("uint8")])
def test_one_array_and_samples_one_by_one_are_the_same(samples: Any, scale: Any) -> None:
    """One array is scaled at once, a list sample by sample."""
    part = Values(scale=scale)
    part.fit(samples)
    assert part.shape == samples.shape[1:]
    together, errors = part.many(samples)
    assert errors == [None] * 40
    assert together.dtype == np.float32
    for raws in (list(samples), samples.tolist()):
        other = Values(scale=scale)
        other.fit(raws)
        np.testing.assert_allclose(other.many(raws)[0], together, atol=1e-5)
    if scale == "none":
        np.testing.assert_allclose(together, samples, rtol=1e-6)
        return
    axes = (0, 1) if samples.ndim == 3 else None
    if scale == "standard":
        assert np.allclose(together.mean(axis=axes), 0, atol=1e-5)
        assert np.allclose(together.std(axis=axes), 1, atol=1e-5)
    else:
        assert np.allclose(together.min(axis=axes), 0)
        assert np.allclose(together.max(axis=axes), 1)
    restored = Values(scale=scale)
    restored.restore(json.loads(json.dumps(part.state())))
    np.testing.assert_array_equal(restored.one(samples[3]), together[3])


def test_samples_of_several_lengths() -> None:
    """The zeros at the end are no values of the samples, so they are not scaled either."""
    part = Values(length=3, scale="standard")
    raws = [[4.0, 6.0], [4, 6, 4, 900], [6.0]]
    part.fit(raws)
    assert part.shape == (3,)
    tensors, errors = part.many(raws)
    assert errors == [None] * 3
    assert tensors[0].tolist()[2] == 0
    assert tensors[2].tolist()[1:] == [0, 0]
    assert tensors[1].tolist() == [tensors[0][0], tensors[0][1], tensors[0][0]]
    wide = np.ones((2, 5, 2))
    steps = Values(length=3)
    steps.fit(wide)
    np.testing.assert_array_equal(steps.many(wide)[0], np.ones((2, 3, 2)))
    for empty in (np.ones(2), np.ones((2, 0))):  # numbers, and samples of no length
        tensors, errors = part.many(empty)
        assert len(tensors) == 0
        assert [error.kind for error in errors if error] == ["bad-shape"] * 2
    assert part.many(np.ones((0, 3)))[0].shape == (0, 3)


def test_constant_values_are_no_division_by_zero() -> None:
    part = Values(scale="standard")
    part.fit(np.ones((3, 4)))
    assert part.many(np.ones((2, 4)))[0].tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        (
            [1, 2],
            "bad-shape",
            r"received numbers of shape \(2,\), expected \(3,\); the option leng",
        ),
        ([[1, 2, 3]], "bad-shape", r"received numbers of shape \(1, 3\), expected \(3,\)$"),
        ([1, [2], 3], "bad-shape", "received lists of several lengths, expected an array of numb"),
        (5, "bad-shape", "received the number 5, expected an array of numbers"),
        ([], "bad-shape", "received an empty array, expected an array of numbers"),
        (
            ["1", "2", "3"],
            "bad-dtype",
            r"received \"\['1', '2', '3'\]\", expected an array of numb",
        ),
        (None, "bad-dtype", "received 'None', expected an array of numbers"),
        ([1, 2, 3j], "bad-dtype", "expected an array of numbers"),
        ([1, np.nan, 3], "bad-dtype", "received values that are NaN, infinite or too large"),
        ([1, 1e300, 3], "bad-dtype", "received values that are NaN, infinite or too large"),
    ],
)
def test_what_is_no_sample_costs_its_row(raw: Any, kind: str, text: str) -> None:
    part = Values()
    part.fit([[1, 2, 3]] * 3)
    with pytest.raises(InputError, match=text) as raised:
        part.one(raw)
    assert raised.value.kind == kind
    tensors, errors = part.many([[1, 2, 3], raw])
    assert tensors.tolist() == [[1, 2, 3]]
    assert [error and error.kind for error in errors] == [None, kind]


def test_values_that_are_not_finite_cost_their_rows_of_an_array() -> None:
    part = Values(scale="min-max")
    part.fit(SERIES)
    spoilt = SERIES.copy()
    spoilt[[1, 5], 0] = np.nan, np.inf
    tensors, errors = part.many(spoilt)
    assert [row for row, error in enumerate(errors) if error] == [1, 5]
    np.testing.assert_array_equal(tensors, np.delete(part.many(SERIES)[0], [1, 5], axis=0))
    wrong, errors = part.many(SERIES[:2, :3])
    assert wrong.shape == (0, 12)
    assert all(error.kind == "bad-shape" for error in errors)


def test_bad_samples_do_not_decide_what_is_learnt() -> None:
    part = Values(scale="standard")
    part.fit([[1.0, np.nan, 3.0], "x", [9.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert part.shape == (3,)
    assert part.one([2, 2, 2]).tolist() == [0, 0, 0]
    for bad in (["x"], [], [[np.nan]]):
        with pytest.raises(InputError, match="the training rows hold no array of finite numbers"):
            Values().fit(bad)
    with pytest.raises(InputError, match="no training row has finite numbers of the model's shape"):
        Values(shape=[7], scale="standard").fit([[1, 2]])


def test_nothing_was_fitted() -> None:
    with pytest.raises(InputError, match="the shape of the arrays is learnt from training data"):
        _ = Values().shape
    assert Values(shape=[2, 1]).one([[1], [2]]).tolist() == [[1], [2]]
    with pytest.raises(InputError, match="the scale of the arrays is learnt from training data"):
        Values(shape=[2], scale="standard").one([1, 2])


def test_values_outside_of_the_range_of_the_training() -> None:
    part = Values(scale="min-max")
    part.fit([[0, 1], [10, 3]])
    assert part.outside([[0, 10], "x"]) == []
    assert part.outside([[0, 12], [-1, 3]]) == [
        "values leave the range 0 to 10 that their scale was fitted to (now -1 to 12)"
    ]
    plain = Values()
    plain.fit([[0, 1]])
    assert plain.outside([[99, 99]]) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shape": [3, 0]}, r"shape must be sides of at least 1, received \[3, 0\]"),
        ({"shape": []}, r"shape must be sides of at least 1, received \[\]"),
        ({"length": 0}, "length must be at least 1, received 0"),
        ({"shape": [3], "length": 4}, "the first side of shape is 3, and length is 4"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Values(**options)
