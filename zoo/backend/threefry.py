"""JAX's random numbers on a CPU: the same ones, without the loop that JAX emits for them there.

XLA compiles that loop slowly, computes it on one core, and fuses it with nothing: it takes a good
part of the time of initialising a small network, and of a step of a perceptron with dropout.
"""

from __future__ import annotations

import contextlib
from typing import Any

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

PARITY = 0x1BD11BDA


def unroll() -> None:
    """Make JAX compile its generator for CPUs without a loop, from now on in this process."""
    with contextlib.suppress(ImportError, AttributeError):  # another JAX may have it elsewhere
        from jax.extend.random import threefry2x32_p
        from jax.interpreters import mlir

        rule = mlir.lower_fun(threefry, multiple_results=True)
        mlir.register_lowering(threefry2x32_p, rule, platform="cpu")


def threefry(key_1: Any, key_2: Any, counter_1: Any, counter_2: Any) -> tuple[Any, Any]:
    """Return the two uint32 words that Threefry-2x32 makes of a key and a counter, in 20 rounds.

    J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    import numpy as np

    keys = (key_1, key_2, key_1 ^ key_2 ^ np.uint32(PARITY))
    left, right = counter_1 + key_1, counter_2 + key_2
    for group in range(5):
        for distance in map(np.uint32, ROTATIONS[group % 2]):
            left = left + right
            right = left ^ (right << distance | right >> np.uint32(32) - distance)
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + np.uint32(group + 1)
    return left, right
