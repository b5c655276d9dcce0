"""Letters as numbers, and the pieces of a text that a network learns from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo import InputError
from zoo_sequence.letters import Letters

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_a_letter_is_its_place_by_the_size_of_the_alphabet() -> None:
    assert Letters().one("A").tolist() == [[0.0]]
    assert Letters().one("Z").tolist() == [[np.float32(25) / np.float32(26)]]
    assert Letters(alphabet="xy").one("y").tolist() == [[0.5]]


@pytest.mark.parametrize(
    ("options", "raw", "places"),
    [
        ({"length": 3}, "ABCD", [[1], [2], [3]]),
        ({"length": 3, "layout": "features"}, "BCD", [[1, 2, 3]]),
        ({"length": 5, "pad": True}, "CD", [[0], [0], [0], [2], [3]]),
        ({"length": 2, "pad": True}, "CDE", [[3], [4]]),
    ],
)
def test_the_last_letters_count(options: dict[str, Any], raw: str, places: Any) -> None:
    part = Letters(**options)
    sample = part.one(raw)
    assert sample.shape == part.shape
    assert sample.dtype == np.float32
    np.testing.assert_allclose(sample * 26, places, atol=1e-5)


def test_steps_are_never_filled_up() -> None:
    part = Letters(length=5, pad=True)
    np.testing.assert_allclose(part.steps("BD") * 26, [[1], [3]], atol=1e-5)
    np.testing.assert_allclose(
        Letters(length=2, layout="features").steps("BDAC") * 26, [[1, 3], [0, 2]], atol=1e-5
    )
    with pytest.raises(InputError, match="in groups of 2, received 'BDA'"):
        Letters(length=2, layout="features").steps("BDA")


def test_every_window_and_what_follows() -> None:
    pieces, following = Letters(length=3).samples(ALPHABET)
    assert len(pieces) == len(following) == 23
    assert (pieces[0], following[0], pieces[-1], following[-1]) == ("ABC", "D", "WXY", "Z")


def test_random_pieces_are_those_that_were_published() -> None:
    """The tutorial's loop with NumPy's global generator, number by number."""
    draw = np.random.RandomState(7)
    expected = []
    for _ in range(1000):
        start = draw.randint(len(ALPHABET) - 2)
        end = draw.randint(start, min(start + 5, len(ALPHABET) - 1))
        expected.append((ALPHABET[start : end + 1], ALPHABET[end + 1]))
    pieces, following = Letters(length=5, pad=True, substrings=1000, seed=7).samples(ALPHABET)
    assert list(zip(pieces, following, strict=True)) == expected
    assert {len(piece) for piece in pieces} == {1, 2, 3, 4, 5}
    assert Letters(length=5, pad=True, substrings=9, seed=8).samples(ALPHABET)[0] != pieces[:9]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", "expected a text of letters, received ''"),
        (7, "expected a text of letters, received 7"),
        ("ABc", "'c' is not in the alphabet"),
        ("A", "expected at least 2 letters, received 'A'"),
    ],
)
def test_what_is_no_sequence_of_letters(raw: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Letters(length=2).one(raw)


@pytest.mark.parametrize("options", [{}, {"pad": True, "substrings": 10}])
def test_texts_too_short_to_learn_from(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="more than 2 letters, received 2"):
        Letters(length=2, **options).samples("AB")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"alphabet": "ABA"}, "different letters, received 'ABA'"),
        ({"length": 0}, "at least 1, received 0"),
        ({"substrings": 5}, "need pad = true"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Letters(**options)


def test_what_comes_before() -> None:
    assert Letters().before("K") == "ABCDEFGHIJ"
    assert Letters().before("KLM") == "ABCDEFGHIJ"
    assert Letters().before("A") == ""
    with pytest.raises(InputError, match="'k' is not in the alphabet"):
        Letters().before("k")
