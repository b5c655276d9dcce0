"""Each network has a `strength`: of its constraint, its gradient, its noise, its own step.

Two networks of one kind cannot be distinguished by names, shapes, or the forward graph alone.
"""

import keras
import numpy as np
from keras import layers, ops


def network(kind: str, input_shape, strength: float = 1.0):
    """Return a network of a kind, with one sigmoid unit."""
    inputs = keras.Input(input_shape)
    made = KINDS[kind](inputs, strength)
    if isinstance(made, keras.Model):
        return made
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(made))


# Layers


@keras.saving.register_keras_serializable("awkward")
class AtMost(keras.constraints.Constraint):
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)


class Reversal(layers.Layer):
    """The identity whose gradient is turned around."""

    def __init__(self, strength):
        super().__init__()
        strength = float(strength)

        @ops.custom_gradient
        def reverse(x):
            def grad(*args, upstream=None):
                (upstream,) = args if upstream is None else (upstream,)
                return ops.multiply(upstream, -strength)

            return x * 1.0, grad

        self.reverse = reverse

    def call(self, x):
        return self.reverse(x)


class AtInference(layers.Layer):
    """Does something outside of training alone."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def call(self, x, training=False):
        return x if training else x * self.strength


class Counter(layers.Layer):
    """Counts the steps, and changes what it does after the twelfth."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x, training=False):
        if training:
            self.count.assign(self.count + 1)
        return ops.where(self.count > 12, x * self.strength, x)


class PythonCounter(layers.Layer):
    """Counts its calls in Python: once for each compilation, or at each step where none is."""

    def __init__(self, strength):
        super().__init__()
        self.strength, self.calls = strength, 0
        self.supports_jit = False

    def call(self, x, training=False):
        self.calls += bool(training)
        return x * self.strength if self.calls > 12 else x


