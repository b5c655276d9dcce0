"""Texts: preprocessors, classifiers, and the IMDB and Reuters datasets."""

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
    """Declare the preprocessors, which turn texts into tensors."""
    register("multi-hot", "zoo_text.multi_hot:MultiHot")
    register("padded", "zoo_text.padded:Padded")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the texts that Keras publishes as word numbers; none are in this package."""
    register("datasets.toml")
