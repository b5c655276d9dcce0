"""Write weights: a Keras 3 weights file, or a bundle, which is a trained model as pure data.

A bundle is one HDF5 file: the root attribute ``zoo_bundle`` (format version), UTF-8 JSON texts as
bytes in ``header/<name>``, and below ``weights`` the layout of a Keras 3 ``.weights.h5``. Its last
line is a checksum.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import Slot, write_array
from .errors import WeightsError
from .files import append_checksum, atomic_write
from .readers import BUNDLE_VERSION
from .text import printable

if TYPE_CHECKING:
    import h5py
    import numpy as np

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
    OSError
        The disk is full, or the file cannot be written for another reason.
    """
    with atomic_write(path) as temp, _create(temp) as opened:
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
    OSError
        As for `write_weights`.
    """
    import numpy as np

    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            message = f"header {printable(name)!r} has a bad name; use letters a-z, digits, - or _"
            raise WeightsError(message)
    with atomic_write(path) as temp:
        with _create(temp) as opened:
            opened.attrs["zoo_bundle"] = BUNDLE_VERSION
            for name, text in headers.items():
                opened[f"header/{name}"] = np.frombuffer(text.encode(), np.uint8)
            _write_slots(opened.create_group("weights"), weights, compress)
        append_checksum(temp)


class _Output:
    """A file that HDF5 writes to, and whose failures HDF5 does not see.

    When a write fails, on a full disk, HDF5 keeps what it could not write, tries again whenever an
    object is freed, and crashes the process at its end. So a failure is remembered here, and raised
    once the file is closed.
    """

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.error: BaseException | None = None
        self.read, self.readinto, self.flush = file.read, file.readinto, file.flush
        self.seek, self.tell = file.seek, file.tell
        self.truncate = partial(self._attempt, file.truncate)

    def write(self, data: Any) -> None:
        left = memoryview(data).cast("B")
        while left and self.error is None:  # the system may take a part
            left = left[self._attempt(self.file.write, left) or 0 :]

    def _attempt(self, action: Callable[[Any], int], argument: Any) -> int:
        try:
            return action(argument) if self.error is None else 0
        except BaseException as error:  # Ctrl-C as well
            self.error = error
            return 0

    def check(self) -> None:
        """Raise the failure, if there was one."""
        if self.error is not None:
            raise self.error


@contextmanager
def _create(path: Path) -> Iterator[h5py.File]:
    """Yield a new HDF5 file; raise `OSError` at the end if it could not be written."""
    import h5py

    with path.open("w+b", buffering=0) as file:
        output = _Output(file)
        try:
            with h5py.File(output, "w") as opened:
                yield opened
        finally:  # also where HDF5 complains of what it did not find again
            output.check()


def _write_slots(
    group: h5py.Group, weights: Iterable[tuple[Slot, np.ndarray[Any, Any]]], compress: bool
) -> None:
    group.require_group("layers")  # a model without weights has the Keras 3 layout too
    for slot, array in weights:
        if array.shape != slot.shape:
            message = f"{slot.path} has shape {array.shape}; the model expects {slot.shape}"
            raise WeightsError(message)
        write_array(group, slot.path, array, compress=compress)
