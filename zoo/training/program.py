"""What tells the compiled program of a training from others."""

from __future__ import annotations

from typing import Any

from zoo.spec.component import Component
from zoo.spec.training import Training


def program_of(network: Any, architecture: Component, training: Training) -> str:
    """Return a text; networks with the same one do the same with their variables in a step.

    Where a network starts and how far it goes in a step are numbers among its variables. (What
    Keras itself tells of a network would say so too, but asking imports a TensorFlow that is
    there.)
    """
    options = {k: v for k, v in architecture.config.items() if not k.endswith("initializer")}
    rule = dict(training.optimizer.config)
    if isinstance(rule.get("learning_rate"), int | float):
        del rule["learning_rate"]
    recipe = (training.loss, training.metrics, training.freeze, training.carry_state)
    layers = [
        (type(layer).__name__, layer.name, [tuple(v.shape) for v in layer.weights])
        for layer in network.layers
    ]
    shapes = [tuple(tensor.shape) for tensor in (*network.inputs, *network.outputs)]
    optimizer = training.optimizer.uses
    return repr((architecture.uses, options, optimizer, rule, recipe, layers, shapes))
