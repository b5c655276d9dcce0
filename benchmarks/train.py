"""Train small models in complete processes: zoo's command against hand-written scripts.

``train.py [pima|mnist]``. The first process of each is not counted. MNIST is read from the folder
``ZOO_TEST_DATA``, or ``shared/data`` next to the checkout, and added to zoo's datasets.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

from measure import ZOO, Ratio, report, run, side_by_side

HERE = Path(__file__).parent
DATA = Path(os.environ.get("ZOO_TEST_DATA", HERE.parents[1] / "shared" / "data"))
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "torch"}


def zoo_train(model: str, folder: str) -> list[str]:
    """Return the command that trains on JAX, with run folders below `folder`."""
    return ["env", "KERAS_BACKEND=jax", "sh", "-c", 'cd "$0" && exec "$@"', folder,
            *ZOO, "train", model]  # fmt: skip


def scripts(name: str, *arguments: str) -> dict[str, list[str]]:
    """Return the plain Keras script on every installed backend."""
    return {
        f"the Keras script on {title}": ["env", f"KERAS_BACKEND={backend}", sys.executable,
                                         str(HERE / "peers" / name), *arguments]
        for backend, title in BACKENDS.items()
        if importlib.util.find_spec(backend)
    }  # fmt: skip


def pima(folder: str) -> list[Ratio]:
    """Compare 150 epochs of 77 steps."""
    peers = scripts("pima_keras.py")
    notes = {}
    for name, module, note in (
        ("scikit-learn's MLPClassifier", "sklearn", "no metrics, no run folder"),
        ("a loop written by hand in torch", "torch", "no metrics, no run folder"),
    ):
        if importlib.util.find_spec(module):
            peers[name] = [sys.executable, str(HERE / "peers" / f"pima_{module}.py")]
            notes[name] = note
    medians = side_by_side({"zoo": zoo_train("mlp-pima", folder), **peers}, times=3)
    aims = {"the Keras script on JAX": 0.35, "the Keras script on TensorFlow": 0.12}
    return [
        Ratio("zoo train mlp-pima", peer, medians["zoo"] / medians[peer], aims.get(peer),
              notes.get(peer, ""))
        for peer in peers
    ]  # fmt: skip


def mnist(folder: str) -> list[Ratio]:
    """Compare 20 epochs on 60,000 digits."""
    file = str(DATA / "keras" / "mnist.npz")
    run([*ZOO, "data", "add", "mnist", file])
    peers = scripts("mnist_keras.py", file)
    medians = side_by_side({"zoo": zoo_train("mlp-mnist", folder), **peers}, times=1)
    fastest = min(peers, key=medians.__getitem__)
    return [
        Ratio("zoo train mlp-mnist", peer, medians["zoo"] / medians[peer],
              0.6 if peer == fastest else None)
        for peer in peers
    ]  # fmt: skip


def main() -> None:
    """Print the ratios of the selected models."""
    names = sys.argv[1:] or ["pima", "mnist"]
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            report(*{"pima": pima, "mnist": mnist}[name](folder))


if __name__ == "__main__":
    main()
