"""Sequences: recurrent networks that keep their state or write a text; the alphabet, and sums."""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the six models that learn the alphabet, and the one that adds."""
    for name in ("batch", "char", "stateful", "steps", "variable", "window"):
        register(f"models/lstm-alphabet-{name}.toml")
    register("models/lstm-addition.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Declare the functions that build the networks."""
    register("recurrent", "zoo_sequence.recurrent:recurrent", pure=True)
    register("encoder-decoder", "zoo_sequence.encoder_decoder:encoder_decoder", pure=True)


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Declare the preprocessors, which turn letters and texts into tensors."""
    register("letters", "zoo_sequence.letters:Letters")
    register("characters", "zoo_sequence.characters:Characters")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Declare the decoders, which turn outputs into letters and texts."""
    register("classes", "zoo.decoders:Classes")
    register("text", "zoo_sequence.characters:Text")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare the alphabet and the sums, which come with this package."""
    register("datasets.toml")
