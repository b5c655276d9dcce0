"""Random changes to the images of a batch: Keras's layers, by name.

They change what `fit` receives, and are no part of the network: Keras does not compile a network
that holds some of them. What a batch gets depends on the seed of the training, on the number of the
epoch and on the place of the batch, so a resumed training sees the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import keras
from zoo.errors import SpecError, did_you_mean
from zoo.parts.construct import construct
from zoo.spec.component import Component, plain_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.parts.base import Preprocessor

DEFAULTS: dict[str, dict[str, Any]] = {
    "brightness": {"factor": 0.2},
    "contrast": {"factor": 0.2},
    "crop": {"height_factor": 0.125, "width_factor": 0.125},
    "erasing": {},
    "flip": {"mode": "horizontal"},
    "grayscale": {"factor": 0.1},
    "hue": {"factor": 0.05},
    "rotation": {"factor": 0.05},
    "saturation": {"factor": 0.2},
    "sharpness": {"factor": 0.2},
    "shear": {"x_factor": 0.1, "y_factor": 0.1},
    "translation": {"height_factor": 0.1, "width_factor": 0.1},
    "zoom": {"height_factor": 0.1},
}
"""The augmentations, with options that differ from Keras's or that it has no default for."""

MAX_PIXEL = 255.0
"""Pixels are scaled to 0..255 for layers that change colours: some are right nowhere else."""

WORDS = {"rotate": "rotation", "translate": "translation"}
"""Other names."""


class Augmentation:
    """Changes batches of images.

    Parameters
    ----------
    components
        Names and options of the layers, in the order in which they are applied.
    preprocessor
        Makes the images; it knows the range of their pixels.
    seed
        Seed of the training.

    Raises
    ------
    SpecError
        If a name or an option is wrong, or the inputs are no images.
    """

    def __init__(
        self, components: Sequence[Component], preprocessor: Preprocessor, seed: int
    ) -> None:
        shape = preprocessor.shape
        if isinstance(shape, dict) or len(shape) != 3:
            msg = "training.augment is for images of shape (height, width, channels); "
            raise SpecError(msg + f"the inputs of this model have the shape {shape}")
        self._components = components
        self._range = preprocessor.value_range
        self._seed = seed
        self._layers(0)  # raises where an option is wrong

    def __call__(self, images: NDArray[Any], epoch: int, start: int) -> NDArray[Any]:
        """Return the images of a batch, changed.

        Parameters
        ----------
        images
            Float32, of shape (batch, height, width, channels).
        epoch
            Number of the epoch.
        start
            Number of the batch's first row in the epoch.
        """
        import numpy as np

        draw = np.random.SeedSequence([self._seed, epoch, start])
        low, high = self._range or (0.0, MAX_PIXEL)
        scale = MAX_PIXEL / (high - low)
        for layer in self._layers(int(draw.generate_state(1)[0] >> 1)):
            if hasattr(layer, "value_range"):
                images = layer((images - low) * scale, training=True) / scale + low
            else:
                images = layer(images, training=True)
        changed: NDArray[Any] = keras().ops.convert_to_numpy(images)
        return changed

    def _layers(self, seed: int) -> list[Any]:
        """Return new layers, whose random numbers follow from the seed."""
        return [
            self._layer(component, seed + place) for place, component in enumerate(self._components)
        ]

    def _layer(self, component: Component, seed: int) -> Any:
        given = plain_name(component.uses).removeprefix("random")
        name = WORDS.get(given, given)
        if name not in DEFAULTS:
            msg = f"training.augment: there is no augmentation {component.uses!r}."
            hint = did_you_mean(given, DEFAULTS) or f" Choose from {', '.join(DEFAULTS)}."
            raise SpecError(msg + hint)
        # Padding an image and cropping it moves it; Keras's own `RandomCrop` makes it smaller.
        title = "RandomTranslation" if name == "crop" else f"Random{name.title()}"
        cls = getattr(keras().layers, title)
        config = {**DEFAULTS[name], **component.config}
        if "seed" in config:
            msg = f"training.augment: {component.uses!r} takes its seed from that of the training"
            raise SpecError(msg)
        component = Component(component.uses, **config)
        layer = construct(cls, component, what="training.augment", offered={"seed": seed})
        if self._range is None and hasattr(layer, "value_range"):
            msg = f"training.augment: {component.uses!r} needs to know the range of the pixels, "
            raise SpecError(msg + "but the colours of this model's input have no common one")
        return layer
