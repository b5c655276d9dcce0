"""The multi-layer perceptron."""

from __future__ import annotations

from typing import Any


def mlp(
    input_shape: tuple[int, ...],
    units: int,
    hidden: list[int],
    activation: str = "relu",
    output_activation: str = "linear",
    kernel_initializer: str = "glorot_uniform",
    output_initializer: str | None = None,
    dropout: float = 0.0,
    normalise: bool = False,
    l1: float = 0.0,
    l2: float = 0.0,
) -> Any:
    """Build dense layers one after the other.

    Parameters
    ----------
    input_shape
        Shape of one sample, (features,).
    units
        Width of the output.
    hidden
        Width of each hidden layer.
    activation, output_activation
        Keras names of the activations of hidden layers and output.
    kernel_initializer
        Keras name of the initialiser of all weights.
    output_initializer
        The same for the output's weights alone.
    dropout
        Fraction of each hidden layer's outputs dropped while training.
    normalise
        Whether batch normalisation follows each hidden layer.
    l1, l2
        Penalty on the absolute and on the squared weights of the hidden layers.

    Returns
    -------
    keras.Model
        Input (batch, features), output (batch, units).
    """
    import keras

    inputs = keras.Input(input_shape, name="input")
    x = inputs if len(input_shape) == 1 else keras.layers.Flatten(name="flatten")(inputs)
    penalty = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
    for number, width in enumerate(hidden, 1):
        x = keras.layers.Dense(
            width,
            activation=activation,
            kernel_initializer=kernel_initializer,
            kernel_regularizer=penalty,
            name=f"hidden_{number}",
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
        if normalise:
            x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
    outputs = keras.layers.Dense(
        units,
        activation=output_activation,
        kernel_initializer=output_initializer or kernel_initializer,
        name="output",
    )(x)
    return keras.Model(inputs, outputs, name="mlp")
