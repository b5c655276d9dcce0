"""Texts as word numbers: no text loses a word to the next one, and words are looked up right."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest

from zoo import InputError
from zoo.data.tokens import Tokens, count_words, read_lines, shifted, steps, tokens_of, words_of

TEXTS = [[1, 5, 6], [], [1], [1, 9, 8, 7], [1, 4]]


@pytest.fixture
def tokens() -> Tokens:
    return Tokens.of(TEXTS)


def test_it_is_a_sequence_of_texts(tokens: Tokens) -> None:
    assert len(tokens) == 5
    assert [text.tolist() for text in tokens] == TEXTS
    assert tokens.lengths.tolist() == [3, 0, 1, 4, 2]
    assert tokens[-1].tolist() == [1, 4]
    assert tokens.flat.dtype == np.int32
    for beyond in (5, -6):
        with pytest.raises(IndexError):
            tokens[beyond]


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(1, 4), slice(None, None, -1), slice(-2, None), slice(3, 1), slice(9)],
)
def test_slices_are_those_of_a_list(tokens: Tokens, rows: slice) -> None:
    assert [text.tolist() for text in tokens[rows]] == TEXTS[rows]


def test_rows_are_taken_in_any_order_and_more_than_once(tokens: Tokens) -> None:
    draw = random.Random(0)
    for size in (0, 1, 20):
        rows = [draw.randrange(5) for _ in range(size)]
        assert [text.tolist() for text in tokens.take(rows)] == [TEXTS[row] for row in rows]
    with pytest.raises(IndexError):
        tokens.take([0, 5])


def test_the_words_stay_with_the_texts() -> None:
    tokens = Tokens.of([[1, 4], [1, 5]])
    tokens.words = {"a": 1, "b": 2}
    assert tokens.take([1]).words == tokens[:1].words == tokens.words


def test_no_texts_at_all() -> None:
    empty = Tokens.of([])
    assert len(empty) == len(empty.take([])) == len(empty[:3]) == 0
    assert list(empty) == []


def test_steps() -> None:
    assert steps(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
    assert steps(np.array([], np.int64)).tolist() == []


def test_ranks_are_shifted_and_each_text_starts_with_a_mark() -> None:
    """As Keras's loaders do it: 0 is padding, 1 start, 2 unknown, the first word 4."""
    flat, offsets = np.array([7, 1, 3], np.uint32), np.array([0, 2, 2, 3])
    assert [t.tolist() for t in shifted(flat, offsets)] == [[1, 10, 4], [1], [1, 6]]
    assert len(shifted(flat[:0], np.array([0]))) == 0


def test_a_text_becomes_numbers() -> None:
    words = {"the": 1, "film": 2, "don't": 3, "'em": 4, "café": 5, "1980": 6, "rare": 90}
    numbers = tokens_of("The FILM: don't (don\N{RIGHT SINGLE QUOTATION MARK}t)!", words, 100)
    assert numbers == [1, 4, 5, 6, 6]
    assert tokens_of("'film' <br /> 'em", words, 100) == [1, 5, 2, 7]
    assert tokens_of("café_1980-nosuch", words, 100) == [1, 8, 9, 2]
    assert tokens_of("rare", words, 93) == [1, 2]  # its number would be 93
    assert tokens_of("rare", words, 94) == [1, 93]
    assert tokens_of("", words, 100) == [1]


def test_words_are_counted_in_an_order_that_nothing_changes() -> None:
    ranks = count_words(["b a b", "C c, c!", "a"])
    assert ranks == {"c": 1, "a": 2, "b": 3}
    assert count_words([]) == {}
    assert words_of("  --  ") == []


def test_a_long_line_of_marks_takes_no_longer_than_words() -> None:
    assert tokens_of("'" * 1_000_000, {"a": 1}, 100) == [1, 2]


def test_lines_of_a_file(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfgreat film\r\n\nbad \xff\ncaf\xc3\xa9\x85\x0c not a new line"
    (tmp_path / "texts.txt").write_bytes(data)
    for source in (tmp_path / "texts.txt", io.BytesIO(data)):
        first, empty, bad, last = read_lines(source)
        assert (first, empty) == ("great film", "")
        assert isinstance(bad, InputError)
        assert "is not UTF-8 text, it holds the byte 0xff" in bad.message
        # Only a line break ends a text; here a stray byte makes it no text either.
        assert isinstance(last, InputError)
    assert list(read_lines(io.BytesIO(b""))) == []
    with pytest.raises(InputError, match=r"nosuch.txt: cannot be read, No such file"):
        list(read_lines(tmp_path / "nosuch.txt"))
