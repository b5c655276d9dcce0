"""Layers that are Keras's own through and through: the fast paths know what these do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from zoo.backend import keras_private


def are_known(layers: Iterable[Any], names: Collection[str]) -> bool:
    """Whether all layers are Keras's own, of these classes and in float32.

    A custom activation, regularizer or ``call`` is an attribute of its layer, and makes it unknown.
    """
    return all(
        type(layer).__name__ in names
        and hasattr(layer, "dtype_policy")  # the operations of a graph have none
        and layer.dtype_policy.name == "float32"
        and all(map(is_from_keras, [layer, *filter(callable, vars(layer).values())]))
        for layer in layers
    )


def is_from_keras(part: Any) -> bool:
    """Whether an object, or a class or function, is Keras's own; or torch's, which it builds on."""
    module = part.__module__ if hasattr(part, "__qualname__") else type(part).__module__
    return str(module).startswith((keras_private.MODULE_PREFIX, "torch."))
