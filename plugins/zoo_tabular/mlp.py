"""The multi-layer perceptron."""

from __future__ import annotations

from typing import Any


def mlp(
    input_shape: tuple[int, ...] | dict[str, tuple[int, ...]],
    units: int | dict[str, int],
    hidden: list[int],
    activation: str = "relu",
    output_activation: str | dict[str, str] = "linear",
    kernel_initializer: str = "glorot_uniform",
    output_initializer: str | None = None,
    dropout: float = 0.0,
    normalise: bool = False,
    l1: float = 0.0,
    l2: float = 0.0,
    bias_l1: float = 0.0,
    bias_l2: float = 0.0,
    activity_l1: float = 0.0,
    activity_l2: float = 0.0,
) -> Any:
    """Build a multi-layer perceptron.

    Parameters
    ----------
    input_shape
        Shape of one sample; more than one axis is flattened. For several inputs, the shape of
        each by name: their features are concatenated.
    units
        Width of the output; for several outputs, of each by name.
    hidden
        Width of each hidden layer.
    activation, output_activation
        Keras names of the activations of hidden layers and output, or of each output by name.
    kernel_initializer
        Keras name of the initialiser of all weights.
    output_initializer
        The same for the weights of the output only.
    dropout
        Fraction of each hidden layer's outputs dropped during training.
    normalise
        Whether batch normalisation follows each hidden layer.
    l1, l2
        Penalty on the absolute and on the squared weights of the hidden layers.
    bias_l1, bias_l2
        The same on their biases.
    activity_l1, activity_l2
        The same on their outputs, for the mean row of a batch.

    Returns
    -------
    keras.Model
        Input (batch, features), or one for each name; output (batch, units), or one for each name.
    """
    import keras

    def flatten(inputs: Any) -> Any:
        name = "flatten" if inputs.name == "input" else f"flatten_{inputs.name}"
        return inputs if len(inputs.shape) == 2 else keras.layers.Flatten(name=name)(inputs)

    inputs: Any
    if isinstance(input_shape, dict):
        inputs = {name: keras.Input(shape, name=name) for name, shape in input_shape.items()}
        x = keras.layers.Concatenate(name="features")([flatten(part) for part in inputs.values()])
    else:
        inputs = keras.Input(input_shape, name="input")
        x = flatten(inputs)
    penalties = {
        name: keras.regularizers.L1L2(*factors) if any(factors) else None
        for name, factors in (
            ("kernel_regularizer", (l1, l2)),
            ("bias_regularizer", (bias_l1, bias_l2)),
            ("activity_regularizer", (activity_l1, activity_l2)),
        )
    }
    for number, width in enumerate(hidden, 1):
        x = keras.layers.Dense(
            width,
            activation=activation,
            kernel_initializer=kernel_initializer,
            name=f"hidden_{number}",
            **penalties,
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
        if normalise:
            x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)

    def head(name: str, units: int, activation: str) -> Any:
        initializer = output_initializer or kernel_initializer
        layer = keras.layers.Dense(
            units, activation=activation, kernel_initializer=initializer, name=name
        )
        return layer(x)

    outputs: Any
    if isinstance(units, dict):
        activations = output_activation if isinstance(output_activation, dict) else {}
        outputs = {
            name: head(name, width, activations.get(name, "linear"))
            for name, width in units.items()
        }
    else:
        outputs = head("output", units, str(output_activation))
    return keras.Model(inputs, outputs, name="mlp")
