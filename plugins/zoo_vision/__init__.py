"""Photos: EfficientNet-Lite0 with its weights, and the networks of ``keras.applications``.

Cheap to import: the networks, Pillow and NumPy are imported when they are used.
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


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Name the functions that build the networks."""
    register("application", "zoo_vision.applications:application")
    register("efficientnet-lite0", "zoo_vision.efficientnet_lite:efficientnet_lite0")


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Name what turns photos into tensors."""
    register("image", "zoo_vision.image:Image")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Name what turns outputs into classes: ImageNet's, or those of one's own folders."""
    register("imagenet", "zoo_vision.labels:ImageNet")
    register("classes", "zoo.decoders:Classes")
