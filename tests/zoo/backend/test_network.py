"""Building a network without initialising it, and filling it from every kind of file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.backend.choose import keras
from zoo.backend.network import build, copy_weights, freeze, load_weights, slots, weight_arrays
from zoo.errors import SpecError
from zoo_weights import LayoutMismatch, write_bundle


def small() -> Any:
    layers = keras().layers
    return keras().Sequential(
        [
            keras().Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(5, name="top"),
        ]
    )


def filled() -> Any:
    network = small()
    rng = np.random.default_rng(0)
    network.set_weights([rng.uniform(0.5, 1, w.shape) for w in network.weights])
    return network


def arrays(network: Any) -> list[np.ndarray[Any, Any]]:
    return [keras().ops.convert_to_numpy(v.value) for v in network.weights]


@pytest.mark.backends
def test_nothing_is_drawn_that_a_file_overwrites() -> None:
    """VGG16's random start costs seconds and half a gigabyte; building must not pay it."""
    model = zoo.get_model("vgg16", weights=None)
    keras()  # its own import is another matter
    tracemalloc.start()
    network = build(model.architecture(), initialise=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert network.count_params() == 138_357_544
    assert all(v._value is None for v in network.trainable_variables)
    assert peak < 50_000_000
    # A later scope must not initialise them behind our back either.
    keras().ops.zeros((1,))
    assert network.trainable_variables[0]._value is None


@pytest.mark.backends
@pytest.mark.parametrize("file", ["keras.weights.h5", "legacy.h5", "bundle.zoo"])
def test_every_kind_of_file_gives_the_same_numbers(file: str, tmp_path: Path) -> None:
    source = filled()
    path = tmp_path / file
    if file == "bundle.zoo":
        write_bundle(path, {}, weight_arrays(source))
    elif file == "legacy.h5":
        import h5py
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(path, "w") as handle:
            save_weights_to_hdf5_group(handle, source)
    else:
        source.save_weights(path)
    network = build(small, initialise=False)
    load_weights(network, path)
    for got, expected in zip(arrays(network), arrays(source), strict=True):
        np.testing.assert_array_equal(got, expected)
    x = np.random.default_rng(1).uniform(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(
        keras().ops.convert_to_numpy(network(x)), keras().ops.convert_to_numpy(source(x)), atol=1e-6
    )


@pytest.mark.backends
def test_what_a_layer_derives_from_its_weights_follows_them(tmp_path: Path) -> None:
    """Keras's Normalization computes with copies that it makes of its mean and variance."""

    def scaled() -> Any:
        layers = keras().layers
        return keras().Sequential([keras().Input((4,)), layers.Normalization(), layers.Dense(2)])

    source, x = scaled(), np.random.default_rng(0).uniform(5, 9, (20, 4)).astype("float32")
    source.layers[0].adapt(x)
    write_bundle(tmp_path / "scaled.zoo", {}, weight_arrays(source))
    read, copied = build(scaled, initialise=False), build(scaled, initialise=True)
    load_weights(read, tmp_path / "scaled.zoo")
    copy_weights(source, copied)
    expected = source.predict_on_batch(x)
    for network in (read, copied):
        np.testing.assert_allclose(network.predict_on_batch(x), expected, atol=1e-6)


@pytest.mark.backends
def test_a_layer_may_read_its_weights_while_it_is_built() -> None:
    """What it makes of them is of those that it has afterwards, not of others drawn before."""

    class Doubled(keras().layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(4,), initializer="normal")
            self.double = 2 * keras().ops.convert_to_numpy(self.kernel.value)

        def call(self, x: Any) -> Any:
            return x * self.kernel

    for initialise in (True, False):
        network = build(
            lambda: keras().Sequential([keras().Input((4,)), Doubled()]), initialise=initialise
        )
        np.testing.assert_array_equal(network.layers[0].double, 2 * arrays(network)[0])


def test_a_file_for_another_network_changes_nothing(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a.zoo", {}, weight_arrays(filled()))

    def other() -> Any:
        network = keras().Sequential(
            [keras().Input((8, 8, 3)), keras().layers.Conv2D(7, 3, name="conv")]
        )
        return network

    network = build(other, initialise=True)
    before = arrays(network)
    with pytest.raises(LayoutMismatch, match="conv") as caught:
        load_weights(network, tmp_path / "a.zoo")
    assert "(3, 3, 3, 7)" in str(caught.value)
    assert "(3, 3, 3, 4)" in str(caught.value)
    for left, right in zip(before, arrays(network), strict=True):
        np.testing.assert_array_equal(left, right)


def test_places_are_those_keras_writes(tmp_path: Path) -> None:
    """A bundle of zoo's is a Keras 3 weights file with headers: the names have to agree."""
    import h5py

    network = filled()
    network.save_weights(tmp_path / "k.weights.h5")
    found: set[str] = set()
    with h5py.File(tmp_path / "k.weights.h5") as handle:
        handle.visititems(lambda name, item: found.add(name) if hasattr(item, "shape") else None)
    assert {slot.path for slot, _ in slots(network)} == found


def test_freezing() -> None:
    network = small()
    freeze(network, ["conv", "no*"])
    assert [layer.trainable for layer in network.layers] == [False, False, True, True]
    freeze(network := small(), 1)
    assert [layer.trainable for layer in network.layers] == [False, True, True, True]
    with pytest.raises(SpecError, match="no layer matches 'vgg'"):
        freeze(small(), ["vgg"])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: 7, "must return a keras.Model, received int"),
        (lambda: keras().Sequential([keras().layers.Dense(3)]), "has no Input"),
        (
            lambda: keras().Sequential([keras().Input((90_000,)), keras().layers.Dense(90_000)]),
            "8,100,090,000 parameters",
        ),
    ],
)
def test_what_an_architecture_may_not_return(make: Any, text: str) -> None:
    with pytest.raises(SpecError, match=text):
        build(make, initialise=True)
