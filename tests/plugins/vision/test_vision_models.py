"""The models with published weights: names, hashes, sizes, licences; reading them is cheap."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zoo_vision
from zoo import ModelSpec
from zoo_vision import published_models
from zoo_vision.image import SCALINGS
from zoo_vision.labels import ImageNet
from zoo_vision.networks import FAMILIES, NETWORKS

SPECS = {spec.name: spec for spec in published_models()}

HEAVY = "PIL h5py jax keras numpy tensorflow torch"


def test_importing_the_plugin_is_cheap() -> None:
    program = (
        "import sys, zoo_vision; list(zoo_vision.published_models());"
        f"print(*sorted(set('{HEAVY}'.split()) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, env=_environment(),
    )  # fmt: skip
    assert done.stdout.strip() == ""


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_names_are_unique() -> None:
    names = [spec.name for spec in published_models()]
    assert len(set(names)) == len(names) == len(NETWORKS) + 4
    assert names[0] == "efficientnet-lite0"


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_every_spec_is_complete(spec: ModelSpec) -> None:
    assert spec.task == "image-classification"
    assert spec.summary
    assert spec.licence
    assert spec.parameters
    assert all(source.startswith("https://") for source in spec.sources)
    (record,) = spec.weights
    assert record.tag == "imagenet"
    assert record.licence == spec.licence
    assert record.sha256 is None or re.fullmatch("[0-9a-f]{64}", record.sha256)
    assert record.md5 is None or re.fullmatch("[0-9a-f]{32}", record.md5)
    hashed = bool(record.sha256) + bool(record.md5)
    # Keras publishes no hash of these two; their size is all there is.
    assert hashed == (0 if spec.name in ("mobilenet", "mobilenet-v2") else 1)
    assert hashed or record.bytes
    assert all(url.startswith("https://") and url.endswith(".h5") for url in record.urls)
    assert bool(record.urls) != bool(record.file)
    is_features = spec.name.endswith("-features")
    assert (spec.training is not None) == is_features
    assert record.lacks == (("head",) if is_features else ())
    assert spec.input.config["mode"] in SCALINGS


def test_no_two_networks_share_a_file() -> None:
    hashes = [digest for network in NETWORKS.values() for digest in network.hashes or ()]
    assert len(set(hashes)) == len(hashes)
    urls = [url for spec in SPECS.values() for url in spec.weights[0].urls]
    assert len(set(urls)) == len(urls)


def test_sizes_are_not_below_the_minimum() -> None:
    for network in NETWORKS.values():
        assert network.size >= FAMILIES[network.family].minimum


@pytest.mark.parametrize(
    ("name", "parameters", "size", "mode"),
    [
        ("efficientnet-lite0", 4_652_008, 224, "lite"),
        ("efficientnet-lite0-features", 3_371_008, 224, "lite"),
        ("vgg16", 138_357_544, 224, "caffe"),
        ("vgg19", 143_667_240, 224, "caffe"),
        ("vgg16-features", 14_714_688, 224, "caffe"),
        ("vgg19-features", 20_024_384, 224, "caffe"),
        ("resnet50", 25_636_712, 224, "caffe"),
        ("resnet50-v2", 25_613_800, 224, "tf"),
        ("inception-v3", 23_851_784, 299, "tf"),
        ("xception", 22_910_480, 299, "tf"),
        ("mobilenet", 4_253_864, 224, "tf"),
        ("mobilenet-v2", 3_538_984, 224, "tf"),
        ("densenet121", 8_062_504, 224, "torch"),
        ("nasnet-mobile", 5_326_716, 224, "tf"),
        ("nasnet-large", 88_949_818, 331, "tf"),
        ("efficientnet-b7", 66_658_680, 600, "torch"),
        ("efficientnet-v2-s", 21_612_360, 384, "centred"),
        ("convnext-tiny", 28_589_128, 224, "torch"),
    ],
)
def test_published_facts(name: str, parameters: int, size: int, mode: str) -> None:
    spec = SPECS[name]
    assert spec.parameters == parameters
    assert spec.input.config["size"] == size
    assert spec.input.config["mode"] == mode


@pytest.mark.parametrize(
    ("name", "url", "size"),
    [
        ("vgg16", "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5", 553_467_096),
        ("vgg16-features", "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", 58_889_256),
        ("vgg19", "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5", 574_710_816),
        ("vgg19-features", "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", 80_134_624),
        ("nasnet-mobile", "nasnet/NASNet-mobile.h5", None),
        ("mobilenet", "mobilenet/mobilenet_1_0_224_tf.h5", 17_225_924),
        (
            "mobilenet-v3-large",
            "mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float.h5",
            None,
        ),
        ("efficientnet-v2-l", "efficientnet_v2/efficientnetv2-l.h5", None),
        ("convnext-xlarge", "convnext/convnext_xlarge.h5", None),
    ],
)
def test_published_files(name: str, url: str, size: int | None) -> None:
    record = SPECS[name].weights[0]
    assert record.urls == (f"https://storage.googleapis.com/tensorflow/keras-applications/{url}",)
    assert record.bytes == size
    assert record.licence == ("CC-BY-4.0" if name.startswith("vgg") else record.licence)


def test_the_shipped_weights_are_those_of_the_record() -> None:
    for name in ("efficientnet-lite0", "efficientnet-lite0-features"):
        record = SPECS[name].weights[0]
        assert record.file is not None
        data = (Path(zoo_vision.__file__).parent / record.file).read_bytes()
        assert len(data) == record.bytes
        assert hashlib.sha256(data).hexdigest() == record.sha256


def test_classifiers_have_as_many_classes_as_labels() -> None:
    assert {spec.output.uses for name, spec in SPECS.items() if "features" not in name} == {
        "imagenet"
    }
    assert ImageNet().units == 1000
