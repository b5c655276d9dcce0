"""The generator without a loop draws what JAX's own draws."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from zoo.backend.choose import chosen_backend, keras
from zoo.backend.keras_private import threefry

ANSWERS = [
    # Key, counter and words of Threefry-2x32-20 in the test vectors of Random123.
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]

DRAWN = """
import sys
import jax
if sys.argv[1] == "zoo":
    from zoo.backend.keras_private import unroll_threefry
    unroll_threefry()
key = jax.random.fold_in(jax.random.PRNGKey(3), 5)
draw = jax.jit(lambda key: (
    jax.random.bits(key, (3, 7)),
    jax.random.bernoulli(key, 0.3, (129,)),
    jax.random.normal(key, (5,)).view("uint32"),
    jax.random.permutation(key, 11),
))
print([values.tolist() for values in draw(key)], "stablehlo.while" in draw.lower(key).as_text())
"""


@pytest.mark.parametrize(("key", "counter", "words"), ANSWERS)
def test_known_answers(
    key: tuple[int, int], counter: tuple[int, int], words: tuple[int, int]
) -> None:
    arguments = [np.array([number], np.uint32) for number in (*key, *counter)]
    assert [int(word[0]) for word in threefry(*arguments)] == list(words)


def test_the_numbers_are_those_of_jax() -> None:
    pytest.importorskip("jax")

    def drawn(whose: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", DRAWN, whose],
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        return done.stdout

    ours, theirs = drawn("zoo"), drawn("jax")
    assert theirs.endswith("] True\n")
    assert ours == theirs.replace("] True\n", "] False\n")


@pytest.mark.skipif(chosen_backend() != "jax", reason="on JAX only")
def test_it_is_what_keras_draws_with() -> None:
    keras()
    import jax

    text = jax.jit(lambda key: jax.random.bits(key, (9,))).lower(jax.random.PRNGKey(0)).as_text()
    assert jax.default_backend() != "cpu" or "while" not in text
