"""Seeding a training leaves no trace, and training threads do not disturb each other."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import chosen_backend
from zoo.backend.seeding import temporary_seed


def drawn() -> list[float]:
    """One number of each generator that a user may have seeded."""
    import keras

    numbers = [random.random(), float(np.random.rand()), float(keras.random.normal(()))]
    if chosen_backend() == "tensorflow":
        import tensorflow

        numbers.append(float(tensorflow.random.normal(())))
    if chosen_backend() == "torch":
        import torch

        numbers.append(float(torch.randn(())))
    return numbers


def deterministic() -> bool:
    if chosen_backend() != "tensorflow":
        return False
    from tensorflow.python.framework import config

    return bool(config.is_op_determinism_enabled())


@pytest.mark.backends
def test_everything_is_given_back() -> None:
    import keras

    keras.utils.set_random_seed(9)
    expected = drawn()
    before = deterministic()
    keras.utils.set_random_seed(9)
    with temporary_seed(3):
        inside = drawn()
        assert deterministic() == (chosen_backend() == "tensorflow")
    assert deterministic() == before
    assert drawn() == expected != inside


@pytest.mark.backends
@pytest.mark.skipif(chosen_backend() != "tensorflow", reason="its generator comes with a seed")
def test_nobody_seeded_anything_before() -> None:
    code = "from zoo.backend.seeding import temporary_seed as seed\n" + "with seed(3): pass\n" * 2
    subprocess.run([sys.executable, "-c", code], check=True)


def weights(folder: Path, seed: int) -> list[Any]:
    settings = ["dropout=0.2", "epochs=3", "batch_size=64"]
    run = zoo.train("mlp-pima", seed=seed, settings=settings, output=folder / f"{seed}")
    return run.model.keras.get_weights()  # type: ignore[no-any-return]


@pytest.mark.backends
def test_trainings_in_threads_are_those_that_run_alone(tmp_path: Path) -> None:
    alone = [weights(tmp_path / "alone", seed) for seed in (1, 2, 3, 4)]
    with ThreadPoolExecutor(4) as pool:
        side_by_side = list(
            pool.map(lambda seed: weights(tmp_path / "threads", seed), (1, 2, 3, 4))
        )
    for one, other in zip(alone, side_by_side, strict=True):
        for value, expected in zip(other, one, strict=True):
            np.testing.assert_array_equal(value, expected)
