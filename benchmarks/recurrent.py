"""Train an LSTM letter by letter: zoo's recipe against the same training in plain Keras on JAX."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run

PEER = Path(__file__).parent / "peers" / "alphabet_variable.py"


def main() -> None:
    """Print the ratio of complete processes, each run once: 1000 steps of one row per epoch."""
    epochs = sys.argv[1] if len(sys.argv) > 1 else "500"
    env = {"KERAS_BACKEND": "jax"}
    with tempfile.TemporaryDirectory() as folder:

        def zoo(epochs: str) -> float:
            train = [*ZOO, "train", "lstm-alphabet-variable", "--epochs", epochs, "--seed", "1"]
            return run([*train, "-o", f"{folder}/{epochs}"], env).seconds

        zoo("1")  # warm caches, as in daily use
        ours = zoo(epochs)
    peer = run([sys.executable, str(PEER), epochs], env).seconds
    work = f"zoo train lstm-alphabet-variable, {epochs} epochs"
    report(Ratio(work, "the Keras script on JAX", ours / peer, 0.2))


if __name__ == "__main__":
    main()
