"""The decoders most models need: classes, labels, classes of positions, numbers."""

from zoo.decoders.cells import as_cell
from zoo.decoders.classes import Binary, Classes, Labels, Positions
from zoo.decoders.numbers import Value, Values
from zoo.numeric import number_of

__all__ = [
    "Binary", "Classes", "Labels", "Positions", "Value", "Values", "as_cell", "number_of",
]  # fmt: skip
