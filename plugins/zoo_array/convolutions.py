"""One-dimensional convolutions, for series."""

from __future__ import annotations

from typing import Any


def convolutions(
    input_shape: tuple[int, ...],
    units: int,
    filters: list[int],
    kernel_size: int = 5,
    pool: int = 2,
    normalise: bool = False,
    dropout: float = 0.0,
    output_activation: str = "linear",
) -> Any:
    """Build a network of one-dimensional convolutions, each followed by pooling.

    Parameters
    ----------
    input_shape
        (steps,) or (steps, channels).
    units
        Width of the output.
    filters
        Number of filters of each convolution.
    kernel_size
        Steps that a filter sees.
    pool
        Steps of which the largest value is taken, behind each convolution; 1 leaves all.
    normalise
        Whether batch normalisation follows each convolution.
    dropout
        Fraction of the values before the output dropped during training.
    output_activation
        Keras name of the output's activation.

    Returns
    -------
    keras.Model
        Input (batch, steps) or (batch, steps, channels), output (batch, units).

    Raises
    ------
    ValueError
        If the input has another number of axes, or too few steps for the pooling.
    """
    import keras
    from keras import layers

    if len(input_shape) not in (1, 2) or None in input_shape:
        msg = f"convolutions over series take (steps,) or (steps, channels), received {input_shape}"
        raise ValueError(msg)
    x = inputs = keras.Input(input_shape, name="input")
    if len(input_shape) == 1:
        x = layers.Reshape((*input_shape, 1), name="channel")(x)
    for number, width in enumerate(filters, 1):
        if x.shape[1] < pool:
            msg = f"{input_shape[0]} steps are too few for {len(filters)} times pool {pool}"
            raise ValueError(msg)
        x = layers.Conv1D(width, kernel_size, padding="same", name=f"conv_{number}")(x)
        if normalise:
            x = layers.BatchNormalization(name=f"norm_{number}")(x)
        x = layers.Activation("relu", name=f"relu_{number}")(x)
        x = layers.MaxPooling1D(pool, name=f"pool_{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(units, activation=output_activation, name="output")(x)
    return keras.Model(inputs, outputs, name="convolutions")
