"""ImageNet's classes: by index and WordNet id, since names are not unique."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np

from zoo_vision.labels import FILE, ImageNet


def test_the_file_is_the_one_keras_publishes() -> None:
    data = resources.files("zoo_vision").joinpath(FILE).read_bytes()
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert digest == "c2c37ea517e94d9795004a39431a14cb"


def test_known_classes() -> None:
    decoder = ImageNet()
    assert decoder.units == 1000
    (best,) = decoder.decode(np.eye(1000, dtype=np.float32)[504:505], top=1)[0]
    assert (best.index, best.id, best.label, best.score) == (504, "n03063599", "coffee_mug", 1.0)


def test_classes_that_share_a_name_stay_apart() -> None:
    decoder = ImageNet()
    for label, pair in (("crane", (134, 517)), ("maillot", (638, 639))):
        found = [decoder.decode(np.eye(1000)[index : index + 1], top=1)[0][0] for index in pair]
        assert [prediction.label for prediction in found] == [label, label]
        assert found[0].id != found[1].id
        indices, errors = decoder.encode([prediction.id for prediction in found])
        assert tuple(indices) == pair
        assert errors == [None, None]
        indices, (error,) = decoder.encode([label])
        assert indices.tolist() == []
        assert error is not None
        assert error.kind == "ambiguous-class"
        assert str(error).endswith(" or ".join(str(prediction.id) for prediction in found))


def test_the_classes_are_not_state() -> None:
    decoder = ImageNet()
    decoder.fit(["a", "b"])
    decoder.restore({"labels": ["a", "b"]})
    assert decoder.state() == {}
    assert decoder.units == 1000
