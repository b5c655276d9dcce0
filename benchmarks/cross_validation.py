"""Ten folds of mlp-pima in `cross_val_score`: zoo's estimator against Keras's on TensorFlow."""

from __future__ import annotations

import sys
from pathlib import Path

from measure import Ratio, report, run

PEER = Path(__file__).parent / "peers" / "sklearn_classifier.py"
OURS = Path(__file__).parent / "cross_validated.py"


def main() -> None:
    """Print the ratio of complete processes, each run once; the peer takes minutes."""
    epochs = sys.argv[1] if len(sys.argv) > 1 else "150"
    run([sys.executable, str(OURS), "1"], {"KERAS_BACKEND": "jax"})  # warm caches, as in daily use
    ours = run([sys.executable, str(OURS), epochs], {"KERAS_BACKEND": "jax"}).seconds
    peer = run(
        [sys.executable, str(PEER), "folds", epochs], {"KERAS_BACKEND": "tensorflow"}
    ).seconds
    work = f"ZooClassifier, 10 folds of {epochs} epochs"
    report(Ratio(work, "keras.wrappers on TensorFlow", ours / peer, 0.1))


if __name__ == "__main__":
    main()
