"""The encoder-decoder: one recurrent layer reads a sequence, another one writes the answer."""

from __future__ import annotations

import keras
from keras import layers

from zoo_sequence.recurrent import CELLS, Cell


def encoder_decoder(
    input_shape: tuple[int, ...],
    units: int,
    output_length: int,
    width: int = 128,
    cell: Cell = "lstm",
    words: int | None = None,
    embedding: int = 32,
    dropout: float = 0.0,
    output_activation: str = "softmax",
) -> keras.Model:
    """Build an encoder-decoder network.

    The encoder's final output is the input of every step of the decoder.

    Parameters
    ----------
    input_shape
        (steps, features) of numbers; (steps,) of word numbers if there is an embedding.
    units
        Width of the output at each step.
    output_length
        Steps of the output.
    width
        Units of the encoder and of the decoder.
    cell
        Kind of the recurrent layers.
    words
        Number of word numbers to embed; no embedding if not given.
    embedding
        Width of the embedding.
    dropout
        Fraction of the encoder's final output dropped during training.
    output_activation
        Keras name of the output's activation.

    Returns
    -------
    keras.Model
        Input (batch, steps, features), output (batch, `output_length`, units).
    """
    make, _ = CELLS[cell]
    inputs = keras.Input(input_shape, name="input", dtype="int32" if words else None)
    x = layers.Embedding(words, embedding, name="embedding")(inputs) if words else inputs
    x = make(width, name="encoder")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.RepeatVector(output_length, name="repeat")(x)
    x = make(width, return_sequences=True, name="decoder")(x)
    outputs = layers.Dense(units, activation=output_activation, name="output")(x)
    return keras.Model(inputs, outputs, name="encoder_decoder")
