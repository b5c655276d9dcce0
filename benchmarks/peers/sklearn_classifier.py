"""The network of mlp-pima in scikit-learn, written with Keras's own wrapper."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.wrappers import SKLearnClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

TABLE = Path(__file__).parents[2] / "plugins" / "zoo_tabular" / "data" / "pima_diabetes.csv"


def make(X: Any, y: Any, optimizer: str = "adam", initializer: str = "glorot_uniform") -> Any:
    """Return the compiled network; Keras's wrapper one-hot encodes the two classes."""
    network = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(12, activation="relu", kernel_initializer=initializer),
            keras.layers.Dense(8, activation="relu", kernel_initializer=initializer),
            keras.layers.Dense(y.shape[1], activation="softmax", kernel_initializer=initializer),
        ]
    )
    network.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return network


with TABLE.open(newline="") as file:
    rows = np.array(list(csv.reader(file))[1:], "float32")
X, y = rows[:, :-1], rows[:, -1].astype(int)

if sys.argv[1] == "folds":
    folds = StratifiedKFold(10, shuffle=True, random_state=7)
    fit = {"epochs": int(sys.argv[2]), "batch_size": 10, "verbose": 0}
    print(cross_val_score(SKLearnClassifier(make), X, y, cv=folds, params=fit).mean())
else:
    optimizers, initializers, epochs, sizes = (values.split(",") for values in sys.argv[2:6])
    grid = {
        "model_kwargs": [
            {"optimizer": o, "initializer": i} for o in optimizers for i in initializers
        ],
        "fit_kwargs": [
            {"epochs": int(e), "batch_size": int(size), "verbose": 0}
            for e in epochs
            for size in sizes
        ],
    }
    search = GridSearchCV(SKLearnClassifier(make), grid, cv=StratifiedKFold(3)).fit(X, y)
    print(search.best_score_, search.best_params_)
