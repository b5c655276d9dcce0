"""Train a new head on 120 photos: against one pass over them, and against Keras's ``fit``.

``photos.py [PHOTOS]`` with the photos of ``ZOO_TEST_DATA``, cropped and recompressed. All three
run on JAX in one process, in turns, each with a network of its own; what a first epoch compiled
comes from JAX's cache. The features that a training keeps are removed before the next.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bulk import write_photos
from measure import Ratio, report

os.environ["KERAS_BACKEND"] = "jax"
MODEL, EPOCHS, ROUNDS = "efficientnet-lite0", 5, 1


def classify(photos: list[Path]) -> None:
    """Classify every photo."""
    import zoo

    results = list(zoo.get_model(MODEL).stream(photos))
    assert not any(result.error for result in results)


def train(folder: Path, run: Path, epochs: int) -> None:
    """Train the recipe with zoo; a fifth of the photos is held out."""
    import zoo

    zoo.train(f"{MODEL}-features", folder, epochs=epochs, seed=1, output=run)


def fit(folder: Path, epochs: int) -> None:
    """Train the same network on the same photos as a Keras script does: the base is frozen."""
    import keras
    import numpy as np

    import zoo

    files = sorted(folder.glob("*/*.jpg"))
    classes = sorted({file.parent.name for file in files})
    y = np.array([classes.index(file.parent.name) for file in files])
    published = zoo.get_model(f"{MODEL}-features")
    x = np.stack([published.preprocessor.one(file) for file in files])
    base = published.keras
    base.trainable = False
    hidden = keras.layers.Dropout(0.2)(base(base.input, training=False))
    network = keras.Model(base.input, keras.layers.Dense(len(classes), "softmax")(hidden))
    network.compile(
        keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    order = np.random.default_rng(1).permutation(len(files))
    held, rest = np.split(order, [len(files) // 5])
    network.fit(
        x[rest],
        y[rest],
        batch_size=16,
        epochs=epochs,
        verbose=0,
        validation_data=(x[held], y[held]),
    )


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if sys.argv[1:] else 120
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ["ZOO_HOME"] = str(home / "home")
        folder = home / "photos"
        for label in ("one", "two"):
            (folder / label).mkdir(parents=True)
            write_photos(folder / label, count // 2)
        photos = sorted(folder.glob("*/*.jpg"))
        works: dict[str, Callable[[int], None]] = {
            "train": lambda epochs: train(folder, home / "run", epochs),
            "classify": lambda epochs: classify(photos),
            "fit": lambda epochs: fit(folder, epochs),
        }
        seconds: dict[str, list[float]] = {work: [] for work in works}
        for turn in range(ROUNDS + 1):
            for work, function in works.items():
                for leftover in ("home/cache/features", "run"):
                    shutil.rmtree(home / leftover, ignore_errors=True)
                start = time.perf_counter()
                function(EPOCHS if turn else 1)  # the first one compiles
                if turn:
                    seconds[work].append(time.perf_counter() - start)
    medians = {work: statistics.median(values) for work, values in seconds.items()}
    print({work: round(value, 2) for work, value in medians.items()})
    work = f"zoo train {MODEL}-features, {EPOCHS} epochs of {len(photos)} photos"
    report(
        Ratio(work, "one pass of zoo classify on JAX", medians["train"] / medians["classify"], 1.5),
        Ratio(work, "Keras fit on JAX, its base frozen", medians["train"] / medians["fit"], 0.5),
    )


if __name__ == "__main__":
    main()
