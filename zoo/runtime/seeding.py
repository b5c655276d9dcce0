"""One seed for everything that Keras draws from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.runtime.backend import chosen_backend, keras


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Keras and its backend; give Python and NumPy their own state back afterwards.

    This is ``keras.utils.set_random_seed``, which however imports a TensorFlow that is merely
    installed and costs seconds with every other backend.
    """
    import numpy as np

    before = random.getstate(), np.random.get_state()
    _seed_generators(seed)
    _seed_keras(seed)
    if chosen_backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
        tensorflow.random.set_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed what keeps its state outside of Keras's variables, for one epoch.

    Dropout on torch draws from torch's own generator; an epoch that depends on its number alone
    can be repeated when a training is resumed.
    """
    _seed_generators((seed * 1_000_003 + epoch + 1) % 2**32)


def _seed_generators(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    if chosen_backend() == "torch":
        import torch

        torch.manual_seed(seed)


def _seed_keras(seed: int) -> None:
    keras()
    from keras.src.backend.common.global_state import set_global_attribute
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

    set_global_attribute(GLOBAL_RANDOM_SEED, seed)
    set_global_attribute(GLOBAL_SEED_GENERATOR, None)  # made anew from the seed when needed
