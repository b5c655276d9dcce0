"""A bundle is data: what went in comes out, and what is not one is called by its name."""

import os

import h5py
import numpy as np
import pytest
from bundles import as_version_1

from zoo_weights import (
    LayoutMismatch,
    Slot,
    UnsafeFile,
    WeightsError,
    detect_format,
    read_headers,
    read_weights,
    write_bundle,
)

ARRAYS = [np.linspace(0, 1, 600, dtype="f4").reshape(20, 30), np.arange(4)]
SLOTS = [
    Slot("dense", i, "w", a.shape, a.dtype.name, f"layers/dense/vars/{i}")
    for i, a in enumerate(ARRAYS)
]
HEADERS = {"spec": '{"name": "é"}', "state": "", "history": "[" + "1," * 5000 + "1]"}


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def bundle(tmp_path, request):
    path = tmp_path / "model.zoo"
    write_bundle(path, HEADERS, zip(SLOTS, ARRAYS, strict=True), compress=request.param)
    return path


def test_headers_and_weights_come_back(bundle):
    assert read_headers(bundle) == HEADERS
    assert detect_format(bundle) == "bundle"
    found = dict(read_weights(bundle, SLOTS, format="bundle"))
    assert all(np.array_equal(found[i], ARRAYS[i]) for i in (0, 1))
    assert os.listdir(bundle.parent) == ["model.zoo"]


def test_the_same_model_gives_the_same_bytes(bundle, tmp_path):
    again = tmp_path / "again.zoo"
    compress = h5py.File(bundle)["weights/layers/dense/vars/0"].chunks is not None
    write_bundle(again, HEADERS, zip(SLOTS, ARRAYS, strict=True), compress=compress)
    assert again.read_bytes() == bundle.read_bytes()


def test_a_bundle_for_another_model_or_with_more_in_it_is_refused(bundle):
    with pytest.raises(LayoutMismatch, match="layers/dense/vars/1"):
        list(read_weights(bundle, SLOTS[:1]))
    as_version_1(bundle)
    with h5py.File(bundle, "a") as f:
        f["code"] = np.zeros(3, "u1")
    with pytest.raises(LayoutMismatch, match="code"):
        list(read_weights(bundle, SLOTS))


def test_a_newer_bundle_asks_for_an_upgrade(bundle):
    as_version_1(bundle)
    with h5py.File(bundle, "a") as f:
        f.attrs["zoo_bundle"] = 3
    for read in (read_headers, detect_format, lambda p: list(read_weights(p, SLOTS))):
        with pytest.raises(WeightsError, match=r"version 3; .* up to 2: upgrade"):
            read(bundle)


def test_what_is_no_bundle_says_so(tmp_path):
    with h5py.File(tmp_path / "x", "w") as f:
        f["layers/a/vars/0"] = 1.0
    with pytest.raises(WeightsError, match="not a zoo bundle"):
        read_headers(tmp_path / "x")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.array([0xFF], "u1"), "not UTF-8"),
        (np.zeros(3, "f4"), "plain row of bytes"),
        (np.zeros((2, 2), "u1"), "plain row of bytes"),
    ],
)
def test_a_header_that_is_no_text_is_refused(bundle, value, says):
    as_version_1(bundle)
    with h5py.File(bundle, "a") as f:
        f["header/odd"] = value
    with pytest.raises(UnsafeFile, match=says):
        read_headers(bundle)


def test_headers_have_a_limit(bundle, monkeypatch):
    monkeypatch.setattr("zoo_weights.readers.MAX_HEADER_BYTES", 1000)
    with pytest.raises(UnsafeFile, match="more than 1000"):
        read_headers(bundle)


def test_a_failed_write_keeps_the_old_bundle(bundle):
    before = bundle.read_bytes()
    with pytest.raises(WeightsError, match=r"shape \(4,\)"):
        write_bundle(bundle, {}, [(SLOTS[0], ARRAYS[1])])
    with pytest.raises(WeightsError, match="bad name"):
        write_bundle(bundle, {"../x": ""}, [])
    assert bundle.read_bytes() == before
    assert os.listdir(bundle.parent) == ["model.zoo"]


def test_headers_have_a_bound_in_all(bundle, monkeypatch):
    size = sum(len(text.encode()) for text in HEADERS.values())
    monkeypatch.setattr("zoo_weights.readers.MAX_HEADER_BYTES", size)
    assert read_headers(bundle) == HEADERS
    monkeypatch.setattr("zoo_weights.readers.MAX_HEADER_BYTES", size - 1)
    with pytest.raises(UnsafeFile, match=f"the headers have more than {size - 1} bytes"):
        read_headers(bundle)
