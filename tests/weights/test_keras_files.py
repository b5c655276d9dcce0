"""Files that Keras writes can be read, and Keras can read the files written here."""

import os
import warnings

import numpy as np
import pytest

from zoo_weights import LayoutMismatch, Slot, read_weights, write_weights


@pytest.fixture(scope="module", autouse=True)
def backend():
    """Import Keras when a test needs it: at collection it would fix the backend for all others."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's packages
        pytest.importorskip("keras")


def build():
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Conv2D(4, 3),
            layers.Reshape((4, 16)),
            layers.LSTM(3),
            layers.Dense(2),
        ]
    )


def numbers(weight):
    import keras

    return keras.ops.convert_to_numpy(weight)


def slots_of(model):
    """Say where Keras 3 puts every weight: by class name, numbered, cells one level down."""
    import keras

    slots, used = [], {}
    for layer in model.layers:
        base = keras.src.utils.naming.to_snake_case(type(layer).__name__)
        number = used[base] = used.get(base, -1) + 1
        place = f"layers/{base}" + (f"_{number}" if number else "")
        place += "/cell" if isinstance(layer, keras.layers.LSTM) else ""
        weights = layer.trainable_weights + layer.non_trainable_weights
        weights = [w for w in weights if "seed" not in w.path]
        for index, weight in enumerate(weights):
            slots.append(
                (
                    Slot(
                        layer.name,
                        index,
                        weight.name,
                        tuple(weight.shape),
                        weight.dtype,
                        f"{place}/vars/{index}",
                    ),
                    weight,
                )
            )
    return [s for s, _ in slots], [w for _, w in slots]


def agree(file, model, **how):
    slots, weights = slots_of(model)
    found = dict(read_weights(file, slots, **how))
    assert sorted(found) == list(range(len(slots)))
    for index, weight in enumerate(weights):
        np.testing.assert_array_equal(found[index], numbers(weight))


@pytest.fixture(scope="module")
def model(backend):
    model = build()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)  # its state is in the files, and is no weight
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(np.random.default_rng(7).random(weight.shape))
    return model


@pytest.fixture
def legacy_file(model, tmp_path):
    model.save(tmp_path / "whole.h5")
    return tmp_path / "whole.h5"


def test_a_weights_file_of_keras_3(model, tmp_path):
    model.save_weights(tmp_path / "a.weights.h5")
    agree(tmp_path / "a.weights.h5", model, format="keras")


def test_a_legacy_file_of_keras(model, legacy_file):
    agree(legacy_file, model, format="keras-legacy")


def test_a_legacy_file_of_the_same_network_built_later_under_other_numbers(legacy_file, model):
    later = build()  # conv2d_1, batch_normalization_1, …
    slots, _ = slots_of(later)
    assert {s.layer for s in slots} != {s.layer for s in slots_of(model)[0]}
    found = dict(read_weights(legacy_file, slots))
    for index, weight in enumerate(slots_of(model)[1]):
        np.testing.assert_array_equal(found[index], numbers(weight))


def test_another_network_is_told_apart(legacy_file):
    import keras

    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(LayoutMismatch, match="does not hold this model's weights"):
        next(read_weights(legacy_file, slots_of(other)[0]))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("compress", [False, True])
def test_keras_loads_what_was_written_here(model, tmp_path, dtype, compress):
    slots, weights = slots_of(model)
    arrays = [numbers(w).astype(dtype) for w in weights]
    file = tmp_path / "a.weights.h5"
    write_weights(file, zip(slots, arrays, strict=True), compress=compress)
    fresh = build()
    fresh.load_weights(file)
    for weight, array in zip(slots_of(fresh)[1], arrays, strict=True):
        np.testing.assert_array_equal(numbers(weight), array.astype("float32"))
