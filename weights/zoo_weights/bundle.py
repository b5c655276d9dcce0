"""Write weights: a Keras 3 weights file, or a bundle, which is a trained model as pure data.

A bundle is one HDF5 file: the root attribute ``zoo_bundle`` (format version), UTF-8 JSON texts as
bytes in ``header/<name>``, and below ``weights`` the layout of a Keras 3 ``.weights.h5``. Its last
line is a checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import read_array, write_array
from .errors import UnsafeFile, WeightsError
from .files import append_checksum, atomic_write
from .hdf5 import open_checked, report_damage
from .layout import Slot
from .readers import BUNDLE_VERSION, check_version
from .text import printable

if TYPE_CHECKING:
    import h5py
    import numpy as np

MAX_HEADER_BYTES = 256 << 20
_HEADER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def write_weights(
    path: Path, weights: Iterable[tuple[Slot, np.ndarray[Any, Any]]], *, compress: bool = False
) -> None:
    """Write a weights file that `keras.Model.load_weights` reads.

    Parameters
    ----------
    path
        Final name; must end in ``.weights.h5`` for Keras to read it.
    weights
        Slots with their arrays, stored in the dtype of the array.
    compress
        Use gzip: slower, and saves little on trained floats.

    Raises
    ------
    WeightsError
        The shape of an array is not that of its slot.
    """
    import h5py

    with atomic_write(path) as temp, h5py.File(temp, "w") as opened:
        _write_slots(opened, weights, compress)


def write_bundle(
    path: Path,
    headers: Mapping[str, str],
    weights: Iterable[tuple[Slot, np.ndarray[Any, Any]]],
    *,
    compress: bool = False,
) -> None:
    """Write a bundle; equal content gives equal bytes.

    Parameters
    ----------
    path
        Final name.
    headers
        JSON texts by name (lower-case letters, digits, ``-``, ``_``).
    weights
        Slots with their arrays, stored in the dtype of the array.
    compress
        Use gzip for weights.

    Raises
    ------
    WeightsError
        A header has a bad name, or the shape of an array is not that of its slot.
    """
    import h5py
    import numpy as np

    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            message = f"header {printable(name)!r} has a bad name; use letters a-z, digits, - or _"
            raise WeightsError(message)
    with atomic_write(path) as temp:
        with h5py.File(temp, "w") as opened:
            opened.attrs["zoo_bundle"] = BUNDLE_VERSION
            for name, text in headers.items():
                opened[f"header/{name}"] = np.frombuffer(text.encode(), np.uint8)
            _write_slots(opened.create_group("weights"), weights, compress)
        append_checksum(temp)


def read_headers(path: Path) -> dict[str, str]:
    """Return the JSON texts of a bundle by name, without reading its weights.

    Raises
    ------
    UnsafeFile
        The file is refused, or a header is too large or not text.
    WeightsError
        It is not a bundle, or its version is not supported.
    """
    headers: dict[str, str] = {}
    with open_checked(Path(path)) as opened, report_damage(Path(path)):
        check_version(opened, Path(path))
        total = 0
        for name, item in opened["header"].items() if "header" in opened else ():
            shown = f"header {printable(name)!r} of {printable(str(path))!r}"
            shape = getattr(item, "shape", None)  # a group has none
            if shape is None or len(shape) != 1 or item.dtype != "uint8":
                message = f"{shown} is refused: it is not a plain row of bytes"
                raise UnsafeFile(message)
            total += shape[0]
            if total > MAX_HEADER_BYTES:
                message = f"{shown} is refused: the headers have more than {MAX_HEADER_BYTES} bytes"
                raise UnsafeFile(message)
            slot = Slot("header", 0, name, shape, "uint8", name)
            try:
                headers[name] = read_array(item, slot).tobytes().decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"{shown} is refused: it is not UTF-8 text"
                raise UnsafeFile(message) from error
    return headers


def _write_slots(
    group: h5py.Group, weights: Iterable[tuple[Slot, np.ndarray[Any, Any]]], compress: bool
) -> None:
    group.require_group("layers")  # a model without weights has the Keras 3 layout too
    for slot, array in weights:
        if array.shape != slot.shape:
            message = f"{slot.path} has shape {array.shape}; the model expects {slot.shape}"
            raise WeightsError(message)
        write_array(group, slot.path, array, compress=compress)
