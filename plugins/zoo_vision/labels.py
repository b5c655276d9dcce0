"""The 1000 classes of ImageNet-1k (ILSVRC 2012), in the order of the published networks."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from zoo.decoders import Classes

FILE = "imagenet_class_index.json"
"""Maps index to WordNet id and name, as Keras publishes it."""


class ImageNet(Classes):
    """The decoder of the published ImageNet classifiers.

    Classes are identified by index and WordNet id, since two pairs share a name (``crane`` is 134
    and 517, ``maillot`` 638 and 639). Training data may name a class by its WordNet id, as
    ImageNet's own folders do.
    """

    def __init__(self) -> None:
        ids, labels = imagenet_classes()
        super().__init__(labels=list(labels), values=list(ids), ids=list(ids))

    def state(self) -> dict[str, Any]:
        """Return nothing: the classes are fixed."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing: the classes are fixed."""


@functools.cache
def imagenet_classes() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the WordNet ids and the names of the 1000 classes, in the order of the outputs."""
    table = json.loads(resources.files("zoo_vision").joinpath(FILE).read_text("utf-8"))
    ids, labels = zip(*(table[str(index)] for index in range(len(table))), strict=True)
    return ids, labels
