"""Each network maps four numbers to one."""

import keras
import numpy as np
from keras import layers, ops


def network(kind: str, input_shape):
    """Return a network of a kind."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, layers.Dense(1)(KINDS[kind](inputs)))


def undeclared(input_shape):
    """Return one that nobody says is pure."""
    return network("dense", input_shape)


class AtInference(layers.Layer):
    """Acts outside of training alone."""

    def call(self, x, training=False):
        return x if training else 0.5 * x * x


class BatchCoupled(layers.Layer):
    """What becomes of a row depends on the others of its batch."""

    def call(self, x):
        return x - ops.mean(x, axis=0, keepdims=True)


class Weighted(layers.Layer):
    def build(self, shape):
        self.weight = self.add_weight(shape=(shape[-1],), initializer="ones")


class BuiltFromWeights(Weighted):
    """Reads its weight while it is built."""

    def build(self, shape):
        super().build(shape)
        self.factor = 2 * ops.convert_to_numpy(self.weight.value)

    def call(self, x):
        return x * self.weight + self.factor


class Finalized(Weighted):
    """Derives one number from its weight whenever that has come from a file."""

    def build(self, shape):
        super().build(shape)
        self.finalize_state()

    def finalize_state(self):
        self.largest = float(ops.max(self.weight.value))

    def call(self, x):
        return x * self.weight / self.largest


class Counter(layers.Layer):
    """Counts its calls, and answers with the count."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1.0)
        return x + self.calls


class Noise(layers.Layer):
    """Draws at every call, from a seed."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal((4,), seed=self.seeds)


def two_calls(x):
    shared = layers.Dense(4, activation="tanh")
    return shared(shared(x))


def mask(x):
    return layers.LSTM(3)(layers.Masking(0.0)(layers.Reshape((4, 1))(x)))


def recurrent(x):
    return layers.Bidirectional(layers.GRU(3))(layers.Reshape((4, 1))(x))


KINDS = {
    "dense": lambda x: layers.Dense(8, activation="relu")(x),
    "two-calls": two_calls,
    "mask": mask,
    "recurrent": recurrent,
    "mixed": lambda x: layers.Dense(8, activation="relu", dtype="mixed_float16")(x),
    "at-inference": lambda x: AtInference()(x),
    "batch-coupled": lambda x: BatchCoupled()(x),
    "constant": lambda x: x * np.random.default_rng(0).random(4, "float32"),
    "built-from-weights": lambda x: BuiltFromWeights()(x),
    "normalized-batch": lambda x: layers.BatchNormalization()(x),
    "finalized": lambda x: Finalized()(x),
    "normalization": lambda x: layers.Normalization()(x),
    "counter": lambda x: Counter()(x),
    "noise": lambda x: Noise()(x),
}
