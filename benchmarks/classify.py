"""Classify one photo with ``zoo classify`` on JAX, as complete processes.

The default model is compared with ``import keras``; VGG16 with the usual Keras script, on JAX and,
if installed, on TensorFlow. The first process of each, whose compiled code the later ones reuse, is
not counted; nor is that of the scripts.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run, side_by_side
from memory import MUG

HERE = Path(__file__).parent
IMPORT = "import keras"


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "vgg16.h5"
        run([sys.executable, str(HERE / "memory.py"), str(weights)])
        script = [sys.executable, str(HERE / "peers" / "vgg16_keras.py"), str(weights), str(MUG)]
        scripts = {
            name: ["env", f"KERAS_BACKEND={backend}", *script]
            for name, backend in (("on JAX", "jax"), ("on TensorFlow", "tensorflow"))
            if importlib.util.find_spec(backend)
        }
        small, large = "zoo classify", "zoo classify -m vgg16"
        medians = side_by_side(
            {
                IMPORT: [sys.executable, "-c", IMPORT],
                small: [*ZOO, "classify", str(MUG)],
                large: [*ZOO, "classify", str(MUG), "-m", "vgg16", "--weights", str(weights)],
                **scripts,
            },
            times=7,
            env={"KERAS_BACKEND": "jax"},
        )
    aims = {"on JAX": 0.35, "on TensorFlow": 0.4}
    report(
        Ratio(
            f"{small} on JAX",
            f'python -c "{IMPORT}"',
            medians[small] / medians[IMPORT],
            1.2,
            "which loads a TensorFlow that is installed beside JAX as well",
        ),
        *(
            Ratio(large, f"the Keras script {name}", medians[large] / medians[name], aims[name])
            for name in scripts
        ),
    )


if __name__ == "__main__":
    main()
