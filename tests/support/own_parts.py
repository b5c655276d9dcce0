"""Parts as a plugin author may write them, registered for one test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.registry.entries import Entry
from zoo.registry.loading import Plugin
from zoo.registry.registry import registry


def register(patch: pytest.MonkeyPatch, kind: str, **parts: Any) -> None:
    """Register functions or classes as ``own/NAME``; `kind` is as in `registry().resolve`."""
    table = getattr(registry(), kind)
    for name, part in parts.items():
        entry = Entry(name, Plugin("own", __name__), part, Path(__file__).parent)
        patch.setitem(table._by_full_name, entry.full_name, entry)
        patch.setitem(table._by_name, name, [entry])


class Letters(zoo.Classifier):
    """One of three letters, as in a plugin for an earlier zoo: no head is declared."""

    labels = ("a", "b", "c")
    units = 3

    def encode(self, labels: Any) -> Any:
        places = [self.labels.index(label) for label in labels]
        return np.array(places, np.int32), [None] * len(labels)

    def decode(self, outputs: Any, top: int | None = None) -> Any:
        order = np.argsort(-outputs, axis=-1)[:, :top]
        return [
            tuple(zoo.Prediction(int(i), self.labels[i], float(row[i])) for i in best)
            for row, best in zip(outputs, order, strict=True)
        ]


class Logits(Letters):
    """The same letters, decoded from logits."""

    output_activation = "linear"

    def decode(self, outputs: Any, top: int | None = None) -> Any:
        powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return super().decode(powers / powers.sum(axis=-1, keepdims=True), top)


class Tags(Letters):
    """Any number of the letters: ``"a+c"``."""

    def encode(self, labels: Any) -> Any:
        rows = [[float(letter in label.split("+")) for letter in self.labels] for label in labels]
        return np.array(rows, np.float32), [None] * len(labels)


class Pair(zoo.Regressor):
    """Two numbers: ``"1;2"``."""

    units = 2

    def encode(self, labels: Any) -> Any:
        rows = [[float(number) for number in label.split(";")] for label in labels]
        return np.array(rows, np.float32), [None] * len(labels)

    def decode(self, outputs: Any) -> Any:
        return [row.tolist() for row in outputs]
