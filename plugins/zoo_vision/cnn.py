"""A small convolutional network for small images."""

from __future__ import annotations

import keras
from keras import layers


def cnn(
    input_shape: tuple[int, ...],
    units: int,
    filters: list[int],
    kernels: int | list[int] = 3,
    strides: int | list[int] = 1,
    pools: int | list[int] = 2,
    dropout: float = 0.0,
    output_activation: str = "softmax",
) -> keras.Model:
    """Build convolutions with pooling in between, and a dense classifier.

    Parameters
    ----------
    input_shape
        (height, width, channels).
    units
        Width of the output.
    filters
        Filters of each convolution.
    kernels, strides
        Side of each kernel and stride of each convolution; one number for all, or one for each.
    pools
        Side of the max-pooling after each convolution; one number or one for each; 1 for none.
    dropout
        Fraction of the features dropped before the classifier during training.
    output_activation
        Keras name of the output's activation.

    Raises
    ------
    ValueError
        If a list does not have one number for each convolution.
    """
    inputs = keras.Input(input_shape, name="input")
    x = inputs
    steps = [_per_layer(name, value, filters) for name, value in
             (("kernels", kernels), ("strides", strides), ("pools", pools))]  # fmt: skip
    for number, (width, kernel, stride, pool) in enumerate(zip(filters, *steps, strict=True), 1):
        x = layers.Conv2D(
            width, kernel, strides=stride, activation="relu", name=f"convolution_{number}"
        )(x)
        if pool > 1:
            x = layers.MaxPooling2D(pool, name=f"pool_{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(units, activation=output_activation, name="output")(x)
    return keras.Model(inputs, outputs, name="cnn")


def _per_layer(name: str, value: int | list[int], filters: list[int]) -> list[int]:
    values = [value] * len(filters) if isinstance(value, int) else list(value)
    if len(values) != len(filters) or min(values, default=1) < 1:
        msg = f"{name} must be one positive number, or {len(filters)} of them, received {value}"
        raise ValueError(msg)
    return values
