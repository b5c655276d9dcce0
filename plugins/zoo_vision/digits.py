"""Handwritten digits: the preprocessor of small grey pictures, white on black as MNIST has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo import InputError, Preprocessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

SIDE = 28
INK = 20
"""Side of the box that a digit fills, in pixels: MNIST's own digits were made so."""


class Digit(Preprocessor):
    """Grey pictures of 28 x 28 pixels, scaled to 0..1.

    A picture of another size, or black on white, is brought into MNIST's form: the ink is cut
    out, fitted into 20 x 20 pixels and put with its centre of mass in the middle.

    Parameters
    ----------
    channel
        Whether the tensor has a last axis of one channel, as convolutions want it.
    """

    kind: ClassVar[Literal["image"]] = "image"

    def __init__(self, channel: bool = False) -> None:
        self.channel = channel

    @property
    def shape(self) -> tuple[int, ...]:
        """(28, 28), or (28, 28, 1)."""
        return (SIDE, SIDE, 1) if self.channel else (SIDE, SIDE)

    def one(self, raw: Any) -> NDArray[np.float32]:
        """Return the tensor of one picture, float32 of shape `shape`.

        Parameters
        ----------
        raw
            uint8 array of shape (28, 28), or whatever `zoo_vision.reading.read_rgb` reads.

        Raises
        ------
        InputError
            If it cannot be read or is a single colour.
        """
        tensors, errors = self.many([raw])
        if errors[0]:
            raise errors[0]
        tensor: NDArray[np.float32] = tensors[0]
        return tensor

    def many(self, raws: Sequence[Any]) -> tuple[NDArray[np.float32], list[InputError | None]]:
        """Return the tensors of the usable pictures, and one error or None for each."""
        import numpy as np

        pixels: Any
        errors: list[InputError | None]
        if isinstance(raws, np.ndarray) and _is_digit(raws[:1].reshape(raws.shape[1:])):
            pixels, errors = raws, [None] * len(raws)
        else:
            found, errors = [], []
            for raw in raws:
                try:
                    found.append(_pixels(raw))
                    errors.append(None)
                except InputError as error:
                    errors.append(error)
            pixels = np.array(found, np.uint8).reshape(-1, SIDE, SIDE)
        tensors = pixels.astype(np.float32)
        tensors /= 255
        return tensors.reshape(-1, *self.shape), errors


def _is_digit(raw: Any) -> bool:
    return getattr(raw, "shape", None) == (SIDE, SIDE) and getattr(raw, "dtype", None) == "uint8"


def _pixels(raw: Any) -> NDArray[np.uint8]:
    """Return a picture in MNIST's form, uint8 of shape (28, 28)."""
    if _is_digit(raw):
        array: NDArray[np.uint8] = raw
        return array
    import numpy as np

    from zoo_vision.reading import read_rgb

    grey = read_rgb(raw).convert("L")
    border = np.asarray(grey)
    edge = np.concatenate([border[0], border[-1], border[:, 0], border[:, -1]])
    if edge.mean() > 127:  # black on white, as people write
        grey = grey.point(lambda value: 255 - value)
    if grey.size == (SIDE, SIDE):
        return np.asarray(grey)
    return _centred(grey)


def _centred(grey: Picture) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image as Pillow

    array = np.asarray(grey)
    ink = np.argwhere(array > (int(array.min()) + int(array.max())) / 2)
    if not len(ink):
        msg = "the picture has a single colour, there is no digit on it"
        raise InputError(msg, kind="no-digit")
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
    digit = grey.crop((int(left), int(top), int(right), int(bottom)))
    scale = INK / max(digit.size)
    size = tuple(max(1, round(side * scale)) for side in digit.size)
    small = np.asarray(digit.resize((size[0], size[1]), Pillow.Resampling.BICUBIC), np.float64)
    rows, columns = np.indices(small.shape)
    mass = small.sum()
    middle = [(small * places).sum() / mass for places in (rows, columns)]
    starts = [
        min(max(0, round(SIDE / 2 - 0.5 - centre)), SIDE - length)
        for centre, length in zip(middle, small.shape, strict=True)
    ]
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    canvas[starts[0] : starts[0] + small.shape[0], starts[1] : starts[1] + small.shape[1]] = small
    return canvas
