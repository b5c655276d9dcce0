"""Stacked recurrent layers, and a dense layer on the last one's final output."""

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
        (steps, features) of numbers; (steps,) of word numbers if there is an embedding.
    units
        Width of the output.
    widths
        Units of each recurrent layer.
    cell
        Kind of the recurrent layers.
    words
        Number of word numbers to embed; no embedding if not given.
    embedding
        Width of the embedding.
    dropout
        Fraction of the last layer's final output dropped during training.
    output_activation
        Keras name of the output's activation.
    states
        Whether the states of the layers are inputs and outputs of the network.

    Returns
    -------
    keras.Model
        Input (batch, steps, features), output (batch, units); all states start at zero. With
        `states` it takes any number of steps, and inputs and outputs are dictionaries of
        ``input``, ``output`` and each state by its name (``lstm_1_h``), of shape (batch, width).
    """
    make, suffixes = CELLS[cell]
    shape = (None, *input_shape[1:]) if states else input_shape
    inputs = keras.Input(shape, name="input", dtype="int32" if words else None)
    x = layers.Embedding(words, embedding, name="embedding")(inputs) if words else inputs
    states_in: dict[str, Any] = {}
    states_out: dict[str, Any] = {}
    for number, width in enumerate(widths, 1):
        name = f"{cell}_{number}"
        layer = make(width, return_sequences=number < len(widths), return_state=states, name=name)
        if states:
            names = [f"{name}_{suffix}" for suffix in suffixes]
            initial = [keras.Input((width,), name=state) for state in names]
            x, *final = layer(x, initial_state=initial)
            states_in.update(zip(names, initial, strict=True))
            states_out.update(zip(names, final, strict=True))
        else:
            x = layer(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    output = layers.Dense(units, activation=output_activation, name="output")(x)
    if states:
        return keras.Model({"input": inputs, **states_in}, {"output": output, **states_out})
    return keras.Model(inputs, output)


CELLS: dict[Cell, tuple[Any, tuple[str, ...]]] = {
    "lstm": (layers.LSTM, ("h", "c")),
    "gru": (layers.GRU, ("h",)),
    "simple": (layers.SimpleRNN, ("h",)),
}
"""Layer of each cell, and the names of its states in Keras's order."""
