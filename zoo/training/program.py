"""What a training step computes: on JAX, networks that do the same share what is compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.runtime.backend import chosen_backend
from zoo.runtime.network import build, copy_weights, freeze
from zoo.runtime.runner import dtype_of, inputs_of
from zoo.spec.component import Component
from zoo.spec.training import Training
from zoo.tensors import each
from zoo.training.recipe import compile_network

if TYPE_CHECKING:
    from zoo.model import Model

LARGE = 1_000_000
"""Parameters of a network from which on a training takes far longer than to compile it."""


@dataclass(frozen=True)
class Program:
    """What a network computes in a training step.

    Attributes
    ----------
    key
        Networks with the same key do the same with their variables.
    network
        Returns a network of this program that is nobody's: nobody compiles it for something else.
    """

    key: Hashable
    network: Callable[[], Any]

    @classmethod
    def of(cls, model: Model, network: Any, training: Training) -> Program | None:
        """Return the program of a model's network; None where it is better compiled by itself."""
        alone = training.carry_state or network.count_params() > LARGE
        # Of an open side nobody knows here which lengths the network can take.
        alone = alone or any(None in tensor.shape[1:] for tensor in network.inputs)
        if alone or chosen_backend() != "jax":
            return None

        def another() -> Any:
            twin = build(model.architecture(), initialise=False)
            copy_weights(network, twin)  # constants of its layers may come from them
            freeze(twin, training.freeze)
            compile_network(twin, training)
            twin.optimizer.build(twin.trainable_variables)
            return twin

        rule = rule_of(training.optimizer)
        recipe = repr((rule, training.loss, training.metrics, training.freeze))
        return cls((type(network), recipe, _forward(network)), another)


def rule_of(optimizer: Component) -> tuple[str, dict[str, Any]]:
    """Return an optimizer's name and options, less those that are numbers of its state."""
    options = dict(optimizer.config)
    if isinstance(options.get("learning_rate"), int | float):
        del options["learning_rate"]
    return optimizer.uses, options


def _forward(network: Any) -> str:
    """Return a digest of all that JAX computes forwards in training.

    (What Keras tells of a network is not all of it, and asking imports a TensorFlow that is there.)
    """
    import jax

    def forward(trainable: Any, others: Any, batch: Any) -> Any:
        return network.stateless_call(trainable, others, batch, training=True, return_losses=True)

    states = [
        [variable.value for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    ]
    batch = each(
        lambda wanted: jax.ShapeDtypeStruct(
            (wanted.shape[0] or 2, *wanted.shape[1:]), dtype_of(wanted)
        ),
        inputs_of(network),
    )
    traced = jax.make_jaxpr(forward)(*states, batch)
    digest = hashlib.sha256(str(traced).encode())
    for constant in traced.consts:
        digest.update(jax.numpy.asarray(constant).tobytes())
    return digest.hexdigest()
