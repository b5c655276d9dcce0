"""What is compiled for a training, told apart from others: networks that are alike share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.runtime.network import build, freeze
from zoo.spec.component import Component
from zoo.spec.training import Training
from zoo.training.recipe import compile_network

if TYPE_CHECKING:
    from zoo.model import Model


@dataclass(frozen=True)
class Program:
    """What a network computes in a step.

    Attributes
    ----------
    text
        Networks with the same text do the same with their variables.
    network
        Returns a network of this program that is nobody's: nobody compiles it for something else.
    """

    text: str
    network: Callable[[], Any]


def program_of(model: Model, network: Any, training: Training) -> Program | None:
    """Return the program of a model's network; None where a state is carried on in training."""
    if training.carry_state:
        return None

    def another() -> Any:
        twin = build(model.architecture(), initialise=False)
        freeze(twin, training.freeze)
        compile_network(twin, training)
        twin.optimizer.build(twin.trainable_variables)
        return twin

    return Program(program_text(network, model.spec.architecture, training), another)


def program_text(network: Any, architecture: Component, training: Training) -> str:
    """Return what tells a network's program from others.

    Where a network starts and how far it goes in a step are numbers among its variables. (What
    Keras itself tells of a network would say so too, but asking imports a TensorFlow that is
    there.)
    """
    options = {k: v for k, v in architecture.config.items() if not k.endswith("initializer")}
    rule = dict(training.optimizer.config)
    if isinstance(rule.get("learning_rate"), int | float):
        del rule["learning_rate"]
    layers = [
        (type(layer).__name__, layer.name, [tuple(v.shape) for v in layer.weights])
        for layer in network.layers
    ]
    shapes = [tuple(tensor.shape) for tensor in (*network.inputs, *network.outputs)]
    recipe = (training.optimizer.uses, rule, training.loss, training.metrics, training.freeze)
    return repr((architecture.uses, options, *recipe, layers, shapes))
