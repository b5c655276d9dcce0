"""Onset of diabetes with scikit-learn's perceptron, with the same layers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

TABLE = Path(__file__).parents[2] / "plugins" / "zoo_tabular" / "data" / "pima_diabetes.csv"
rows = np.loadtxt(TABLE, "float32", delimiter=",", skiprows=1)
x, y = rows[:, :8], rows[:, 8]
warnings.simplefilter("ignore", ConvergenceWarning)  # it must train for all 150 epochs
network = MLPClassifier((12, 8), batch_size=10, max_iter=150, n_iter_no_change=150, alpha=0.0)
print(network.fit(x, y).score(x, y))
