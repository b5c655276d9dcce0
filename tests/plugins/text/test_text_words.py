"""Texts to tensors: multi-hot and padded, with a vocabulary stored with the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from zoo import InputError
from zoo.data.tokens import Tokens
from zoo_text.multi_hot import MultiHot
from zoo_text.padded import Padded
from zoo_text.words import Words

TEXTS = [[1, 4, 9, 4], [1, 5, 6, 7, 8, 200], [1]]


def tokens() -> Tokens:
    made = Tokens.of(TEXTS)
    made.words = {f"w{rank}": rank for rank in range(1, 300)}
    return made


def padded(texts: Sequence[Sequence[int]], words: int, length: int, pad: str, cut: str) -> Any:
    """The slow and plain way."""
    rows = []
    for text in texts:
        numbers = [number if number < words else 2 for number in text]
        numbers = numbers[-length:] if cut == "front" else numbers[:length]
        zeros = [0] * (length - len(numbers))
        rows.append(zeros + numbers if pad == "front" else numbers + zeros)
    return rows


def test_multi_hot_is_the_set_of_words() -> None:
    part = MultiHot(words=10)
    tensors, errors = part.many(tokens())
    assert errors == [None] * 3
    assert tensors.dtype == np.uint8
    assert tensors.shape == (3, *part.shape)
    assert [np.flatnonzero(row).tolist() for row in tensors] == [[1, 4, 9], [1, 2, 5, 6, 7, 8], [1]]
    assert tensors.max() == 1


@pytest.mark.parametrize("pad", ["front", "back"])
@pytest.mark.parametrize("cut", ["front", "back"])
@pytest.mark.parametrize("length", [1, 4, 6, 9])
def test_padded_keeps_the_order(pad: Any, cut: Any, length: int) -> None:
    part = Padded(words=8, length=length, pad=pad, cut=cut)
    tensors, errors = part.many(tokens())
    assert errors == [None] * 3
    assert tensors.dtype == np.int32
    assert part.shape == (length,)
    assert tensors.tolist() == padded(TEXTS, 8, length, pad, cut)


@pytest.mark.parametrize("part", [MultiHot(words=12), Padded(words=12, length=5)])
def test_tokens_lists_arrays_and_texts_are_one(part: Words) -> None:
    part.fit(tokens())
    expected, _ = part.many(tokens())
    written = ["w1 w6 w1", "W2, w3 - w4; w5 w197!"]
    for raws in (TEXTS, [np.array(text) for text in TEXTS], [*written, [1]]):
        tensors, errors = part.many(raws)
        assert errors == [None] * 3
        assert tensors.dtype == expected.dtype
        np.testing.assert_array_equal(tensors, expected)
        np.testing.assert_array_equal(np.stack([part.one(raw) for raw in raws]), expected)
    tensors, errors = part.many([])
    assert (tensors.shape, errors) == ((0, *part.shape), [])


def test_the_vocabulary_is_the_most_frequent_words_and_travels() -> None:
    import json

    part = MultiHot(words=10)
    part.fit(tokens())
    assert part.ranks == {f"w{rank}": rank for rank in range(1, 7)}  # numbers 4 to 9
    other = MultiHot(words=10)
    other.restore(json.loads(json.dumps(part.state())))
    np.testing.assert_array_equal(other.one("w6 w7"), part.one([1, 9, 10]))


def test_the_vocabulary_of_texts_is_counted() -> None:
    part = Padded(words=6, length=4)
    part.fit(["good film", "good day", "film, good, seen"])
    assert part.ranks == {"good": 1, "film": 2}
    assert part.one("a GOOD film!").tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        ("", "empty-text", "is empty"),
        (" \n", "empty-text", "is empty"),
        (None, "not-a-text", "received 'None'"),
        (7, "not-a-text", "expected a text or a list of word numbers, received '7'"),
        ([], "not-a-text", "received"),
        ([1.5], "not-a-text", "received"),
        ([[1], [2, 3]], "not-a-text", "received"),
        (["a"], "not-a-text", "received"),
        ([True], "not-a-text", "received"),
        ([1, -1], "bad-number", "start from 0, received -1"),
        ({"text": "a"}, "not-a-text", "received"),
    ],
)
def test_a_bad_text_costs_itself_alone(raw: Any, kind: str, says: str) -> None:
    part = MultiHot(words=10)
    part.fit(["a b"])
    tensors, errors = part.many(["a", raw, [1, 5]])
    assert tensors.shape == (2, 10)
    assert errors[0] is errors[2] is None
    assert errors[1] is not None
    assert errors[1].kind == kind
    assert says in errors[1].message
    with pytest.raises(InputError):
        part.one(raw)


def test_numbers_of_any_size_are_unknown_words() -> None:
    assert Padded(words=10, length=2).one([10, 1 << 40]).tolist() == [2, 2]


def test_without_a_vocabulary_texts_are_refused_and_numbers_are_not() -> None:
    part = MultiHot(words=10)
    part.fit([[1, 4], [1, 5]])
    with pytest.raises(InputError, match="the words have no numbers"):
        part.one("a")
    assert part.one([1, 4]).sum() == 2


@pytest.mark.parametrize("make", [lambda: MultiHot(words=4), lambda: Padded(length=0)])
def test_options_that_leave_nothing_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        make()
