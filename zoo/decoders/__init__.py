"""The decoders most models need: classes, labels, classes of positions, numbers."""

from zoo.decoders.classes import Binary, Classes, Labels, Positions
from zoo.decoders.numbers import Numbers, Value
from zoo.numeric import as_cell, number_of

__all__ = [
    "Binary", "Classes", "Labels", "Numbers", "Positions", "Value", "as_cell", "number_of",
]  # fmt: skip
