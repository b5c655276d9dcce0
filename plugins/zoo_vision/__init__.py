"""Images: EfficientNet-Lite0 with its weights, and the networks of ``keras.applications``.

Cheap to import: Keras, Pillow and NumPy are imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable

import zoo

Register = Callable[..., None]


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the vision models."""
    from zoo_vision.catalogue import models

    for spec in models():
        register(spec)
    for name in ("mlp-mnist", "cnn-mnist", "rnn-mnist"):
        register(f"models/{name}.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Declare the functions that build the networks."""
    register("application", "zoo_vision.applications:application", pure=True)
    register("efficientnet-lite0", "zoo_vision.efficientnet_lite:efficientnet_lite0", pure=True)
    register("cnn", "zoo_vision.cnn:cnn", pure=True)


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Declare the preprocessors, which turn images into tensors."""
    register("image", "zoo_vision.image:Image")
    register("digit", "zoo_vision.digits:Digit")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Declare the decoders, for the classes of ImageNet or those of the user's folders."""
    register("imagenet", "zoo_vision.labels:ImageNet")
    register("classes", "zoo.decoders:Classes")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare MNIST, which is downloaded or added from a file."""
    register("datasets.toml")
