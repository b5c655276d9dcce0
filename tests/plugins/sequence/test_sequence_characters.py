"""Texts as characters, read and written, and the network in between."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from zoo import InputError
from zoo.backend.choose import keras
from zoo_sequence.characters import Characters, Text
from zoo_sequence.encoder_decoder import encoder_decoder


@pytest.mark.parametrize(
    ("options", "sample"),
    [
        ({}, [[0, 0], [1, 0], [0, 1]]),
        ({"pad": "back"}, [[1, 0], [0, 1], [0, 0]]),
        ({"layout": "numbers"}, [0, 1, 2]),
        ({"layout": "numbers", "pad": "back"}, [1, 2, 0]),
    ],
)
def test_characters_are_steps(options: dict[str, Any], sample: Any) -> None:
    part = Characters(length=3, **options)
    part.fit(["ba", 7, "b", None])
    assert part.alphabet == "ab"
    tensor = part.one("ab")
    assert tensor.shape == part.shape
    assert tensor.dtype == ("int32" if "layout" in options else "float32")
    assert tensor.tolist() == sample
    other = Characters(length=3, **options)
    other.restore(json.loads(json.dumps(part.state())))
    assert other.one("ab").tolist() == sample


@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        (7, "not-a-text", "expected a text, received '7'"),
        ("", "empty-text", "is empty, expected a text"),
        ("1+1+1", "bad-length", r"'1\+1\+1' has 5 characters, expected at most 4"),
        ("1-1", "unknown-letter", r"'-' in '1-1' is not in the alphabet '\+1'"),
    ],
)
def test_what_cannot_be_read_costs_its_row(raw: Any, kind: str, text: str) -> None:
    part = Characters(alphabet="+1", length=4)
    tensors, errors = part.many(["1+1", raw])
    assert tensors.shape == (1, 4, 2)
    assert errors[1] is not None
    assert errors[1].kind == kind
    with pytest.raises(InputError, match=text):
        part.one(raw)


def test_a_text_is_written_up_to_its_end() -> None:
    decoder = Text()
    decoder.fit(["19", 7, 8.0, "107"])
    assert (decoder.alphabet, decoder.length, decoder.units) == ("01789", 3, 6)
    targets, errors = decoder.encode(["19", 7.0, "107", "1000", "2", ""])
    assert targets.dtype == np.int32
    assert targets.tolist() == [[2, 5, 0], [3, 0, 0], [2, 1, 3]]
    assert [str(error) for error in errors[3:]] == [
        "the target: '1000' has 4 characters, expected at most 3",
        "the target: '2' in '2' is not in the alphabet '01789'",
        "the target: is empty, expected a text",
    ]
    other = Text()
    other.restore(json.loads(json.dumps(decoder.state())))
    outputs = np.eye(6)[[*targets, [0, 3, 3], [2, 0, 3]]]
    assert other.decode(outputs) == ["19", "7", "107", "", "1"]


def test_what_the_spec_gives_is_not_learnt() -> None:
    decoder = Text(alphabet="ba", length=5)
    decoder.fit(["a", "c"])
    assert (decoder.alphabet, decoder.length) == ("ba", 5)
    part = Characters(alphabet="ba", length=5)
    part.fit(["c"])
    assert part.shape == (5, 2)


def test_nothing_was_fitted() -> None:
    assert Text().units is None
    for use in (lambda: Text().encode(["a"]), lambda: Characters().one("a")):
        with pytest.raises(InputError, match="the alphabet is learnt from training data"):
            use()
    for part in (Text(), Characters()):
        with pytest.raises(InputError, match="the training rows hold no text"):
            part.fit([""])


@pytest.mark.parametrize("part", [Characters, Text])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"alphabet": "aba"}, "alphabet must be different characters, received 'aba'"),
        ({"alphabet": ""}, "alphabet must be different characters, received ''"),
        ({"length": 0}, "length must be at least 1, received 0"),
    ],
)
def test_options_that_cannot_be(part: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        part(**options)


@pytest.mark.backends
@pytest.mark.parametrize(("cell", "words"), [("lstm", None), ("gru", 7), ("simple", None)])
def test_the_network_reads_and_writes_sequences_of_several_lengths(
    cell: Any, words: int | None
) -> None:
    shape = (5,) if words else (5, 2)
    network = encoder_decoder(shape, 4, output_length=3, width=8, cell=cell, words=words)
    rows = np.ones((2, *shape), "int32" if words else "float32")
    outputs = keras().ops.convert_to_numpy(network(rows))
    assert outputs.shape == (2, 3, 4)
    np.testing.assert_allclose(outputs.sum(axis=-1), 1, atol=1e-5)
