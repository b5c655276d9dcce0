"""Build the networks of ``keras.applications`` without preprocessing and weights.

Keras puts the preprocessing of some networks into the model and leaves that of others to the
caller. Here it is never in the model: the network takes the float32 tensor of the spec's
preprocessor, which does the same arithmetic.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import keras

from zoo_vision.efficientnet_lite import add_head, check_input_shape
from zoo_vision.networks import NETWORKS

PUBLISHED_CLASSES = 1000
"""Number of classes of the published classifiers (ImageNet-1k)."""


def application(
    network: str,
    input_shape: tuple[int, ...],
    units: int | None = PUBLISHED_CLASSES,
    include_top: bool = True,
    pooling: Literal["avg", "max"] | None = None,
    dropout: float = 0.0,
    output_activation: str = "softmax",
) -> keras.Model:
    """Build a network of ``keras.applications``, uncompiled and without pretrained weights.

    Parameters
    ----------
    network
        Name in `zoo_vision.networks.NETWORKS`, such as ``"vgg16"``.
    input_shape
        ``(height, width, 3)`` in pixels; values scaled as the network's mode says.
    units
        Number of classes; ``None`` returns features instead.
    include_top
        Whether the classifier is the published one, or a new layer, "head".
    pooling
        How the features are pooled: ``"avg"``, ``"max"``, or not at all.
    dropout
        Fraction of the features dropped before a new head during training.
    output_activation
        Keras name of the activation of the classifier or head.

    Returns
    -------
    keras.Model
        Output: probabilities of shape (batch, units), or features.

    Raises
    ------
    ValueError
        If the network is unknown or `input_shape` does not fit it.
    """
    facts = NETWORKS.get(network)
    if facts is None:
        msg = f"network must be one of {', '.join(NETWORKS)}, received {network!r}"
        raise ValueError(msg)
    check_input_shape(network, input_shape, minimum=facts.minimum)
    build = getattr(keras.applications, facts.function)
    published = include_top and units is not None
    options: dict[str, Any] = {}
    if published:
        options = {"classes": units, "classifier_activation": output_activation}
    if "include_preprocessing" in inspect.signature(build).parameters:
        options["include_preprocessing"] = False
    # ConvNeXt normalises the pooled features itself, so Keras must do the pooling.
    model: keras.Model = build(
        weights=None,
        include_top=published,
        input_shape=tuple(input_shape),
        pooling=None if published else pooling,
        **options,
    )
    if facts.scaling_layers:
        model = _strip_scaling(model, facts.scaling_layers)
    if published or units is None:
        return model
    outputs = add_head(model.output, units, None, dropout, output_activation)
    return keras.Model(model.inputs, outputs, name=model.name)


def _strip_scaling(model: keras.Model, classes: tuple[str, ...]) -> keras.Model:
    """Return a network without its first layers, those that scale the pixels.

    Their classes are `classes`; the first layer of another class is the first that remains.
    """
    first = next(
        layer for layer in model.layers if type(layer).__name__ not in ("InputLayer", *classes)
    )
    return keras.Model(first.input, model.output, name=model.name)
