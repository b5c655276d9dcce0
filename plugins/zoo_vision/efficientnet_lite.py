"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excite and with ReLU6.

Sources: https://arxiv.org/abs/1905.11946 and
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
from keras import layers


class Stage(NamedTuple):
    """Blocks of one resolution; the first has the stride and changes the width."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


STEM, TOP = 32, 1280
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite0(
    input_shape: tuple[int, ...],
    units: int | None = 1000,
    include_top: bool = True,
    pooling: Literal["avg", "max"] | None = "avg",
    dropout: float = 0.2,
    output_activation: str = "softmax",
) -> keras.Model:
    """Build EfficientNet-Lite0, uncompiled.

    Parameters
    ----------
    input_shape
        ``(height, width, 3)`` in pixels, at least 32 x 32; the published weights were trained on
        224 x 224. Values are (x - 127) / 128 of RGB pixels.
    units
        Number of classes; ``None`` returns features instead.
    include_top
        Whether the classifier is the published layer, "predictions", or a new one, "head".
    pooling
        How the features are pooled; ``None`` for not at all.
    dropout
        Fraction of the features dropped before the classifier during training.
    output_activation
        Keras name of the activation of the classifier or head.

    Returns
    -------
    keras.Model
        Output: probabilities of shape (batch, units), or features, (batch, 1280) if pooled.

    Raises
    ------
    ValueError
        If `input_shape` does not fit.
    """
    check_input_shape("efficientnet-lite0", input_shape, minimum=32)
    inputs = keras.Input(input_shape, name="image")
    x = _conv(inputs, STEM, 3, 2, name="stem_")
    for number, stage in enumerate(STAGES, 1):
        for repeat in range(stage.repeats):
            name = f"block{number}{chr(ord('a') + repeat)}_"
            x = _block(x, stage, stage.stride if repeat == 0 else 1, name)
    x = _conv(x, TOP, 1, 1, name="top_")
    if include_top and units is not None:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        x = layers.Dense(units, activation=output_activation, name="predictions")(x)
    else:
        x = add_head(x, units, pooling, dropout, output_activation)
    return keras.Model(inputs, x, name="efficientnet_lite0")


def _block(x: Any, stage: Stage, stride: int, name: str) -> Any:
    """Apply an inverted residual block: widen, filter each channel, project."""
    inputs, width = x, x.shape[-1]
    if stage.expand != 1:
        x = _conv(x, width * stage.expand, 1, 1, name=f"{name}expand_")
    depthwise = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}dw_conv"
    )
    x = _norm(depthwise(x), f"{name}dw")
    x = layers.ReLU(6.0, name=f"{name}dw_activation")(x)
    # The projection is linear: an activation would lose information in the narrow layer.
    x = _conv(x, stage.filters, 1, 1, name=f"{name}project_", linear=True)
    if stride == 1 and width == stage.filters:
        x = layers.Add(name=f"{name}add")([x, inputs])
    return x


def _conv(
    x: Any, filters: int, kernel: int, stride: int, *, name: str, linear: bool = False
) -> Any:
    conv = layers.Conv2D(
        filters, kernel, stride, padding="same", use_bias=False, name=f"{name}conv"
    )
    x = _norm(conv(x), name.removesuffix("_"))
    return x if linear else layers.ReLU(6.0, name=f"{name}activation")(x)


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)


def check_input_shape(network: str, input_shape: tuple[int, ...], *, minimum: int) -> None:
    """Raise ValueError unless `input_shape` is (height, width, 3) of at least `minimum` pixels."""
    fits = len(input_shape) == 3 and input_shape[2] == 3
    if not fits or min(input_shape[:2]) < minimum:
        msg = (
            f"{network} takes images of at least {minimum} x {minimum} pixels and 3 colours, "
            f"received the shape {tuple(input_shape)}"
        )
        raise ValueError(msg)


def add_head(
    features: Any,
    units: int | None,
    pooling: Literal["avg", "max"] | None,
    dropout: float,
    activation: str,
) -> Any:
    """Return the pooled features, followed by a dense layer "head" if `units` is given."""
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
