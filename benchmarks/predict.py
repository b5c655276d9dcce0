"""One row through ``model.predict``: what it takes beyond the network's own call, in one process.

Both take the same compiled function, in turns. The rows differ from call to call.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time

from measure import Ratio, report

os.environ["KERAS_BACKEND"] = "jax"
ROUNDS = 3000


def main() -> None:
    """Print the ratio and the difference of the medians."""
    import numpy as np

    import zoo

    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        model = zoo.train("mlp-pima", epochs=1, output=f"{folder}/run").model
        network, alone = model.runner, []
        predicting: list[float] = []
        for row in generator.uniform(1, 100, (ROUNDS + 1, 8)).tolist():
            inputs, _ = model.preprocessor.many([row])
            start = time.perf_counter()
            network(inputs)
            middle = time.perf_counter()
            model.predict([row])
            alone.append(middle - start)
            predicting.append(time.perf_counter() - middle)
    # The first call compiles.
    seconds, own = statistics.median(predicting[1:]), statistics.median(alone[1:])
    print(f"model.predict of one row: {1000 * (seconds - own):.3f} ms beyond its network")
    report(Ratio("model.predict of one row, JAX", "its network on that row", seconds / own))


if __name__ == "__main__":
    main()
