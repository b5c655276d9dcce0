"""Every use of Keras's private names, each behind a function that says what it stands for.

A test runs all of them and fails when Keras changes one. Keras's version has no upper bound; on one
newer than `TESTED` the fast paths are off, as with ``ZOO_PLAIN``, and ``zoo doctor`` says so.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from zoo.config import plain

TESTED = (3, 15, 1)
"""The newest Keras with which the tests of this file passed."""

OWN = "keras.src."
"""Where the modules of Keras's own classes and functions lie."""


@functools.cache
def installed() -> tuple[int, ...]:
    """Return the version of the installed Keras, without reading Keras."""
    numbers = version("keras").split(".")[:3]
    return tuple(int(number) for number in numbers if number.isdecimal())


def fast() -> bool:
    """Whether fast paths may be taken: nobody turned them off, and Keras is a known one."""
    return not plain() and installed() <= TESTED


# State of the process


def global_attribute(name: str, default: Any = None) -> Any:
    """Return what Keras keeps for the present thread under a name."""
    from keras.src.backend.common.global_state import get_global_attribute

    return get_global_attribute(name, default)


def set_global_attribute(name: str, value: Any) -> None:
    """Set what Keras keeps for the present thread under a name."""
    from keras.src.backend.common import global_state

    global_state.set_global_attribute(name, value)


def seed_attributes() -> tuple[str, str]:
    """Return the names of the global seed, and of the generator that is made of it."""
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

    return GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR


# Variables


def raw_value(variable: Any) -> Any:
    """Return the backend's tensor of a variable; None before it has a value."""
    return variable._value


def set_raw_value(variable: Any, value: Any) -> None:
    """Give a variable a tensor without converting or checking it."""
    variable._value = value


def give_value(variable: Any, value: Any) -> None:
    """Give a variable its first value."""
    variable._initialize(value)


def give_initial_value(variable: Any) -> None:
    """Give a variable the first value that its initializer draws."""
    variable._deferred_initialize()


# Layers


def layers_of(network: Any, *, itself: bool = True) -> list[Any]:
    """Return the layers of a network, those inside of others too."""
    return list(network._flatten_layers(include_self=itself))


def own_variables(layer: Any) -> list[Any]:
    """Return the variables of a layer alone, in the order in which Keras saves them."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def has_variables(part: Any) -> bool:
    """Whether a part can have variables of its own."""
    return hasattr(part, "_trainable_variables")


def is_nested(layer: Any) -> bool:
    """Whether Keras saves a layer as a network of layers."""
    return hasattr(layer, "layers") and layer._obj_type() in ("Sequential", "Functional")


def is_saveable(part: Any) -> bool:
    """Whether Keras saves a part as something with weights."""
    from keras.src.saving.keras_saveable import KerasSaveable

    return isinstance(part, KerasSaveable)


def children(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a part that Keras looks into when it saves."""
    from keras.src.saving.saving_lib import _walk_saveable

    yield from _walk_saveable(part)


def snake_case(name: str) -> str:
    """Return the name of a class as Keras writes it into files."""
    from keras.src.utils.naming import to_snake_case

    return str(to_snake_case(name))


def made_by(tensor: Any) -> tuple[Any, int]:
    """Return the layer that a symbolic tensor comes from, and which of its outputs it is."""
    history = tensor._keras_history
    return history.operation, history.tensor_index


# Training


def build_compiled(network: Any, batch: Any) -> bool:
    """Build loss, metrics and optimizer from a batch; return whether all of them are."""
    network._symbolic_build(data_batch=batch)
    parts = network._compile_loss, network._compile_metrics
    return all(part is None or part.built for part in parts)


def jax_state(network: Any) -> Any:
    """Return the values of trainable and other variables, of the optimizer, and of metrics."""
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    return network._get_jax_state(**{f"{kind}_variables": True for kind in kinds})


def learning_rate(optimizer: Any) -> Any:
    """Return an optimizer's learning rate: a variable, or a schedule."""
    return optimizer._learning_rate


# OpenVINO


def openvino_types() -> tuple[dict[str, Any], Any]:
    """Return OpenVINO's dtypes by Keras's names, and the class of Keras's tensors on it."""
    from keras.src.backend.openvino.core import OPENVINO_DTYPES, OpenVINOKerasTensor

    return OPENVINO_DTYPES, OpenVINOKerasTensor
