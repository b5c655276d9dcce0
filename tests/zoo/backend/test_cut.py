"""Where networks are cut behind their frozen layers, and which ones are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoo.backend import keras_private
from zoo.backend.choose import keras
from zoo.backend.cut import cut_network


def network(body: Callable[[Any, Any], Any], shape: tuple[int | None, ...] = (4, 4, 1)) -> Any:
    """Return a network: a frozen convolution, what `body` makes of it, and a trained layer."""
    layers = keras().layers
    inputs = keras().Input(shape)
    base = layers.Conv2D(3, 3, name="base")
    base.trainable = False
    outputs = layers.Dense(2, name="head")(body(layers, base(inputs)))
    return keras().Model(inputs, outputs)


def nested(layers: Any, x: Any) -> Any:
    inner = keras().Sequential([keras().Input(x.shape[1:]), layers.GlobalMaxPooling2D()])
    return inner(x)


def residual(layers: Any, x: Any) -> Any:
    return layers.GlobalAveragePooling2D(name="pool")(layers.Add()([x, layers.ReLU()(x)]))


def forked(layers: Any, x: Any) -> Any:
    """Two tensors leave the frozen layers."""
    pools = layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)
    dropped = [layers.Dropout(0.5)(pool) for pool in pools]
    return layers.Concatenate()(dropped)


def widened(layers: Any, x: Any) -> Any:
    """What leaves the frozen layers takes more memory than the input."""
    wide = layers.Dense(9)
    wide.trainable = False
    return layers.Flatten()(layers.Dropout(0.5)(wide(x)))


def called_twice(layers: Any, x: Any) -> Any:
    pool = layers.GlobalMaxPooling2D()
    return layers.Concatenate()([pool(x), layers.Dropout(0.5)(pool(layers.Dropout(0.5)(x)))])


@pytest.mark.parametrize(
    ("body", "place"),
    [(nested, "sequential"), (residual, "pool"), (forked, "base"), (widened, "base"),
     (called_twice, "base")],
)  # fmt: skip
def test_where_a_network_is_cut(body: Any, place: str) -> None:
    whole = network(body)
    cut = cut_network(whole)
    assert cut is not None
    assert keras_private.producer_of(cut.trunk.outputs[0])[0].name.startswith(place)
    photos = np.random.default_rng(0).random((2, 4, 4, 1), "float32")
    assert not cut.trunk.trainable_weights
    assert [v.path for v in cut.head.trainable_weights] == ["head/kernel", "head/bias"]
    np.testing.assert_allclose(cut.head(cut.trunk(photos)), whole(photos), rtol=1e-6)


def test_features_of_any_size_are_not_known_to_be_smaller() -> None:
    body = lambda layers, x: layers.GlobalMaxPooling2D()(layers.Dropout(0.5)(x))  # noqa: E731
    assert cut_network(network(body, (None, None, 1))) is None


def test_several_inputs_are_not_cut() -> None:
    inputs = [keras().Input((2,)), keras().Input((2,))]
    outputs = keras().layers.Dense(1)(keras().layers.Add()(inputs))
    assert cut_network(keras().Model(inputs, outputs)) is None


def test_a_layer_that_is_told_what_to_do_is_not_fixed() -> None:
    """An argument beside the input may be anything."""
    layers = keras().layers
    inputs = keras().Input((3, 2))
    frozen = layers.BatchNormalization(name="base")
    frozen.trainable = False
    masked = frozen(inputs, mask=keras().ops.ones((1, 3), "bool"))
    assert cut_network(keras().Model(inputs, layers.Dense(1)(masked))) is None
