"""The main job, the same on JAX, TensorFlow and torch.

Run once per backend: ``KERAS_BACKEND=torch pytest -m backends``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import IMAGES, MUG

import zoo
from zoo.backend.choose import keras

pytestmark = pytest.mark.backends

# What JAX gave; the others have to agree, since a network's name promises its numbers.
SCORES = {
    "mug.png": {"coffee_mug": 0.7633, "cup": 0.1996},
    "coffee.png": {"espresso": 0.9510},
    "chelsea.png": {"tiger_cat": 0.0, "Egyptian_cat": 0.0, "tabby": 0.0},
}


def test_photos_by_name() -> None:
    model = zoo.get_model("efficientnet-lite0")
    files = [MUG if name == MUG.name else IMAGES / name for name in SCORES]
    results = model.classify(files, top=5)
    assert [result.error for result in results] == [None] * 3
    for result, expected in zip(results, SCORES.values(), strict=True):
        best = {p.label: p.score for p in result.predictions[: len(expected)]}
        assert set(best) == set(expected)
        for label, score in expected.items():
            if score:
                assert best[label] == pytest.approx(score, abs=1e-3)


def test_the_golden_logits_through_the_runner() -> None:
    """Tensor in, tensor out: the shipped float16 weights against the original's float32."""
    golden = np.load(IMAGES / "lite0_golden.npz")
    model = zoo.get_model("efficientnet-lite0")
    for name in ("coffee", "chelsea", "rocket"):
        pixels = golden[f"{name}_input_u8"].astype("float32")
        output = model.outputs(((pixels - 127) / 128)[None])[0].astype("float64")
        logits = golden[f"{name}_logits"].astype("float64")
        logits -= np.log(np.exp(logits - logits.max()).sum()) + logits.max()
        assert np.abs(np.log(output) - logits).max() < 0.05


@pytest.fixture(scope="module", params=["vgg16", "vgg19"])
def vgg(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any]]:
    """A network of `keras.applications` with random weights that keep the signal alive."""
    name = request.param
    build = getattr(keras().applications, name.upper())
    network = build(weights=None)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        spread = np.sqrt(6 / np.prod(weight.shape[:-1])) if len(weight.shape) > 1 else 0.05
        values = rng.random(weight.shape, dtype=np.float32)
        weight.assign((values * 2 - 1) * np.float32(spread))
    yield name, network
    keras().backend.clear_session()


def write_legacy(path: Path, network: Any, naming: Callable[[str, int], str]) -> None:
    """Write a file as Keras 1 and 2 did: names of layers and weights in attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [naming(layer.name, index) for index in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = keras().ops.convert_to_numpy(weight.value)


NAMINGS: dict[str, Callable[[str, int], str]] = {
    "original": lambda layer, index: f"{layer}_{'Wb'[index]}_1:0",
    "today": lambda layer, index: f"{layer}/{('kernel', 'bias')[index]}",
}


@pytest.mark.slow
@pytest.mark.parametrize("naming", list(NAMINGS))
def test_vgg_from_legacy_files(vgg: tuple[str, Any], naming: str, tmp_path: Path) -> None:
    name, theirs = vgg
    file = tmp_path / f"{name}_weights_tf_dim_ordering_tf_kernels.h5"
    write_legacy(file, theirs, NAMINGS[naming])
    model = zoo.get_model(name, weights=file)
    expected_parameters = {"vgg16": 138_357_544, "vgg19": 143_667_240}[name]
    assert model.keras.count_params() == expected_parameters == model.spec.parameters
    pixels = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3)).astype("float32")
    inputs = pixels[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32")
    expected = keras().ops.convert_to_numpy(theirs(inputs, training=False))
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(model.outputs(inputs), expected, atol=1e-5)
    file.unlink()


@pytest.mark.slow
def test_own_photos_on_the_features_of_vgg16(shapes: Path, tmp_path: Path) -> None:
    run = zoo.train(
        "vgg16-features", shapes, weights=None, epochs=2, seed=1, output=tmp_path / "run",
        settings=["size=32", "batch_size=8", "freeze=[]"],
    )  # fmt: skip
    model = zoo.load(run.path)
    result = model.classify(shapes / "discs" / "0.png", top=2)[0]
    assert result.error is None
    assert {p.label for p in result.predictions} == {"discs", "stripes"}
    assert sum(p.score for p in result.predictions) == pytest.approx(1, abs=1e-5)
    losses = [run.metrics[part]["loss"] for part in ("train", "validation")]
    assert min(losses) - 1e-4 <= model.evaluate(shapes)["loss"] <= max(losses) + 1e-4


@pytest.mark.slow
def test_a_new_head_on_the_shipped_features_learns(shapes: Path, tmp_path: Path) -> None:
    """Frozen ImageNet features tell discs from stripes at once; random ones would not."""
    run = zoo.train(
        "efficientnet-lite0-features", shapes, epochs=5, seed=1, output=tmp_path / "run",
        settings=["size=64"],
    )  # fmt: skip
    assert run.metrics["train"]["accuracy"] >= 0.9
    assert run.model.classify(shapes / "stripes" / "3.png")[0].predictions[0].label == "stripes"


def test_pima_reaches_its_figure(tmp_path: Path) -> None:
    run = zoo.train("mlp-pima", output=tmp_path / "run")
    backend = keras().config.backend()
    assert run.seed == zoo.get_spec("mlp-pima").training.picked_seed[backend]
    assert run.metrics["train"]["accuracy"] >= 0.745
    assert run.notes == []
    assert len(run.history["loss"]) == 150
    rows = [[6, 148, 72, 35, 0, 33.6, 0.627, 50], [1, 85, 66, 29, 0, 26.6, 0.351, 31]]
    assert [result.prediction for result in zoo.load(run.path).predict(rows)] == [
        "diabetes", "no diabetes",
    ]  # fmt: skip
    assert json.loads((run.path / "metrics.json").read_text()) == run.metrics


def test_a_seed_repeats_bit_for_bit(tmp_path: Path) -> None:
    runs = [
        zoo.train(
            "mlp-pima", epochs=3, seed=11, output=tmp_path / str(number),
            settings=["validation=0.2"],
        )
        for number in range(2)
    ]  # fmt: skip
    assert runs[0].history == runs[1].history
    first, second = (run.model.keras.get_weights() for run in runs)
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
    other = zoo.train("mlp-pima", epochs=3, seed=12, output=tmp_path / "other")
    assert other.history["loss"] != runs[0].history["loss"]
