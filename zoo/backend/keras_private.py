"""Every use of Keras's private names, each behind a function that says what it does.

A test calls all of them and fails when Keras changes one. Keras's version has no upper bound; with
one newer than `TESTED` the fast paths are off, as with ``ZOO_PLAIN``, and ``zoo doctor`` says so.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from zoo.config import plain

TESTED = (3, 15, 1)
"""The newest version of Keras that passed the tests of this file."""

MODULE_PREFIX = "keras.src."
"""How the modules of Keras's own classes and functions are named."""


@functools.cache
def installed_version() -> tuple[int, ...]:
    """Return the version of the installed Keras, without importing it."""
    numbers = version("keras").split(".")[:3]
    return tuple(int(number) for number in numbers if number.isdecimal())


def fast_paths_allowed() -> bool:
    """Whether fast paths may be taken: not turned off, and Keras no newer than `TESTED`."""
    return not plain() and installed_version() <= TESTED


# State of the process


def global_attribute(name: str, default: Any = None) -> Any:
    """Return an attribute that Keras keeps for the current thread."""
    from keras.src.backend.common.global_state import get_global_attribute

    return get_global_attribute(name, default)


def set_global_attribute(name: str, value: Any) -> None:
    """Set an attribute that Keras keeps for the current thread."""
    from keras.src.backend.common import global_state

    global_state.set_global_attribute(name, value)


def seed_attributes() -> tuple[str, str]:
    """Return the attributes that hold the global seed, and the generator made from it."""
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
    from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

    return GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR


# Variables


def raw_value(variable: Any) -> Any:
    """Return the backend's tensor of a variable; None if it has no value yet."""
    return variable._value


def set_raw_value(variable: Any, value: Any) -> None:
    """Give a variable a tensor without converting or checking it."""
    variable._value = value


def give_value(variable: Any, value: Any) -> None:
    """Give a variable its first value."""
    variable._initialize(value)


def give_initial_value(variable: Any) -> None:
    """Give a variable its first value, drawn by its initializer."""
    variable._deferred_initialize()


# Layers


def layers_of(network: Any, *, itself: bool = True) -> list[Any]:
    """Return the layers of a network, including those inside other layers."""
    return list(network._flatten_layers(include_self=itself))


def own_variables(layer: Any) -> list[Any]:
    """Return a layer's own variables, without its sublayers', in the order Keras saves them."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def has_variables(item: Any) -> bool:
    """Whether an object can have variables of its own."""
    return hasattr(item, "_trainable_variables")


def is_nested(layer: Any) -> bool:
    """Whether Keras saves a layer as a network of layers."""
    return hasattr(layer, "layers") and layer._obj_type() in ("Sequential", "Functional")


def is_saveable(item: Any) -> bool:
    """Whether Keras saves an object as one with weights."""
    from keras.src.saving.keras_saveable import KerasSaveable

    return isinstance(item, KerasSaveable)


def children(item: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of an object that Keras visits when it saves."""
    from keras.src.saving.saving_lib import _walk_saveable

    yield from _walk_saveable(item)


def snake_case(name: str) -> str:
    """Return the name of a class as Keras writes it into files."""
    from keras.src.utils.naming import to_snake_case

    return str(to_snake_case(name))


def producer_of(tensor: Any) -> tuple[Any, int]:
    """Return the layer that produced a symbolic tensor, and the index among its outputs."""
    history = tensor._keras_history
    return history.operation, history.tensor_index


# Training


def build_compiled(network: Any, batch: Any) -> bool:
    """Build loss, metrics and optimizer from a batch; return whether loss and metrics are built."""
    network._symbolic_build(data_batch=batch)
    parts = network._compile_loss, network._compile_metrics
    return all(part is None or part.built for part in parts)


def jax_state(network: Any) -> Any:
    """Return the values of the trainable and other variables, the optimizer and the metrics."""
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    return network._get_jax_state(**{f"{kind}_variables": True for kind in kinds})


def learning_rate(optimizer: Any) -> Any:
    """Return an optimizer's learning rate: a variable, or a schedule."""
    return optimizer._learning_rate


# OpenVINO


def openvino_types() -> tuple[dict[str, Any], Any]:
    """Return OpenVINO's dtypes by Keras's names, and Keras's tensor class for OpenVINO."""
    from keras.src.backend.openvino.core import OPENVINO_DTYPES, OpenVINOKerasTensor

    return OPENVINO_DTYPES, OpenVINOKerasTensor
