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
        Keras name of the initialiser of the hidden layers' and the output's weights.

    Returns
    -------
    keras.Model
        Input (batch, features), output (batch, units).
    """
    import keras

    inputs = keras.Input(input_shape, name="input")
    x = inputs
    for number, width in enumerate(hidden, 1):
        x = keras.layers.Dense(
            width,
            activation=activation,
            kernel_initializer=kernel_initializer,
            name=f"hidden_{number}",
        )(x)
    outputs = keras.layers.Dense(
        units,
        activation=output_activation,
        kernel_initializer=kernel_initializer,
        name="output",
    )(x)
    return keras.Model(inputs, outputs, name="mlp")
