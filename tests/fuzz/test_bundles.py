"""Weights files with any damage: an error of this package, or the weights; nothing else."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from bundles import as_version_1
from fuzzing import check_message, corpus, mutated, watched
from hypothesis import given
from hypothesis import strategies as st

from zoo_weights import (
    Slot,
    WeightsError,
    detect_format,
    read_headers,
    read_weights,
    write_bundle,
    write_weights,
)
from zoo_weights.files import append_checksum

ARRAYS = [np.linspace(0, 1, 6, dtype="f4").reshape(2, 3), np.arange(4)]
SLOTS = [
    Slot("dense", i, "w", a.shape, a.dtype.name, f"layers/dense/vars/{i}")
    for i, a in enumerate(ARRAYS)
]
HEADERS = {"spec": '{"name": "x"}', "state": "{}"}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Bundles of both versions, with and without compression, Keras's files, and an older one."""
    folder = tmp_path_factory.mktemp("seeds")
    for name, compress in (("bundle", False), ("small", True)):
        write_bundle(folder / name, HEADERS, zip(SLOTS, ARRAYS, strict=True), compress=compress)
        write_bundle(folder / f"{name}-1", HEADERS, zip(SLOTS, ARRAYS, strict=True))
        as_version_1(folder / f"{name}-1")
    write_weights(folder / "a.weights.h5", zip(SLOTS, ARRAYS, strict=True))
    with h5py.File(folder / "legacy.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        for name, array in zip(("kernel:0", "bias:0"), ARRAYS, strict=True):
            group[f"dense/{name}"] = array
    return [path.read_bytes() for path in sorted(folder.iterdir())]


TOKENS = (
    b"TREE",
    b"HEAP",
    b"SNOD",
    b"OHDR",
    b"GCOL",
    b"\xff" * 8,
    b"\0" * 8,
    b"header",
    b"\x89HDF",
)


def read(path: Path) -> None:
    """Read a file in every way; any error must be one that is announced."""
    for function in (
        read_headers, detect_format,
        lambda path: list(read_weights(path, SLOTS)),
        lambda path: list(read_weights(path, [], ignore=("dense",))),
    ):  # fmt: skip
        try:
            with watched():
                function(path)
        except WeightsError as error:
            check_message(error, lines=20)


@given(data=st.data(), signed=st.booleans())
def test_any_damage_is_an_error_of_ours(
    data: st.DataObject, signed: bool, seeds: list[bytes], tmp_path: Path
) -> None:
    """Whoever makes a file can also make its checksum: half of them have a right one."""
    path = tmp_path / "x.zoo"
    path.write_bytes(data.draw(mutated(seeds, TOKENS)))
    if signed:
        append_checksum(path)
    read(path)


@pytest.mark.parametrize("path", corpus("bundles"))
def test_kept_cases(path: Path) -> None:
    read(path)
