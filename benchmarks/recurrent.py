"""Training an LSTM letter by letter: zoo's recipe beside the same lines of plain Keras on JAX."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, side_by_side

PEER = Path(__file__).parent / "peers" / "alphabet_variable.py"


def main() -> None:
    """Print the ratio of whole processes: 1000 steps of one row an epoch."""
    epochs = sys.argv[1] if len(sys.argv) > 1 else "500"
    with tempfile.TemporaryDirectory() as folder:
        # A run folder of its own for each turn: without `-o` zoo makes one under the current.
        train = [*ZOO, "train", "lstm-alphabet-variable", "--epochs", epochs, "--seed", "1"]
        commands = {
            "zoo": ["sh", "-c", 'cd "$0" && exec "$@"', folder, *train],
            "keras": [sys.executable, str(PEER), epochs],
        }
        medians = side_by_side(commands, times=1, env={"KERAS_BACKEND": "jax"})
    work = f"zoo train lstm-alphabet-variable, {epochs} epochs"
    report(Ratio(work, "the Keras script on JAX", medians["zoo"] / medians["keras"], 0.2))


if __name__ == "__main__":
    main()
