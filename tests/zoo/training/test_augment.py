"""Random changes to images: what they do, when they come back, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import SpecError
from zoo.parts.base import Preprocessor
from zoo.spec.component import Component
from zoo.training.augment import DEFAULTS, Augmentation


class Pixels(Preprocessor):
    """Images whose pixels are in a range."""

    kind = "image"
    shape = (8, 6, 3)

    def __init__(self, low: float = 0.0, high: float = 255.0) -> None:
        self.value_range = (low, high)

    def one(self, raw: Any) -> Any:
        return raw


IMAGES = np.random.default_rng(0).uniform(0, 255, (4, 8, 6, 3)).astype("float32")


@pytest.mark.backends
@pytest.mark.parametrize("name", DEFAULTS)
def test_each(name: str) -> None:
    """A batch is changed in the same way whenever its turn comes, and others in other ways."""
    augment = Augmentation([Component(name)], Pixels(), seed=1)
    changed = [augment(IMAGES, epoch, start) for epoch in range(3) for start in (0, 4)]
    assert {(array.shape, array.dtype.name) for array in changed} == {(IMAGES.shape, "float32")}
    assert any((array != IMAGES).any() for array in changed)
    assert len({array.tobytes() for array in changed}) > 1
    np.testing.assert_array_equal(augment(IMAGES, 2, 4), changed[-1])
    assert all(array.min() >= -0.01 and array.max() <= 255.01 for array in changed)
    # Pixels in another range are changed in the same way.
    scaled = Augmentation([Component(name)], Pixels(-1.0, 1.0), seed=1)(IMAGES / 127.5 - 1, 2, 4)
    np.testing.assert_allclose(scaled, changed[-1] / 127.5 - 1, atol=1e-3)


def test_names_and_options() -> None:
    """Names are Keras's, with or without Random, or a verb; options are those of the layer."""
    both = {"flip": IMAGES[:, :, ::-1], "RandomFlip": IMAGES[:, :, ::-1]}
    for name, mirrored in both.items():
        flipped = Augmentation([Component(name)], Pixels(), 1)(IMAGES, 0, 0)
        assert all(
            (image == one).all() or (image == other).all()
            for image, one, other in zip(flipped, IMAGES, mirrored, strict=True)
        )
    first, second = (
        Augmentation([Component(name, factor=0.3)], Pixels(), 1)(IMAGES, 0, 0)
        for name in ("rotate", "random_rotation")
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Component("flipp"), "there is no augmentation 'flipp'.*flip"),
        (Component("mixup"), "Choose from brightness, contrast"),
        (Component("flip", axis=1), "'flip' has no option 'axis'"),
        (Component("brightness", factor=7), "'brightness' refused its options"),
        (Component("flip", seed=1), "takes its seed from that of the training"),
    ],
)
def test_what_is_refused(component: Component, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Augmentation([component], Pixels(), 1)


def test_what_the_inputs_must_be() -> None:
    torch_mode = zoo.get_model("resnet50").preprocessor  # or any that scales each colour
    if torch_mode.value_range is None:
        with pytest.raises(SpecError, match="needs to know the range of the pixels"):
            Augmentation([Component("contrast")], torch_mode, 1)
        Augmentation([Component("flip")], torch_mode, 1)
    with pytest.raises(SpecError, match=r"images of shape .* have the shape \(28, 28\)"):
        Augmentation([Component("flip")], zoo.get_model("mlp-mnist").preprocessor, 1)
    for name, range_ in (("efficientnet-lite0", (-127 / 128, 1.0)), ("cnn-mnist", (0.0, 1.0))):
        assert zoo.get_model(name).preprocessor.value_range == pytest.approx(range_)


@pytest.mark.backends
def test_a_training_with_augmentation(shapes: Path, killed: Any, tmp_path: Path) -> None:
    """It resumes to the same weights, measures the images as they are, and is another one."""
    spec = zoo.ModelSpec(
        name="shapes", task="image-classification",
        architecture=Component("vision/cnn", filters=[4]),
        input=Component("vision/image", size=8, mode="unit"),
        output=Component("vision/classes"),
        training=zoo.Training(
            loss=Component("sparse_categorical_crossentropy"), epochs=3, batch_size=8,
            validation=0.25, augment=("flip", Component("rotate", factor=0.2), "brightness"),
        ),
    )  # fmt: skip
    run = zoo.train(spec, shapes, seed=1, output=tmp_path / "whole")
    options = {"seed": 1, "output": tmp_path / "killed"}
    killed(1, lambda: zoo.train(spec, shapes, **options))
    resumed = zoo.train(spec, shapes, **options, resume=True)
    assert resumed.history == run.history
    plain = zoo.train(spec, shapes, seed=1, settings=["augment=[]"], output=tmp_path / "plain")
    assert plain.history["loss"] != run.history["loss"]
    figures = run.model.evaluate()
    assert figures["loss"] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-4)
