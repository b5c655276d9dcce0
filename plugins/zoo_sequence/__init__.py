"""Sequences: recurrent networks that keep their state, and the alphabet as training data."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the six models that learn the alphabet."""
    for name in ("batch", "char", "stateful", "steps", "variable", "window"):
        register(f"models/lstm-alphabet-{name}.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Declare the function that builds the networks."""
    register("recurrent", "zoo_sequence.recurrent:recurrent", pure=True)


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Declare the preprocessor, which turns letters into tensors."""
    register("letters", "zoo_sequence.letters:Letters")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Declare the decoder, which turns outputs into letters."""
    register("classes", "zoo.decoders:Classes")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the alphabet, which comes with this package."""
    register("datasets.toml")
