"""The networks of ``keras.applications``, built without their preprocessing and without weights.

Keras puts the preprocessing of some networks inside the model and leaves that of others to the
caller. Here it is never inside: the network takes the float32 tensor that the spec's preprocessor
makes, and the arithmetic is the same.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import keras
from keras import layers

from zoo_vision.networks import NETWORKS

PUBLISHED_CLASSES = 1000
"""Classes of the published classifiers (ImageNet-1k)."""


def application(
    network: str,
    input_shape: tuple[int, ...],
    units: int | None = PUBLISHED_CLASSES,
    include_top: bool = True,
    pooling: Literal["avg", "max"] | None = None,
    dropout: float = 0.0,
    output_activation: str = "softmax",
) -> keras.Model:
    """Return a network of ``keras.applications``, uncompiled and without pretrained weights.

    Parameters
    ----------
    network
        Name in `zoo_vision.networks.NETWORKS`, such as ``"vgg16"``.
    input_shape
        ``(height, width, 3)`` in pixels, preprocessed as the network's mode says.
    units
        Number of classes; ``None`` gives the features instead.
    include_top
        Whether the classifier is the published one; otherwise it is a new layer, "head".
    pooling
        How features are brought together: ``"avg"``, ``"max"``, or not at all.
    dropout
        Fraction of the features dropped in front of a new head while training.
    output_activation
        Keras name of the activation of classifier or head.

    Returns
    -------
    keras.Model
        Output: probabilities of shape (batch, units), or features.

    Raises
    ------
    ValueError
        If the network is unknown or `input_shape` does not fit it.
    """
    known = NETWORKS.get(network)
    if known is None:
        msg = f"network must be one of {', '.join(NETWORKS)}, received {network!r}"
        raise ValueError(msg)
    check_input_shape(network, input_shape, minimum=known.minimum)
    build = getattr(keras.applications, known.function)
    published = include_top and units is not None
    options: dict[str, Any] = {}
    if published:
        options = {"classes": units, "classifier_activation": output_activation}
    if "include_preprocessing" in inspect.signature(build).parameters:
        options["include_preprocessing"] = False
    # ConvNeXt normalises the pooled features itself, so Keras has to do the pooling there.
    model: keras.Model = build(
        weights=None,
        include_top=published,
        input_shape=tuple(input_shape),
        pooling=None if published else pooling,
        **options,
    )
    if known.inside:
        model = _without_first(model, known.inside)
    if published or units is None:
        return model
    outputs = with_head(model.output, units, None, dropout, output_activation)
    return keras.Model(model.inputs, outputs, name=model.name)


def check_input_shape(network: str, input_shape: tuple[int, ...], *, minimum: int) -> None:
    """Raise ValueError unless `input_shape` is (height, width, 3) of at least `minimum` pixels."""
    fits = len(input_shape) == 3 and input_shape[2] == 3
    if not fits or min(input_shape[:2]) < minimum:
        msg = (
            f"{network} takes images of at least {minimum} x {minimum} pixels and 3 colours, "
            f"received the shape {tuple(input_shape)}"
        )
        raise ValueError(msg)


def with_head(
    features: Any,
    units: int | None,
    pooling: Literal["avg", "max"] | None,
    dropout: float,
    activation: str,
) -> Any:
    """Return the pooled features, and behind them a dense layer "head" if `units` is given."""
    x = features
    if pooling == "avg":
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D(name="max_pool")(x)
    if units is None:
        return x
    if len(x.shape) > 2:
        x = layers.Flatten(name="head_flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, name="head_dropout")(x)
    return layers.Dense(units, activation=activation, name="head")(x)


def _without_first(model: keras.Model, inside: tuple[str, ...]) -> keras.Model:
    """Return the part of a network behind the preprocessing layers at its beginning.

    They are of the classes `inside`; the first other layer is the first that remains.
    """
    first = next(
        layer for layer in model.layers if type(layer).__name__ not in ("InputLayer", *inside)
    )
    return keras.Model(first.input, model.output, name=model.name)
