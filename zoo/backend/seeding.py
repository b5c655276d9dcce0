"""One seed for every generator that Keras draws from."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from zoo.backend import keras_private
from zoo.backend.choose import chosen_backend, keras

_lock = threading.RLock()
"""Generators belong to the process: threads that train take turns."""


@contextmanager
def temporary_seed(seed: int) -> Iterator[None]:
    """Seed Keras and its backend; restore the generators afterwards.

    ``keras.utils.set_random_seed`` is not used: it imports TensorFlow wherever that is installed,
    which costs seconds with every other backend.
    """
    import numpy as np

    with _lock, ExitStack() as after:
        after.callback(random.setstate, random.getstate())
        after.callback(np.random.set_state, np.random.get_state())
        _seed_keras(seed, after)
        if chosen_backend() == "tensorflow":
            _seed_tensorflow(seed, after)
        elif chosen_backend() == "torch":
            import torch

            after.enter_context(torch.random.fork_rng())
        _seed_generators(seed)
        yield


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed the generators with a state outside of Keras's variables, for one epoch.

    Dropout on torch draws from torch's own generator; an epoch whose seed depends only on its
    number can be repeated when a training is resumed.
    """
    _seed_generators((seed * 1_000_003 + epoch + 1) % 2**32)


def _seed_generators(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    if chosen_backend() == "torch":
        import torch

        torch.manual_seed(seed)


def _seed_keras(seed: int, after: ExitStack) -> None:
    keras()
    # Without a seed generator, Keras makes one from the seed when it needs one.
    for name, value in zip(keras_private.seed_attributes(), (seed, None), strict=True):
        after.callback(
            keras_private.set_global_attribute, name, keras_private.global_attribute(name)
        )
        keras_private.set_global_attribute(name, value)


def _seed_tensorflow(seed: int, after: ExitStack) -> None:
    import tensorflow
    from tensorflow.python.eager.context import context
    from tensorflow.python.framework import config

    if not config.is_op_determinism_enabled():
        after.callback(config.disable_op_determinism)
        config.enable_op_determinism()
    before = context()
    if hasattr(before, "_rng"):  # something was seeded before
        after.callback(setattr, before, "_rng", before._rng)
    after.callback(before._set_global_seed, before._seed)
    tensorflow.random.set_seed(seed)
