"""The alphabet from one to five letters, written in plain Keras."""

from __future__ import annotations

import sys

import keras
import numpy as np

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST = 5

draw = np.random.RandomState(7)
x = np.zeros((1000, LONGEST, 1), "float32")
y = np.zeros((1000, len(ALPHABET)), "float32")
for row in range(len(x)):
    start = draw.randint(len(ALPHABET) - 2)
    end = draw.randint(start, min(start + LONGEST, len(ALPHABET) - 1))
    places = np.arange(start, end + 1) / len(ALPHABET)
    x[row, LONGEST - len(places) :, 0] = places
    y[row, end + 1] = 1.0

network = keras.Sequential(
    [
        keras.Input((LONGEST, 1)),
        keras.layers.LSTM(32),
        keras.layers.Dense(len(ALPHABET), activation="softmax"),
    ]
)
network.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
network.fit(x, y, epochs=int(sys.argv[1]), batch_size=1, verbose=0)
print(network.evaluate(x, y, batch_size=256, verbose=0))
