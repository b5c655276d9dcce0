"""Texts: preprocessing, classifiers, and the two data sets they are known for."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the text models."""
    for name in ("lstm-imdb", "mlp-imdb", "mlp-reuters"):
        register(f"models/{name}.toml")


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Name what turns texts into tensors."""
    register("multi-hot", "zoo_text.multi_hot:MultiHot")
    register("padded", "zoo_text.padded:Padded")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the texts that Keras publishes as word numbers; none comes with this package."""
    register("datasets.toml")
