"""Scale pixels of 0 to 255 to the numbers that a network was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Triple = tuple[float, float, float]


class Scaling(NamedTuple):
    """``(x / divide - mean) / deviation`` for each colour channel.

    Attributes
    ----------
    divide
        Divisor of the pixels.
    mean, deviation
        One number per channel, in the network's order.
    bgr
        Whether the network takes blue, green, red.
    """

    divide: float = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    deviation: Triple = (1.0, 1.0, 1.0)
    bgr: bool = False

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a scaled copy of `pixels`, which are RGB of shape (height, width, 3)."""
        import numpy as np

        x = (pixels[..., ::-1] if self.bgr else pixels).astype(np.float32, order="C")
        # Operations that change nothing are skipped: each costs a pass over the image.
        if self.divide != 1.0:
            x /= np.float32(self.divide)
        if self.mean != (0.0, 0.0, 0.0):
            x -= np.array(self.mean, np.float32)
        if self.deviation != (1.0, 1.0, 1.0):
            x /= np.array(self.deviation, np.float32)
        return x


SCALINGS = {
    "raw": Scaling(),
    "unit": Scaling(255.0),
    # The three modes of keras.applications, under its names.
    "caffe": Scaling(mean=(103.939, 116.779, 123.68), bgr=True),
    "tf": Scaling(127.5, (1.0, 1.0, 1.0)),
    "torch": Scaling(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "centred": Scaling(128.0, (1.0, 1.0, 1.0)),  # EfficientNetV2 S, M and L
    "lite": Scaling(mean=(127.0, 127.0, 127.0), deviation=(128.0, 128.0, 128.0)),
}
"""The modes of the `Image` preprocessor."""
