import numpy as np

import zoo

PLANTS = ["basil", "mint", "sage"]


class Leaf(zoo.Preprocessor):
    """Length and width, centred on the training rows."""

    kind = "table"

    def __init__(self, unit: str = "mm"):
        self.factor = {"mm": 1.0, "cm": 10.0}[unit]
        self.mean = [0.0, 0.0]

    @property
    def shape(self):
        return (2,)

    def numbers(self, row):
        try:
            return np.array([float(row[name]) for name in ("length", "width")]) * self.factor
        except (KeyError, TypeError, ValueError):
            msg = f"a leaf has length and width, received {dict(row)}"
            raise zoo.InputError(msg, kind="bad-leaf") from None

    def one(self, raw):
        return ((self.numbers(raw) - self.mean) / 10).astype(np.float32)

    def fit(self, raws):
        self.mean = np.mean([self.numbers(raw) for raw in raws], axis=0).tolist()

    def state(self):
        return {"mean": self.mean}

    def restore(self, state):
        self.mean = state["mean"]


class Plant(zoo.Classifier):
    units = len(PLANTS)

    def encode(self, labels):
        found = [PLANTS.index(label) for label in labels if label in PLANTS]
        return np.array(found, np.int32), [
            None if label in PLANTS else zoo.InputError(f"no such plant: {label}", kind="weed")
            for label in labels
        ]

    def decode(self, outputs, top=None):
        return [
            tuple(
                zoo.Prediction(int(index), PLANTS[index], float(row[index]), None)
                for index in np.argsort(-row)[:top]
            )
            for row in outputs
        ]
