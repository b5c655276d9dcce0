"""A training step on JAX: an epoch as one program against Keras's own ``fit``, in one process.

Both train the same network on the same batches; the first call of each, which compiles, is not
counted.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from measure import Ratio, report

os.environ["KERAS_BACKEND"] = "jax"
ROUNDS, EPOCHS = 5, 4


def main() -> None:
    """Print a ratio for each model."""
    report(*map(compare, ("mlp-pima", "lstm-alphabet-variable")))


def compare(name: str) -> Ratio:
    """Return the ratio of the times per step for one model."""
    import zoo
    from zoo.backend.network import build
    from zoo.inference.measure import compile_network
    from zoo.inference.rows import load_data
    from zoo.training.rows import InMemory

    model = zoo.get_model(name, weights=None)
    training = model.spec.training
    assert training is not None
    data = InMemory(model, load_data(model.preprocessor, training, None, None), 1)
    x, y = data.arrays["train"]

    def fit(kind: str) -> Callable[[], Any]:
        network = build(model.architecture(), initialise=True)
        compile_network(network, training, steps=data.steps)
        network.optimizer.build(network.trainable_variables)
        rows = {"x": x, "y": y, "batch_size": training.batch_size}
        if kind == "zoo":
            rows = {"x": data.feed.data_for(network, EPOCHS)}
        return lambda: network.fit(**rows, shuffle=False, epochs=EPOCHS, verbose=0)

    fits = {kind: fit(kind) for kind in ("zoo", "keras")}
    seconds: dict[str, list[float]] = {kind: [] for kind in fits}
    for turn in range(ROUNDS + 1):
        for kind, train in fits.items():
            start = time.perf_counter()
            train()
            if turn:
                seconds[kind].append(time.perf_counter() - start)
    value = statistics.median(seconds["zoo"]) / statistics.median(seconds["keras"])
    return Ratio(f"a training step of {name}, JAX", "Keras fit on JAX", value, 0.15)


if __name__ == "__main__":
    main()
