"""Cut a network behind its frozen layers, which give the same in every epoch.

What they make of a row can then be computed once, and the rest of the network be trained on it.

Why it is right: the layers before the cut are Keras's own, of `FIXED`, whose output depends on
nothing but their input and their weights, row by row: they draw no random numbers, and in training
they do what they do outside of it. Their weights are frozen, so they neither change nor count in
the loss: Keras adds the regularization of trainable weights only. Every path from the input to the
rest of the network passes the cut, as one tensor. Any other network is not cut.
What would break it: a listed layer that comes to act in training; tests/differential trains cut
networks both ways.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from zoo.backend import keras_private
from zoo.backend.choose import keras
from zoo.backend.known import are_known

NETWORKS = ("Functional", "Sequential")
"""Keras's networks that consist of the calls of their layers."""

FIXED = (
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate",
    "Conv2D", "Cropping2D", "Dense", "DepthwiseConv2D", "Flatten", "GlobalAveragePooling2D",
    "GlobalMaxPooling2D", "InputLayer", "Maximum", "MaxPooling2D", "Multiply", "ReLU", "Rescaling",
    "Reshape", "SeparableConv2D", "ZeroPadding2D",
)  # fmt: skip
"""Keras's layers that, while they are frozen, are functions of each row.

Normalization of batches uses the stored averages then. No layer here makes a mask.
"""


@dataclass(frozen=True)
class Cut:
    """The two parts of a network; they share its layers, and with them the weights.

    Attributes
    ----------
    trunk
        From the input to the cut: nothing in it changes.
    head
        From the cut to the outputs, with everything that can be trained.
    """

    trunk: Any
    head: Any


def cut_network(network: Any) -> Cut | None:
    """Cut a network as far behind as its frozen layers reach, if they are known to be fixed.

    The rows become no larger by it: of the places where a single tensor leaves the frozen layers,
    it is the last one where that has no more numbers than the input.

    Returns
    -------
    Cut or None
        None where frozen weights are not all that stands between the input and a single tensor.
    """
    if not are_known([network], ("Functional",)) or len(network.inputs) != 1:
        return None
    tensor = _last_bottleneck(network)
    if tensor is None:
        return None
    model = keras().Model
    trunk = model(network.inputs[0], tensor, name=f"{network.name}_trunk")
    head = model(tensor, network.output, name=network.name)
    # An optimizer keeps its state in the order of the weights, and so do its checkpoints.
    order = [[id(v) for v in part.trainable_variables] for part in (network, head)]
    return Cut(trunk, head) if order[0] == order[1] else None


def _last_bottleneck(network: Any) -> Any:
    """Return the last tensor that all the rest depends on, behind fixed layers with weights."""
    calls = keras_private.calls_of(network)
    uses = Counter(id(tensor) for call in calls for tensor in call.inputs)
    uses.update(map(id, network.outputs))
    times_called = Counter(id(call.layer) for call in calls)
    fixed: set[int] = set()
    open_tensors: dict[int, Any] = {}  # fixed ones that calls still to come take
    weights, found = 0, None
    for call in calls:
        if not fixed.issuperset(map(id, call.inputs)) or not _is_fixed(call):
            continue
        fixed.update(map(id, call.outputs))
        weights += len(call.layer.weights)
        open_tensors.update((id(tensor), tensor) for tensor in call.outputs)
        uses.subtract(map(id, call.inputs))
        open_tensors = {key: tensor for key, tensor in open_tensors.items() if uses[key] > 0}
        if len(open_tensors) != 1 or not weights:
            continue
        (tensor,) = open_tensors.values()
        # Keras would take the calls of its layer that come later for the input of the head.
        alone = times_called[id(keras_private.producer_of(tensor)[0])] == 1
        if alone and None not in tensor.shape[1:] and _size(tensor) <= _size(network.inputs[0]):
            found = tensor
    return found


def _is_fixed(call: keras_private.Call) -> bool:
    """Whether a call gives the same in every epoch for the same input."""
    layer = call.layer
    if any(not (value is None or isinstance(value, bool)) for value in call.others):
        return False
    if are_known([layer], NETWORKS):
        return all(map(_is_fixed, keras_private.calls_of(layer)))
    return (
        are_known([layer], FIXED)
        and keras_private.layers_of(layer) == [layer]  # an activation may be a layer
        and layer.activity_regularizer is None  # the loss would lack it
        and not (layer.trainable and layer.weights)
    )


def _size(tensor: Any) -> float:
    """Return the number of values of a row; infinite where that is not known."""
    return math.inf if None in tensor.shape[1:] else math.prod(tensor.shape[1:])
