"""Grid search of mlp-pima: `zoo tune` against `GridSearchCV` of Keras's wrapper on TensorFlow.

The published grid has 54 combinations; both search the same ninth of it, or all of it with
``--all``, for which the peer takes the better part of an hour. The larger the grid, the better zoo
does: combinations of one shape share a program.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run

PEER = Path(__file__).parent / "peers" / "sklearn_classifier.py"
ALL = {
    "optimizer": "rmsprop,adam",
    "kernel_initializer": "glorot_uniform,random_normal,random_uniform",
    "epochs": "50,100,150",
    "batch_size": "5,10,20",
}
NINTH = {**ALL, "kernel_initializer": "random_uniform", "batch_size": "20"}


def main() -> None:
    """Print the ratio of complete processes, each run once."""
    grid = ALL if "--all" in sys.argv[1:] else NINTH
    axes = [word for key, values in grid.items() for word in ("--grid", f"{key}={values}")]
    with tempfile.TemporaryDirectory() as folder:
        tune = [*ZOO, "tune", "mlp-pima", *axes, "-o", f"{folder}/tune", "--seed", "3"]
        ours = run(tune, {"KERAS_BACKEND": "jax"}).seconds
    search = [sys.executable, str(PEER), "grid", *grid.values()]
    peer = run(search, {"KERAS_BACKEND": "tensorflow"}).seconds
    work = f"zoo tune, {54 if grid is ALL else 6} combinations on 3 folds"
    report(Ratio(work, "GridSearchCV of keras.wrappers on TensorFlow", ours / peer, 0.1))


if __name__ == "__main__":
    main()
