"""The process that `cross_validation.py` times: mlp-pima in scikit-learn's cross-validation."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_score

from zoo.sklearn import ZooClassifier

TABLE = Path(__file__).parents[1] / "plugins" / "zoo_tabular" / "data" / "pima_diabetes.csv"

with TABLE.open(newline="") as file:
    rows = np.array(list(csv.reader(file))[1:], "float32")
folds = StratifiedKFold(10, shuffle=True, random_state=7)
estimator = ZooClassifier("mlp-pima", epochs=int(sys.argv[1]))
print(cross_val_score(estimator, rows[:, :-1], rows[:, -1].astype(int), cv=folds).mean())
