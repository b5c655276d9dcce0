"""The arrays of weights: the places a model has for them, and their comparison with a file.

A dataset is read into a fresh array, or an array is written, without a full copy in between.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import LayoutMismatch
from .hdf5 import is_bfloat16
from .text import printable

if TYPE_CHECKING:
    import h5py
    import numpy as np

    Array = np.ndarray[Any, Any]

ALIGNMENT = 64  # bytes; JAX can adopt an array that starts on such a boundary without a copy
_PIECE = 1 << 20  # bytes cast or compressed at a time
MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class Slot:
    """One weight of a model: its place, shape and dtype.

    Parameters
    ----------
    layer
        Name of its layer.
    index
        Position within the layer; trainable weights come first.
    name
        Name of the weight, such as ``"kernel"``.
    shape
        Its shape; ``()`` for a scalar.
    dtype
        NumPy name of its dtype.
    path
        Path in a Keras 3 weights file, such as ``"layers/conv2d_1/vars/0"``.
    """

    layer: str
    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    path: str

    @property
    def content(self) -> str:
        """Shape and dtype, for people."""
        return f"{_format_shape(self.shape)} {self.dtype}"


def fits_slot(slot: Slot, dataset: h5py.Dataset) -> bool:
    """Return whether a slot may take a dataset: same shape, and same dtype or both floats."""
    if tuple(dataset.shape) != slot.shape:
        return False
    name = dtype_name(dataset)
    return name == slot.dtype or (_is_float(name) and _is_float(slot.dtype))


def dtype_name(dataset: h5py.Dataset) -> str:
    """Return the NumPy name of a dataset's dtype; opaque pairs of bytes are Keras's bfloat16."""
    name: str = dataset.dtype.newbyteorder("=").name
    return "bfloat16" if name == "void16" else name


def content_of(dataset: h5py.Dataset) -> str:
    """Return the shape and dtype of a dataset, for people."""
    return f"{_format_shape(tuple(dataset.shape))} {dtype_name(dataset)}"


def refuse(file: Path, differences: Sequence[tuple[str, str]]) -> None:
    """Raise `LayoutMismatch` if there are differences, each a pair (expected, found)."""
    if not differences:
        return
    table = [(printable(left, 70), printable(right, 70)) for left, right in differences[:MAX_LINES]]
    width = max(len("expected"), *(len(left) for left, _ in table))
    lines = [f"  {left:<{width}}  {right}" for left, right in [("expected", "found"), *table]]
    if len(differences) > MAX_LINES:
        lines.append(f"  ... and {len(differences) - MAX_LINES} more")
    count = f"{len(differences)} difference{'s' if len(differences) > 1 else ''}"
    head = f"{printable(str(file))!r} does not hold this model's weights ({count}):"
    raise LayoutMismatch("\n".join([head, *lines]))


def _is_float(name: str) -> bool:
    return name.startswith(("float", "bfloat"))


def _format_shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def read_array(dataset: h5py.Dataset, slot: Slot) -> Array:
    """Return a checked dataset as an array of the slot's dtype; call it in `report_damage`."""
    import numpy as np

    out = aligned_empty(slot.shape, slot.dtype)
    opaque = is_bfloat16(dataset)
    if not out.size:
        return out
    if dataset.chunks:
        pieces = _read_chunks(dataset)
    elif dataset.dtype == out.dtype:
        dataset.read_direct(out)
        return out
    else:
        # NumPy casts: HDF5's own conversion takes seconds for a hundred million float16 numbers.
        step = _piece_shape(slot.shape, dataset.dtype.itemsize)
        pieces = ((place, dataset[place]) for place in _piece_slices(slot.shape, step))
    for place, raw in pieces:
        if not opaque:
            out[place] = raw
        elif slot.dtype == "bfloat16":
            out[place] = np.asarray(raw).view(out.dtype)
        else:
            out[place] = _widen_bfloat16(np.asarray(raw))
    return out


def aligned_empty(shape: tuple[int, ...], dtype: str) -> Array:
    """Return an uninitialised C-contiguous array whose first byte is on a 64-byte boundary."""
    import numpy as np

    kind = numpy_dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(kind).reshape(shape)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name; NumPy itself has no bfloat16."""
    import numpy as np

    if name == "bfloat16":
        import ml_dtypes  # comes with Keras

        kind: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return kind
    return np.dtype(name)


def write_array(group: h5py.Group, path: str, array: Array, *, compress: bool = False) -> None:
    """Store an array as Keras does: bfloat16 as opaque bytes, with an attribute for the dtype."""
    chunks = _piece_shape(array.shape, array.dtype.itemsize) if compress and array.size else ()
    settings = {"chunks": chunks, "compression": "gzip", "shuffle": True} if chunks else {}
    opaque = array.dtype.name == "bfloat16"
    dataset = group.create_dataset(path, data=array.view("V2") if opaque else array, **settings)
    if opaque:
        dataset.attrs["dtype"] = "bfloat16"


def _piece_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the shape of a piece: as many full trailing axes as fit into it."""
    piece, room = [1] * len(shape), max(_PIECE // itemsize, 1)
    for axis in reversed(range(len(shape))):
        piece[axis] = min(shape[axis], room)
        room //= shape[axis]
        if not room:
            break
    return tuple(piece)


def _piece_slices(shape: tuple[int, ...], step: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield the slices of all pieces of an array."""
    axes = zip(shape, step, strict=True)
    return product(*([slice(i, min(i + n, end)) for i in range(0, end, n)] for end, n in axes))


def _widen_bfloat16(raw: Array) -> Array:
    """Return bfloat16 numbers as float32: their bits are its upper half."""
    import numpy as np

    return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _read_chunks(dataset: h5py.Dataset) -> Iterator[tuple[tuple[slice, ...], Array]]:
    """Yield a chunked dataset chunk by chunk, with its place; no chunk may inflate beyond its size.

    HDF5's own gzip filter inflates without a limit.
    """
    import numpy as np

    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    for place in _piece_slices(dataset.shape, dataset.chunks):
        corner = tuple(axis.start for axis in place)
        if dataset.id.get_chunk_info_by_coord(corner).size > 2 * size + 1024:
            message = "a chunk is stored in more bytes than deflate can make of it"
            raise ValueError(message)
        mask, data = dataset.id.read_direct_chunk(corner)
        for position, number in reversed(list(enumerate(filters))):
            if mask >> position & 1:
                continue  # not applied to this chunk
            data = _inflate(data, size) if number == 1 else _unshuffle(data, dataset.dtype)
        chunk = np.frombuffer(data, dataset.dtype).reshape(dataset.chunks)
        yield place, chunk[tuple(slice(axis.stop - axis.start) for axis in place)]


def _inflate(data: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(data, size + 1)
    if not inflater.eof:
        message = "a chunk inflates beyond its size, or ends early"
        raise ValueError(message)
    return inflated


def _unshuffle(data: bytes, dtype: np.dtype[Any]) -> bytes:
    """Undo HDF5's shuffle, which stores the first bytes of all numbers, then the second ones."""
    import numpy as np

    return np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
