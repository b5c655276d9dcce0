"""zoo's networks and preprocessing give what ``keras.applications`` gives on the same weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiers import slow

from zoo_vision.image import Image
from zoo_vision.networks import FAMILIES, NETWORKS

SIDE = 64
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def randomise(model: Any) -> None:
    """Give every weight a value that keeps the signal alive; the initial ones hide mistakes."""
    rng = np.random.default_rng(0)
    values = []
    for weight in model.weights:
        shape = tuple(weight.shape)
        if len(shape) >= 2:
            limit = np.sqrt(3 / np.prod(shape[:-1]))
            values.append(rng.uniform(-limit, limit, shape))
        elif weight.name in ("gamma", "moving_variance"):
            values.append(rng.uniform(0.6, 1.4, shape))
        else:
            values.append(rng.uniform(-0.2, 0.2, shape))
    for layer in model.layers:
        if type(layer).__name__ == "Normalization" and layer.weights:
            first = next(i for i, w in enumerate(model.weights) if w is layer.weights[0])
            values[first : first + 3] = [np.array(MEAN), np.array(DEVIATION), np.array(0)]
    model.set_weights(values)


def keras_network(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Any:
    """Return the features network as ``weights="imagenet"`` makes it, with a file of ours.

    Nothing is downloaded. EfficientNet has one scaling layer more with the published weights
    than with random ones, so that way has to be gone.
    """
    import keras

    build: Callable[..., Any] = getattr(keras.applications, NETWORKS[name].function)
    options = {"include_top": False, "input_shape": (SIDE, SIDE, 3), "pooling": "avg"}
    model = build(weights=None, **options)
    randomise(model)
    if not FAMILIES[NETWORKS[name].family].scaling_layers:
        return model
    file = folder / f"{name}.weights.h5"
    model.save_weights(file)
    source = sys.modules[sys.modules[build.__module__].EfficientNet.__module__]
    patch.setattr(source.file_utils, "get_file", lambda *args, **kwargs: str(file))
    return build(weights="imagenet", **options)


def keras_preprocess(name: str, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Call the ``preprocess_input`` that belongs to the network."""
    import keras

    build = getattr(keras.applications, NETWORKS[name].function)
    module = sys.modules[build.__module__]
    return np.asarray(module.preprocess_input(pixels.astype(np.float32)))


@pytest.mark.parametrize(
    "name",
    [
        "vgg16",
        slow("mobilenet-v2"),
        slow("mobilenet-v3-small"),
        slow("densenet121"),
        slow("efficientnet-b0"),
        slow("efficientnet-v2-b0"),
        slow("efficientnet-v2-s"),
        slow("convnext-tiny"),
        slow("nasnet-mobile"),
    ],
)
def test_same_output_as_keras(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from zoo_vision.applications import application

    theirs = keras_network(name, tmp_path, monkeypatch)
    ours = application(name, (SIDE, SIDE, 3), units=None, pooling="avg")
    kinds = ("InputLayer", "Rescaling", "Normalization")
    assert not any(type(layer).__name__ in kinds[1:] for layer in ours.layers)
    kept = [layer for layer in theirs.layers if type(layer).__name__ not in kinds]
    ours.set_weights([value for layer in kept for value in layer.get_weights()])

    pixels = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    tensor = Image(size=SIDE, mode=FAMILIES[NETWORKS[name].family].mode, crop=1.0).one(pixels)  # type: ignore[arg-type]
    mine = keras.ops.convert_to_numpy(ours(tensor[None], training=False))
    expected = theirs(keras_preprocess(name, pixels)[None], training=False)
    expected = keras.ops.convert_to_numpy(expected)
    assert np.ptp(expected) > 1e-3
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(mine / scale, expected / scale, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "shape", "last"),
    [
        ({}, (None, 1000), "predictions"),
        ({"units": 7}, (None, 7), "predictions"),
        ({"units": None}, (None, 1, 2, 512), "block5_pool"),
        ({"units": 7, "include_top": False, "pooling": "avg"}, (None, 7), "head"),
        ({"units": 7, "include_top": False, "pooling": "max"}, (None, 7), "head"),
        ({"units": 7, "include_top": False, "dropout": 0.5}, (None, 7), "head"),
        ({"units": None, "include_top": False, "pooling": "avg"}, (None, 512), None),
    ],
)
def test_options(options: dict[str, Any], shape: tuple[int | None, ...], last: str | None) -> None:
    import keras

    from zoo_vision.applications import application

    with keras.StatelessScope(initialize_variables=False):
        model = application("vgg16", (32, 64, 3), **options)
    assert model.output_shape == shape
    assert last is None or model.layers[-1].name == last


def test_parameters_of_the_smallest_and_of_vgg() -> None:
    import keras

    from zoo_vision.applications import application

    for name in ("vgg16", "vgg19", "mobilenet", "mobilenet-v2"):
        network = NETWORKS[name]
        for units, count in zip((1000, None), network.parameters, strict=True):
            with keras.StatelessScope(initialize_variables=False):
                model = application(name, (network.size, network.size, 3), units)
            assert model.count_params() == count


@pytest.mark.parametrize(
    ("network", "shape", "text"),
    [
        ("vgg17", (32, 32, 3), "received 'vgg17'"),
        ("__init__", (32, 32, 3), "received '__init__'"),
        ("vgg16", (31, 32, 3), "at least 32 x 32 pixels"),
        ("xception", (70, 99, 3), "at least 71 x 71 pixels"),
        ("inception-v3", (74, 75, 3), "at least 75 x 75 pixels"),
        ("vgg16", (32, 32, 1), r"\(32, 32, 1\)"),
        ("vgg16", (32,), r"\(32,\)"),
    ],
)
def test_what_does_not_fit(network: str, shape: tuple[int, ...], text: str) -> None:
    from zoo_vision.applications import application

    with pytest.raises(ValueError, match=text):
        application(network, shape)
