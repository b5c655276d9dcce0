"""The preprocessor of handwritten digits: small grey images, white on black as in MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo import InputError, Preprocessor
from zoo_vision.limits import max_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PillowImage

SIDE = 28
INK = 20
"""Side of the box that a digit fills, in pixels, as in MNIST."""


class Digit(Preprocessor):
    """Reads grey images of 28 x 28 pixels and scales them to 0..1.

    An array of that size is MNIST's own form and is taken as it is. Of other inputs, black on white
    is inverted, and an image of another size is brought into MNIST's form: the ink is cropped,
    fitted into 20 x 20 pixels and placed with its centre of mass in the middle.

    Parameters
    ----------
    channel
        Whether the tensor has a last axis of one channel, as convolutions need.

    Raises
    ------
    UsageError
        If ``ZOO_MAX_PIXELS`` is not a positive whole number.
    """

    kind: ClassVar[Literal["image"]] = "image"
    value_range = (0.0, 1.0)

    def __init__(self, channel: bool = False) -> None:
        max_pixels()  # a setting that cannot be used ends the command, not each image
        self.channel = channel

    @property
    def shape(self) -> tuple[int, ...]:
        """(28, 28), or (28, 28, 1)."""
        return (SIDE, SIDE, 1) if self.channel else (SIDE, SIDE)

    def one(self, raw: Any) -> NDArray[np.float32]:
        """Return the tensor of one image, float32 of shape `shape`.

        Parameters
        ----------
        raw
            uint8 array of shape (28, 28), or any input of `zoo_vision.reading.read_rgb`.

        Raises
        ------
        InputError
            If the image cannot be read or has a single colour.
        """
        tensors, errors = self.many([raw])
        if errors[0]:
            raise errors[0]
        tensor: NDArray[np.float32] = tensors[0]
        return tensor

    def many(self, raws: Sequence[Any]) -> tuple[NDArray[np.float32], list[InputError | None]]:
        """Return the tensors of the usable images, and one error or None for each input."""
        import numpy as np

        pixels: Any
        errors: list[InputError | None]
        if isinstance(raws, np.ndarray) and _is_digit(raws[:1].reshape(raws.shape[1:])):
            pixels, errors = raws, [None] * len(raws)
        else:
            digits, errors = [], []
            for raw in raws:
                try:
                    digits.append(_to_digit(raw))
                    errors.append(None)
                except InputError as error:
                    errors.append(error)
            pixels = np.array(digits, np.uint8).reshape(-1, SIDE, SIDE)
        tensors = pixels.astype(np.float32)
        tensors /= 255
        return tensors.reshape(-1, *self.shape), errors


def _is_digit(raw: Any) -> bool:
    return getattr(raw, "shape", None) == (SIDE, SIDE) and getattr(raw, "dtype", None) == "uint8"


def _to_digit(raw: Any) -> NDArray[np.uint8]:
    """Return an image in MNIST's form, uint8 of shape (28, 28)."""
    if _is_digit(raw):
        array: NDArray[np.uint8] = raw
        return array
    import numpy as np

    grey = _read_grey(raw)
    pixels = np.asarray(grey)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if border.mean() > 127:  # black on white, as people write
        grey = grey.point(lambda value: 255 - value)
    if grey.size == (SIDE, SIDE):
        return np.asarray(grey)
    return _centre(grey)


def _read_grey(raw: Any) -> PillowImage:
    from PIL import Image as Pillow

    from zoo_vision.reading import read_photo

    with read_photo(raw) as photo:
        grey = Pillow.new("L", photo.decoded_size)
        for start, strip in photo.strips((0, 0, *photo.decoded_size)):
            grey.paste(strip.convert("L"), (0, start))
    return grey


def _centre(grey: PillowImage) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image as Pillow

    array = np.asarray(grey)
    ink = array > (int(array.min()) + int(array.max())) / 2
    lines, places = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    if not len(lines):
        msg = "the image has a single colour; expected a digit"
        raise InputError(msg, kind="no-digit")
    box = int(places[0]), int(lines[0]), int(places[-1]) + 1, int(lines[-1]) + 1
    digit = grey.crop(box)
    scale = INK / max(digit.size)
    size = tuple(max(1, round(side * scale)) for side in digit.size)
    small = np.asarray(digit.resize((size[0], size[1]), Pillow.Resampling.BICUBIC), np.float64)
    rows, columns = np.indices(small.shape)
    mass = small.sum()
    centres = [(small * indices).sum() / mass for indices in (rows, columns)]
    starts = [
        min(max(0, round(SIDE / 2 - 0.5 - centre)), SIDE - length)
        for centre, length in zip(centres, small.shape, strict=True)
    ]
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    canvas[starts[0] : starts[0] + small.shape[0], starts[1] : starts[1] + small.shape[1]] = small
    return canvas
