"""The preprocessor of every vision model: a photo becomes the tensor the network was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo import Preprocessor
from zoo_vision.scaling import SCALINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

Mode = Literal["raw", "unit", "caffe", "tf", "torch", "centred", "lite"]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class Image(Preprocessor):
    """Reads a photo, cuts out its middle, resizes and scales it.

    Cutting 0.875 of the shorter side and resizing to 224 is what the usual "shorter side to 256,
    middle 224" does, in one step less.

    Parameters
    ----------
    size
        Height and width of the tensor in pixels, or ``[height, width]``.
    mode
        Scaling of the pixels: a key of `zoo_vision.scaling.SCALINGS`.
    resize
        ``"crop"`` keeps the proportions and cuts off what does not fit; ``"squash"`` keeps
        everything and distorts it.
    crop
        Fraction of the height and width of what fits that is kept, from the middle; more than 0,
        at most 1.
    interpolation
        Filter of the resize. ``"nearest"`` costs accuracy when a photo is made much smaller.

    Raises
    ------
    ValueError
        If an option is out of its range.
    """

    kind: ClassVar[Literal["image"]] = "image"

    def __init__(
        self,
        size: int | list[int] = 224,
        mode: Mode = "raw",
        resize: Literal["crop", "squash"] = "crop",
        crop: float = 0.875,
        interpolation: Interpolation = "bicubic",
    ) -> None:
        sides = [size, size] if isinstance(size, int) else list(size)
        if len(sides) != 2 or min(sides) < 1:
            msg = f"size must be a number of pixels or [height, width], received {size}"
            raise ValueError(msg)
        if not 0.0 < crop <= 1.0:
            msg = f"crop must be more than 0 and at most 1, received {crop}"
            raise ValueError(msg)
        if mode not in SCALINGS:
            msg = f"mode must be one of {', '.join(SCALINGS)}, received {mode!r}"
            raise ValueError(msg)
        self.height, self.width = sides
        self.scaling = SCALINGS[mode]
        self.resize = resize
        self.crop = crop
        self.interpolation = interpolation

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and 3 colours."""
        return self.height, self.width, 3

    def one(self, raw: Any) -> NDArray[np.float32]:
        """Return the tensor of one photo, float32 of shape (height, width, 3).

        Parameters
        ----------
        raw
            Path, bytes of a file, Pillow image, or uint8 array (height, width, 3).

        Raises
        ------
        InputError
            If the photo cannot be read; see `zoo_vision.reading.read_rgb`.
        """
        return self.scaling.apply(self.pixels(raw))

    def pixels(self, raw: Any) -> NDArray[np.uint8]:
        """Return the photo cut and resized, but not scaled: uint8, (height, width, 3), RGB."""
        import numpy as np
        from PIL import Image as Pillow

        from zoo_vision.reading import read_rgb

        picture = read_rgb(raw)
        if self.resize == "crop":
            picture = picture.crop(self._middle(picture))
        if picture.size != (self.width, self.height):
            filter_ = Pillow.Resampling[self.interpolation.upper()]
            picture = picture.resize((self.width, self.height), filter_)
        return np.asarray(picture)

    def _middle(self, picture: Picture) -> tuple[int, int, int, int]:
        """Return the box (left, top, right, bottom) that is kept: of the tensor's proportions."""
        width, height = picture.size
        if width * self.height >= height * self.width:
            fit = height * self.width / self.height, float(height)
        else:
            fit = float(width), width * self.height / self.width
        wide, high = (max(1, int(self.crop * side)) for side in fit)
        left, top = (width - wide + 1) // 2, (height - high + 1) // 2
        return left, top, left + wide, top + high
