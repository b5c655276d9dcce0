"""Outputs of the models of `zoo_answers` for five rows, two at a time, by zoo or by plain Keras.

Run as a program, once per process to compare: ``python answering.py zoo|keras KIND=WEIGHTS...``
prints the outputs of each, and for each whether Keras had been imported by then.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

PLUGIN = Path(__file__).parent / "plugin"

ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
ROWS[0, 2:] = 0.0  # masked, where there is a mask


def save(network: Any, file: Path, seed: int) -> Path:
    """Write other weights of a network: positive, as variances are."""
    rng = np.random.default_rng(seed)
    network.set_weights([rng.uniform(0.1, 1.0, array.shape) for array in network.get_weights()])
    network.save_weights(file)
    return file


def main(who: str, *asked: str) -> None:
    sys.path.append(str(PLUGIN))  # behind the folder of the program
    import zoo

    outputs, heavy = [], []
    for kind, _, weights in (each.partition("=") for each in asked):
        model = zoo.get_model(f"answers-{kind}", weights=weights)
        if who == "keras":
            found = model.keras.predict(ROWS, batch_size=2, verbose=0)
        else:
            found = model.outputs(ROWS, batch_size=2)
        outputs.append(found.tolist())
        heavy.append("keras" in sys.modules)
    print(json.dumps([outputs, heavy]))


if __name__ == "__main__":
    main(*sys.argv[1:])
