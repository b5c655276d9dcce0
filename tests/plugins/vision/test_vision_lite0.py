"""EfficientNet-Lite0 and its shipped weights, against the logits of the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo_vision
from zoo_vision.image import Image
from zoo_vision.labels import ImageNet

WEIGHTS = Path(zoo_vision.__file__).parent / "weights" / "efficientnet-lite0.weights.h5"


@pytest.fixture(scope="module")
def network() -> Any:
    from zoo_vision.efficientnet_lite import efficientnet_lite0

    model = efficientnet_lite0((224, 224, 3))
    model.load_weights(WEIGHTS)
    return model


def probabilities(network: Any, *tensors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import keras

    output = network(np.stack(tensors), training=False)
    return np.asarray(keras.ops.convert_to_numpy(output))


@pytest.mark.backends
def test_the_golden_logits(network: Any, shared_data: Path) -> None:
    golden = np.load(shared_data / "images" / "lite0_golden.npz")
    as_is = Image(size=224, mode="lite", resize="squash")
    names = ("coffee", "chelsea", "rocket")
    rows = probabilities(network, *(as_is.one(golden[f"{name}_input_u8"]) for name in names))
    for name, row in zip(names, rows, strict=True):
        # Softmax forgets a constant: both sides are compared as logarithms of probabilities.
        logits = golden[f"{name}_logits"].astype(np.float64)
        expected = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        assert np.abs(np.log(row) - expected).max() < 0.05


@pytest.mark.backends
def test_the_photos(network: Any, shared_data: Path) -> None:
    image, decoder = Image(size=224, mode="lite"), ImageNet()
    files = ("mug.png", "coffee.png", "chelsea.png", "rocket.jpg")
    tensors = [image.one(shared_data / "images" / file) for file in files]
    mug, coffee, cat, rocket = decoder.decode(probabilities(network, *tensors), top=5)
    assert (mug[0].label, mug[0].index) == ("coffee_mug", 504)
    assert mug[0].score == pytest.approx(0.762, abs=0.01)
    assert coffee[0].label == "espresso"
    assert coffee[0].score == pytest.approx(0.951, abs=0.01)
    assert {best.label for best in cat[:3]} == {"tiger_cat", "Egyptian_cat", "tabby"}
    assert {"missile", "projectile"} <= {best.label for best in rocket}


def test_parameters(network: Any) -> None:
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert trained == 4_652_008
    assert network.count_params() == trained + 42_016  # moving averages
    assert network.output_shape == (None, 1000)
    assert network.inputs[0].dtype == "float32"


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"units": None}, (None, 1280)),
        ({"units": None, "pooling": None}, (None, 2, 3, 1280)),
        ({"units": None, "pooling": "max"}, (None, 1280)),
        ({"units": 5}, (None, 5)),
        ({"units": 5, "include_top": False}, (None, 5)),
    ],
)
def test_options(options: dict[str, Any], shape: tuple[int | None, ...]) -> None:
    from zoo_vision.efficientnet_lite import efficientnet_lite0

    model = efficientnet_lite0((64, 96, 3), **options)
    assert model.output_shape == shape
    last = model.layers[-1].name
    if options["units"]:
        assert last == ("predictions" if options.get("include_top", True) else "head")


@pytest.mark.parametrize("shape", [(224, 224, 1), (16, 16, 3), (224, 224)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    from zoo_vision.efficientnet_lite import efficientnet_lite0

    with pytest.raises(ValueError, match="efficientnet-lite0 takes images") as caught:
        efficientnet_lite0(shape)
    assert str(shape) in str(caught.value)
