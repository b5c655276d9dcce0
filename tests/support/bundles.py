"""Bundles as earlier versions wrote them."""

from pathlib import Path

import h5py

CHECKSUM = 77
"""Bytes at the end of a bundle of version 2."""


def as_version_1(path: Path) -> None:
    """Turn a bundle into one of version 1, which tests may also change with h5py."""
    path.write_bytes(path.read_bytes()[:-CHECKSUM])
    with h5py.File(path, "a") as file:
        file.attrs["zoo_bundle"] = 1
