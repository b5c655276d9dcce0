"""Weights files: fetch, verify, cache, read and write them, independently of zoo and Keras.

``records`` describes a file; ``store`` and ``fetch`` (on ``web``, ``pace``, ``partial`` and
``files``) download it; ``hdf5`` opens it safely; ``readers`` and ``legacy`` compare it with a
model's weights before ``arrays`` reads it; ``writers`` writes. Names are imported on first use:
``import zoo_weights`` imports no h5py, numpy or requests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arrays import Slot
    from .errors import (
        CannotWrite,
        FetchError,
        HashMismatch,
        LayoutMismatch,
        OfflineError,
        UnsafeFile,
        WeightsError,
    )
    from .fetch import download, get_bytes
    from .files import (
        atomic_write,
        has_checksum,
        hash_file,
        is_stream,
        make_folder,
        make_private_folder,
        open_live,
    )
    from .hdf5 import open_checked
    from .readers import detect_format, read_headers, read_weights
    from .records import FileRecord, WeightsRecord
    from .store import AddResult, Store, VerifyResult
    from .text import csv_line, escape_strings, printable, unescape_cell
    from .writers import write_bundle, write_weights

__all__ = [
    "AddResult",
    "CannotWrite",
    "FetchError",
    "FileRecord",
    "HashMismatch",
    "LayoutMismatch",
    "OfflineError",
    "Slot",
    "Store",
    "UnsafeFile",
    "VerifyResult",
    "WeightsError",
    "WeightsRecord",
    "atomic_write",
    "csv_line",
    "detect_format",
    "download",
    "escape_strings",
    "get_bytes",
    "has_checksum",
    "hash_file",
    "is_stream",
    "make_folder",
    "make_private_folder",
    "open_checked",
    "open_live",
    "printable",
    "read_headers",
    "read_weights",
    "unescape_cell",
    "write_bundle",
    "write_weights",
]

_MODULES = {
    "arrays": ("Slot",),
    "writers": ("write_bundle", "write_weights"),
    "errors": (
        "CannotWrite",
        "FetchError",
        "HashMismatch",
        "LayoutMismatch",
        "OfflineError",
        "UnsafeFile",
        "WeightsError",
    ),
    "fetch": ("download", "get_bytes"),
    "files": (
        "atomic_write",
        "has_checksum",
        "hash_file",
        "is_stream",
        "make_folder",
        "make_private_folder",
        "open_live",
    ),
    "hdf5": ("open_checked",),
    "readers": ("detect_format", "read_headers", "read_weights"),
    "records": ("FileRecord", "WeightsRecord"),
    "store": ("AddResult", "Store", "VerifyResult"),
    "text": ("csv_line", "escape_strings", "printable", "unescape_cell"),
}
_HOME_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    module = _HOME_OF.get(name)
    if module is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value  # later accesses bypass this function
    return value


def __dir__() -> list[str]:
    return __all__
