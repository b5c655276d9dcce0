"""Tables: preprocessing, multi-layer perceptrons, and well-known datasets."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the table models."""
    for name in (
        "linear-cereals",
        "mlp-boston",
        "mlp-ionosphere",
        "mlp-pima",
        "mlp-synthetic",
        "mlp-wine",
        "mlp-wine-dropout",
        "mlp-wine-two-outputs",
    ):
        register(f"models/{name}.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Declare the function that builds the networks."""
    register("mlp", "zoo_tabular.mlp:mlp", pure=True)


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Declare the preprocessors, which turn rows into tensors."""
    register("columns", "zoo_tabular.columns:Columns")
    register("inputs", "zoo.parts.multi_input:Inputs")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Declare the decoders, which turn outputs into classes and numbers."""
    register("binary", "zoo.decoders:Binary")
    register("classes", "zoo.decoders:Classes")
    register("labels", "zoo.decoders:Labels")
    register("outputs", "zoo.parts.multi_output:Outputs")
    register("value", "zoo.decoders:Value")
    register("numbers", "zoo.decoders:Numbers")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the tables; most come with this package."""
    register("datasets.toml")
