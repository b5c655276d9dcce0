"""Every use of Keras's private names, each behind a function that says what it does.

A test calls all of them and fails when Keras changes one. Keras's version has no upper bound; with
one newer than `TESTED` the fast paths are off, as with ``ZOO_PLAIN``, and ``zoo doctor`` says so.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from zoo.config import plain
from zoo.errors import BackendError, SpecError
from zoo.spec.files import convert_data
from zoo_weights.files import irregular_kind

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


class KerasSettings(msgspec.Struct, kw_only=True):
    """What Keras reads from its ``keras.json``."""

    floatx: Literal["float16", "float32", "float64"] = "float32"
    epsilon: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 1e-7
    image_data_format: Literal["channels_last", "channels_first"] = "channels_last"
    backend: str = ""
    nnx_enabled: bool = False


def read_settings(path: Path) -> KerasSettings:
    """Return what a ``keras.json`` says, the defaults if there is none.

    Keras fails while it is imported on some of what this refuses, and ignores the rest.

    Raises
    ------
    BackendError
        If it cannot be read, or a value is wrong.
    """
    try:
        if kind := irregular_kind(path):
            msg = f"{path}: is {kind}, expected a file"
            raise SpecError(msg)
        text = path.read_bytes()
        # Keras is writing it: it is empty for a moment.
        return convert_data(msgspec.json.decode(text) if text else {}, KerasSettings, str(path))
    except (FileNotFoundError, NotADirectoryError):
        return KerasSettings()
    except OSError as error:
        reason = f"{path}: cannot be read, {error.strerror or error}"
    except SpecError as error:
        reason = str(error)
    except (ValueError, RecursionError) as error:
        reason = f"{path}: is not JSON, {error}"
    msg = f"{reason}; correct it, or delete it: Keras writes a new one"
    raise BackendError(msg)


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


class Call(NamedTuple):
    """One call of a layer or an operation in the graph of a network.

    Attributes
    ----------
    layer
        The layer or operation.
    inputs, outputs
        Symbolic tensors.
    others
        Arguments that are no symbolic tensors.
    """

    layer: Any
    inputs: list[Any]
    outputs: list[Any]
    others: list[Any]


def calls_of(network: Any) -> list[Call]:
    """Return the calls in the graph of a Functional or Sequential network, in order."""
    graph = getattr(network, "_functional", network)
    return [
        Call(
            node.operation,
            node.input_tensors,
            node.output_tensors,
            [value for value in node.arguments._flat_arguments if not _is_symbolic(value)],
        )
        for depth in sorted(graph._nodes_by_depth, reverse=True)
        for node in graph._nodes_by_depth[depth]
    ]


def _is_symbolic(value: Any) -> bool:
    from keras.src.backend import KerasTensor

    return isinstance(value, KerasTensor)


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


# JAX

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

PARITY = 0x1BD11BDA


def unroll_threefry() -> None:
    """Make JAX compile its random numbers for CPUs without a loop, from now on in this process.

    The numbers stay the same. XLA compiles JAX's loop slowly, computes it on one core, and fuses it
    with nothing: it takes a good part of initialising a small network, and of a training step with
    dropout.
    """
    with contextlib.suppress(ImportError, AttributeError):  # another JAX may have it elsewhere
        from jax.extend.random import threefry2x32_p
        from jax.interpreters import mlir

        rule = mlir.lower_fun(threefry, multiple_results=True)
        mlir.register_lowering(threefry2x32_p, rule, platform="cpu")


def threefry(key_1: Any, key_2: Any, counter_1: Any, counter_2: Any) -> tuple[Any, Any]:
    """Return the two uint32 words that Threefry-2x32 makes of a key and a counter, in 20 rounds.

    J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    import numpy as np

    keys = (key_1, key_2, key_1 ^ key_2 ^ np.uint32(PARITY))
    left, right = counter_1 + key_1, counter_2 + key_2
    for group in range(5):
        for distance in map(np.uint32, ROTATIONS[group % 2]):
            left = left + right
            right = left ^ (right << distance | right >> np.uint32(32) - distance)
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + np.uint32(group + 1)
    return left, right
