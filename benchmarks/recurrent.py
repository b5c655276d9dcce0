"""Training an LSTM letter by letter: zoo's recipe beside the same lines of plain Keras on JAX."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run

PEER = Path(__file__).parent / "peers" / "alphabet_variable.py"


def main() -> None:
    """Print the ratio of whole processes, each run once: 1000 steps of one row an epoch."""
    epochs = sys.argv[1] if len(sys.argv) > 1 else "500"
    env = {"KERAS_BACKEND": "jax"}
    with tempfile.TemporaryDirectory() as folder:

        def zoo(epochs: str) -> float:
            train = [*ZOO, "train", "lstm-alphabet-variable", "--epochs", epochs, "--seed", "1"]
            return run([*train, "-o", f"{folder}/{epochs}"], env).seconds

        zoo("1")  # as in daily use: files warm
        ours = zoo(epochs)
    peer = run([sys.executable, str(PEER), epochs], env).seconds
    work = f"zoo train lstm-alphabet-variable, {epochs} epochs"
    report(Ratio(work, "the Keras script on JAX", ours / peer, 0.2))


if __name__ == "__main__":
    main()
