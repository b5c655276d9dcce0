"""Onset of diabetes, written in plain Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

TABLE = Path(__file__).parents[2] / "plugins" / "zoo_tabular" / "data" / "pima_diabetes.csv"
rows = np.loadtxt(TABLE, "float32", delimiter=",", skiprows=1)
x, y = rows[:, :8], rows[:, 8]
network = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(12, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
network.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
network.fit(x, y, epochs=150, batch_size=10, verbose=0)
print(network.evaluate(x, y, verbose=0))
