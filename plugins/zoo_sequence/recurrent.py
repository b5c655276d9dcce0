"""Recurrent layers, one above the other, and a dense layer on what the last one ends with."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers

Cell = Literal["lstm", "gru", "simple"]


def recurrent(
    input_shape: tuple[int | None, ...],
    units: int,
    widths: list[int],
    cell: Cell = "lstm",
    words: int | None = None,
    embedding: int = 32,
    dropout: float = 0.0,
    output_activation: str = "softmax",
    states: bool = False,
) -> keras.Model:
    """Build a recurrent network.

    Parameters
    ----------
    input_shape
        (steps, features) of numbers; (steps,) of word numbers, where there is an embedding.
    units
        Width of the output.
    widths
        Units of each recurrent layer.
    cell
        Kind of the recurrent layers.
    words
        How many word numbers are embedded; no embedding if not given.
    embedding
        Width of the embedding.
    dropout
        Fraction of the last layer's final output dropped while training.
    output_activation
        Keras name of the output's activation.
    states
        Whether the state of each layer enters and leaves the network.

    Returns
    -------
    keras.Model
        Input (batch, steps, features), output (batch, units); all states start at zero. With
        `states` it takes any number of steps, and inputs and outputs are dictionaries of
        ``input``, ``output`` and each state by its name (``lstm_1_h``), of shape (batch, width).
    """
    kind, parts = _KINDS[cell]
    shape = (None, *input_shape[1:]) if states else input_shape
    inputs = keras.Input(shape, name="input", dtype="int32" if words else None)
    x = layers.Embedding(words, embedding, name="embedding")(inputs) if words else inputs
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for number, width in enumerate(widths, 1):
        name = f"{cell}_{number}"
        layer = kind(width, return_sequences=number < len(widths), return_state=states, name=name)
        if states:
            names = [f"{name}_{part}" for part in parts]
            start = [keras.Input((width,), name=state) for state in names]
            x, *end = layer(x, initial_state=start)
            before.update(zip(names, start, strict=True))
            after.update(zip(names, end, strict=True))
        else:
            x = layer(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    output = layers.Dense(units, activation=output_activation, name="output")(x)
    if states:
        return keras.Model({"input": inputs, **before}, {"output": output, **after})
    return keras.Model(inputs, output)


_KINDS: dict[Cell, tuple[Any, tuple[str, ...]]] = {
    "lstm": (layers.LSTM, ("h", "c")),
    "gru": (layers.GRU, ("h",)),
    "simple": (layers.SimpleRNN, ("h",)),
}
"""Layer of each kind, and the names of its states in Keras's order."""