class OfTheBatch(layers.Layer):
    """Takes the mean of the batch away: rows depend on each other."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def call(self, x):
        return x - self.strength * ops.mean(x, axis=0, keepdims=True)


class Penalty(layers.Layer):
    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def call(self, x):
        self.add_loss(0.01 * self.strength * ops.mean(ops.square(x)))
        return x


class Drawn(layers.Layer):
    """Random features that are no weights: drawn when the network is built."""

    def __init__(self, strength, width):
        super().__init__()
        self.matrix = np.random.normal(size=(width, 5), scale=strength).astype("float32")

    def call(self, x):
        return ops.cos(ops.matmul(x, self.matrix))


class Derived(layers.Layer):
    """Keeps a value that it derives from a weight when its state is final."""

    def __init__(self, strength):
        super().__init__()
        self.strength, self.factor = strength, None

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")

    def finalize_state(self):
        self.factor = self.strength * ops.convert_to_numpy(self.scale.value)

    def call(self, x):
        return x * (self.strength if self.factor is None else float(self.factor))


# Models with something of their own


class OwnLoss(keras.Model):
    strength = 1.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        return loss + self.strength * ops.mean(ops.square(y_pred))


class LossAlone(keras.Model):
    """Does without the loss that it is compiled with."""

    strength = 1.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.abs(y_pred - self.strength * y))


class OwnStep(keras.Model):
    """On JAX a step takes the state too."""

    strength = 1.0

    def train_step(self, *given):
        *state, (x, y, *weights) = given
        return super().train_step(*state, (x + 0.1 * self.strength, y, *weights))


class OwnLog(keras.Model):
    """Tells of itself what no metric measures."""

    def train_step(self, *given):
        found = super().train_step(*given)
        logs = found[0] if isinstance(found, tuple) else found
        logs = {**logs, "extra": ops.sum(given[-1][1])}
        return (logs, *found[1:]) if isinstance(found, tuple) else logs


class OwnFit(keras.Model):
    """Brings a callback that changes the rate after each batch."""

    strength = 1.0

    def fit(self, *arguments, callbacks=(), **options):
        def slower(batch, logs):
            self.optimizer.learning_rate = 0.01 * self.strength / (1 + batch)

        own = keras.callbacks.LambdaCallback(on_train_batch_end=slower)
        return super().fit(*arguments, callbacks=[own, *callbacks], **options)


class Eager(keras.Model):
    def compile(self, *arguments, **options):
        super().compile(*arguments, **options, run_eagerly=True)


class Scheduled(keras.Model):
    strength = 1.0

    def compile(self, optimizer, **options):
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([9], [0.01, 0.1 * self.strength])
        super().compile(keras.optimizers.Adam(rate), **options)


# Kinds


def dense(x, units=6, activation="relu", **options):
    return layers.Dense(units, activation, **options)(x)


def own(kind):
    def make(inputs, strength):
        outputs = layers.Dense(1, "sigmoid")(dense(inputs))
        made = kind(inputs, outputs)
        made.strength = strength
        return made

    return make


def steps(x):
    return layers.Reshape((3, 2))(x)


def twice(x, strength):
    shared = layers.Dense(6, "tanh")
    return shared(shared(x) * strength)


def with_mask(x, strength):
    words = layers.Lambda(lambda a: ops.cast(ops.abs(a * 3), "int32") % 5)(x)
    hidden = layers.Embedding(5, 4, mask_zero=True)(words)
    return layers.LSTM(4)(hidden * strength)


def attention(x, strength):
    hidden = layers.Dense(4)(steps(x))
    return layers.Flatten()(layers.MultiHeadAttention(2, 2)(hidden, hidden) * strength)


def frozen(x, strength):
    fixed = layers.Dense(6, "relu", trainable=False)
    return dense(fixed(x) * strength)


def convolution(x, strength):
    return layers.Flatten()(layers.Conv1D(4, 2)(steps(x)) * strength)


# Photos of 8 x 8 pixels; recipes freeze the layers named base


def conv(x, name="base_conv", strides=2, **options):
    return layers.Conv2D(4, 3, strides, padding="same", name=name, **options)(x)


def norm(x, name="base_norm", **options):
    """Normalize by averages that are not those of the batches."""
    drawn = keras.initializers.RandomUniform(0.5, 2.0)
    return layers.BatchNormalization(
        name=name, moving_mean_initializer=drawn, moving_variance_initializer=drawn, **options
    )(x)


def pool(x):
    return layers.GlobalAveragePooling2D(name="pool")(x)


def behind(x):
    """Drop, and normalize by the batch."""
    return layers.BatchNormalization()(dense(layers.Dropout(0.3)(x)))


def penalized_photo(x, s):
    penalty = keras.regularizers.L2(0.1 * s)
    return dense(pool(conv(x, kernel_regularizer=penalty)), kernel_regularizer=penalty)


def active_photo(x, s):
    return dense(pool(conv(x, activity_regularizer=keras.regularizers.L2(0.1 * s))))


def residual_photo(x, s):
    first = layers.ReLU(name="base_relu")(norm(conv(x)))
    return behind(pool(layers.add([first, conv(first, "base_more", strides=1)])))


def nested_photo(x, s):
    inputs = keras.Input(x.shape[1:])
    base = keras.Model(inputs, layers.ReLU(6.0)(norm(conv(inputs))), name="base")
    return behind(pool(base(x, training=False)))


def forked_photo(x, s):
    first = norm(conv(x))
    return layers.concatenate([dense(pool(first)), layers.GlobalMaxPooling2D()(first)])


def bypassed_photo(x, s):
    return layers.concatenate([behind(pool(norm(conv(x)))), layers.Flatten()(x)])


def shared_photo(x, s):
    """A frozen layer before and behind the layers that are trained."""
    shared = layers.Dense(4, "tanh", name="base_shared")
    return shared(layers.Dense(4)(shared(pool(conv(x)))))


def sequence_photo(x, s):
    base = keras.Sequential(
        [keras.Input(x.shape[1:]), layers.Conv2D(4, 3), layers.BatchNormalization()], name="base"
    )
    return behind(pool(base(x)))


def two_output_photo(x, s):
    hidden = behind(pool(norm(conv(x))))
    return keras.Model(x, {"y": layers.Dense(1, "sigmoid")(hidden), "x5": layers.Dense(1)(hidden)})


PHOTOS = {
    "photo": lambda x, s: behind(pool(layers.ReLU(6.0)(norm(conv(x))))),
    "photo-drop-first": lambda x, s: behind(pool(conv(layers.Dropout(0.3, name="base_drop")(x)))),
    "photo-drop-later": lambda x, s: behind(
        pool(layers.Dropout(0.3, name="base_drop")(norm(conv(x))))
    ),
    "photo-noise": lambda x, s: behind(pool(conv(layers.RandomFlip(name="base_flip")(x)))),
    "photo-penalized": penalized_photo,
    "photo-active": active_photo,
    "photo-thawed": lambda x, s: behind(pool(norm(conv(x), "norm"))),
    "photo-residual": residual_photo,
    "photo-nested": nested_photo,
    "photo-forked": forked_photo,
    "photo-bypassed": bypassed_photo,
    "photo-shared": shared_photo,
    "photo-convolved": lambda x, s: behind(pool(conv(norm(conv(x)), "conv"))),
    "photo-custom": lambda x, s: behind(pool(OfTheBatch(s)(conv(x)))),
    "photo-scaled": lambda x, s: behind(pool(conv(x) * s)),
    "photo-bfloat16": lambda x, s: behind(pool(conv(x, dtype="mixed_bfloat16"))),
    "photo-sequence": sequence_photo,
    "photo-outputs": two_output_photo,
    "photo-own-loss": lambda x, s: own_photo(OwnLoss, x, s),
}


def own_photo(kind, x, strength):
    made = kind(x, layers.Dense(1, "sigmoid")(behind(pool(conv(x)))))
    made.strength = strength
    return made


KINDS = {
    **PHOTOS,
    "plain": lambda x, s: dense(x),
    "max-norm": lambda x, s: dense(x, kernel_constraint=keras.constraints.MaxNorm(0.5 * s)),
    "own-constraint": lambda x, s: dense(x, kernel_constraint=AtMost(0.3 * s)),
    "regularized": lambda x, s: dense(x, kernel_regularizer=keras.regularizers.L1L2(0.1 * s, 0.1)),
    "reversal": lambda x, s: Reversal(s)(dense(x)),
    "at-inference": lambda x, s: AtInference(s)(dense(x)),
    "counter": lambda x, s: Counter(s)(dense(x)),
    "python-counter": lambda x, s: PythonCounter(s)(dense(x)),
    "of-the-batch": lambda x, s: OfTheBatch(s)(dense(x)),
    "active": lambda x, s: dense(
        x, bias_regularizer="l2", activity_regularizer=keras.regularizers.L2(0.1 * s)
    ),
    "penalty": lambda x, s: Penalty(s)(dense(x)),
    "drawn": lambda x, s: Drawn(s, x.shape[-1])(x),
    "derived": lambda x, s: Derived(s)(dense(x)),
    "normalization": lambda x, s: dense(layers.Normalization(mean=0.5, variance=s)(x)),
    "dropout": lambda x, s: layers.Dropout(0.2 * s)(dense(x)),
    "seeded-dropout": lambda x, s: layers.Dropout(0.2 * s, seed=3)(dense(x)),
    "noise": lambda x, s: layers.GaussianNoise(0.1 * s)(dense(x)),
    "batch-normalised": lambda x, s: layers.BatchNormalization(momentum=0.9 / s)(dense(x)),
    "spectral": lambda x, s: layers.SpectralNormalization(layers.Dense(6))(x) * s,
    "residual": lambda x, s: layers.add([dense(x), x]) * s,
    "two-outputs": lambda x, s: keras.Model(
        x, {"y": layers.Dense(1, "sigmoid")(dense(x)), "x5": layers.Dense(1)(dense(x)) * s}
    ),
    "twice": twice,
    "lambda": lambda x, s: layers.Lambda(lambda a: a * s)(dense(x)),
    "frozen": frozen,
    "mask": with_mask,
    "masking": lambda x, s: layers.GRU(4)(layers.Masking(0.0)(steps(x)) * s),
    "lstm-dropout": lambda x, s: layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2)(steps(x)) * s,
    "stacked": lambda x, s: layers.LSTM(3)(layers.LSTM(4, return_sequences=True)(steps(x))) * s,
    "bidirectional": lambda x, s: layers.Bidirectional(layers.LSTM(3))(steps(x)) * s,
    "attention": attention,
    "convolution": convolution,
    "bfloat16": lambda x, s: dense(x, dtype="mixed_bfloat16") * s,
    "float16": lambda x, s: layers.Activation("linear", dtype="float32")(
        dense(x, dtype="mixed_float16") * s
    ),
    "own-loss": own(OwnLoss),
    "loss-alone": own(LossAlone),
    "own-step": own(OwnStep),
    "own-log": own(OwnLog),
    "own-fit": own(OwnFit),
    "eager": own(Eager),
    "scheduled": own(Scheduled),
}
