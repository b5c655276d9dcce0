"""Arrays: series, features and images as numbers, convolutions, and the control charts."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the model of the control charts."""
    register("models/cnn-control-charts.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Declare the function that builds the networks."""
    register("convolutions", "zoo_array.convolutions:convolutions", pure=True)


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Declare the preprocessor, which turns arrays of numbers into tensors."""
    register("values", "zoo_array.values:Values")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Declare the decoders, which turn outputs into classes, labels and numbers."""
    register("binary", "zoo.decoders:Binary")
    register("classes", "zoo.decoders:Classes")
    register("labels", "zoo.decoders:Labels")
    register("positions", "zoo.decoders:Positions")
    register("outputs", "zoo.parts.multi_output:Outputs")
    register("value", "zoo.decoders:Value")
    register("numbers", "zoo.decoders:Numbers")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the control charts, which come with this package."""
    register("datasets.toml")
