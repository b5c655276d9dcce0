"""Handwritten digits with a perceptron, written in plain Keras."""

from __future__ import annotations

import sys

import keras
import numpy as np

with np.load(sys.argv[1]) as file:
    x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
x, x_test = (part.reshape(-1, 784).astype("float32") / 255 for part in (x, x_test))
y, y_test = (keras.utils.to_categorical(part, 10) for part in (y, y_test))
network = keras.Sequential(
    [
        keras.Input((784,)),
        keras.layers.Dense(256, activation="relu"),
        keras.layers.Dropout(0.45),
        keras.layers.Dense(256, activation="relu"),
        keras.layers.Dropout(0.45),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
network.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
network.fit(x, y, epochs=20, batch_size=128, verbose=0)
print(network.evaluate(x_test, y_test, batch_size=128, verbose=0))
