"""Files of arrays in the containers that datasets come in: npz, Keras's pickled npz, IDX.

Nothing in a file is executed: npz files are read without pickle, except for the two of Keras that
hold pickled lists. Those are read only after their hash has proved them to be Keras's own, and by
an unpickler that knows NumPy's array constructors and nothing else.
"""

from __future__ import annotations

import gzip
import io
import itertools
import lzma
import math
import pickle
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from zoo.errors import InputError, unreadable
from zoo.files import require_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]

MAX_BYTES = 1 << 30
"""Limit on the arrays of one file: a small file can declare huge ones, and they are in memory."""

MAX_ARRAYS = 100
"""Limit on their number."""

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, TypeError,
    RuntimeError, MemoryError, struct.error,
)  # fmt: skip
"""What reading a damaged or hostile archive raises; encrypted ones raise RuntimeError."""

_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IDX_NAMES = {
    "train-images": "x_train", "train-labels": "y_train",
    "t10k-images": "x_test", "t10k-labels": "y_test",
}  # fmt: skip


def read_arrays(path: Path, *, trusted: bool = False) -> Arrays:
    """Return the named arrays of a file, or of a folder of IDX files.

    Parameters
    ----------
    path
        An ``.npz`` file, or a folder (or one file of it) with the four IDX files of MNIST.
    trusted
        Whether the file's hash is that of a Keras file that holds pickled lists of numbers.

    Raises
    ------
    InputError
        If the file is none of these, is damaged, or holds anything but numbers and texts.
    """
    try:
        if path.is_dir() or re.search(r"idx\d", path.name):
            return _read_idx_folder(path if path.is_dir() else path.parent)
        require_regular(path, "an npz file")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ARRAYS:
                msg = f"{path}: has {len(entries):,} arrays, at most {MAX_ARRAYS} are read"
                raise InputError(msg, kind="too-large")
            size = sum(entry.file_size for entry in entries)
            if size > MAX_BYTES:
                msg = f"{path}: declares {size:,} bytes of arrays, at most {MAX_BYTES:,} are read"
                raise InputError(msg, kind="too-large")
            return {
                entry.filename.removesuffix(".npy"): _read_member(archive, entry, trusted)
                for entry in entries
            }
    except _DAMAGE as error:
        msg = f"{path}: is not an npz file of plain arrays ({error})"
        raise InputError(msg, kind="bad-container") from None
    except OSError as error:
        raise unreadable(path, error) from None


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of an ``.npy`` file.

    Raises
    ------
    InputError
        If the file is none, is damaged, or holds anything but numbers and texts.
    """
    try:
        require_regular(path, "an npy file")
        with path.open("rb") as file:
            shape, fortran, dtype = _read_npy_header(file)
            size, length = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
            if size != length and dtype.kind != "O":
                msg = f"it declares {size:,} bytes of numbers and holds {length:,}"
                raise ValueError(msg)
            if size > MAX_BYTES:
                msg = f"{path}: has {size:,} bytes, at most {MAX_BYTES:,} are read"
                raise InputError(msg, kind="too-large")
            return _read_npy(file.read(size), shape, fortran, dtype, trusted=False)
    except _DAMAGE as error:
        msg = f"{path}: is not an npy file of a plain array ({error})"
        raise InputError(msg, kind="bad-container") from None
    except OSError as error:
        raise unreadable(path, error) from None


def _read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, trusted: bool) -> NDArray[Any]:
    """Return an array, after its header alone has been checked: the rest may be a bomb."""
    with archive.open(entry) as file:
        shape, fortran, dtype = _read_npy_header(file)
        start = file.tell()
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind != "O" and start + size != entry.file_size:
            msg = f"it declares {size:,} bytes of numbers and holds {entry.file_size - start:,}"
            raise ValueError(msg)
        data = file.read()
    return _read_npy(data, shape, fortran, dtype, trusted)


def _read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    npy = np.lib.format
    first = npy.read_magic(file) == (1, 0)
    read_header = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
    try:
        shape, fortran, dtype = read_header(file)
    except Exception:  # NumPy parses it as Python and lets all of its errors through
        msg = "its header is not one that NumPy writes"
        raise ValueError(msg) from None
    if any(side < 0 for side in shape):
        msg = f"it declares the shape {shape}"
        raise ValueError(msg)
    return shape, fortran, dtype


def _read_npy(
    data: bytes, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any], trusted: bool
) -> NDArray[Any]:
    import numpy as np

    if dtype.kind == "O":
        if not trusted:
            msg = "it holds pickled objects, which could run code"
            raise ValueError(msg)
        return _Unpickler(io.BytesIO(data)).load_array(shape)
    if dtype.kind not in "biufU":
        msg = f"it holds an array of {dtype}, expected numbers or texts"
        raise ValueError(msg)
    order: Literal["F", "C"] = "F" if fortran else "C"
    if dtype.kind == "U" and (np.frombuffer(data, f"{dtype.str[0]}u4") > sys.maxunicode).any():
        msg = "it holds texts with characters that do not exist"
        raise ValueError(msg)
    return np.ndarray(shape, dtype, buffer=data, order=order)


class _Unpickler(pickle.Unpickler):
    """Reads NumPy's pickle of an array of lists of numbers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        import numpy as np

        allowed = {
            "numpy.core.multiarray._reconstruct": _reconstruct,
            "numpy._core.multiarray._reconstruct": _reconstruct,
            "numpy.ndarray": np.ndarray,
            "numpy.dtype": np.dtype,
        }
        if f"{module}.{name}" not in allowed:
            msg = f"it names {module}.{name}"
            raise pickle.UnpicklingError(msg)
        return allowed[f"{module}.{name}"]

    def load_array(self, shape: tuple[int, ...]) -> NDArray[Any]:
        import numpy as np

        try:
            array = self.load()
        except Exception as error:  # a hostile pickle can raise any of them
            msg = f"its pickle is refused: {error}"
            raise ValueError(msg) from None
        if not isinstance(array, np.ndarray) or array.shape != shape:
            msg = "its pickle is not an array of the shape it declares"
            raise ValueError(msg)
        return array


def _reconstruct(kind: Any, shape: Any, code: Any) -> NDArray[Any]:
    import numpy as np

    if kind is not np.ndarray:
        msg = "it rebuilds something that is not an array"
        raise pickle.UnpicklingError(msg)
    return np.ndarray.__new__(np.ndarray, shape, dtype=np.dtype("b"))


def _read_idx_folder(folder: Path) -> Arrays:
    arrays: Arrays = {}
    for file in sorted(folder.iterdir()):
        for prefix, name in _IDX_NAMES.items():
            if file.name.startswith(prefix) and file.is_file():
                arrays[name] = _read_idx(file)
    missing = set(_IDX_NAMES.values()) - set(arrays)
    if missing:
        msg = f"{folder}: holds no IDX file for {', '.join(sorted(missing))}"
        raise InputError(msg, kind="bad-container")
    return arrays


def _read_idx(path: Path) -> NDArray[Any]:
    """Read Yann LeCun's format: magic with type and rank, big-endian sizes, values."""
    import numpy as np

    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            zero, code, rank = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            dtype = np.dtype(_IDX_TYPES[code])
            size = math.prod(shape) * dtype.itemsize
            if zero or size > MAX_BYTES:
                raise ValueError
            array = np.frombuffer(file.read(size), dtype).reshape(shape)
            if file.read(1):  # a gzip file verifies its checksum at its end
                raise ValueError
    except (OSError, EOFError, KeyError, ValueError, struct.error, zlib.error):
        msg = f"{path}: is not an IDX file, or is damaged"
        raise InputError(msg, kind="bad-container") from None
    return array


def flatten_ragged(arrays: Arrays) -> Arrays:
    """Replace each array of lists with a flat array and the offsets of the lists.

    ``x`` becomes ``x_flat`` and ``x_offsets``.
    """
    import numpy as np

    plain: Arrays = {}
    for name, array in arrays.items():
        if array.dtype.kind == "O":
            plain[f"{name}_offsets"] = np.cumsum([0, *map(len, array)], dtype=np.int64)
            plain[f"{name}_flat"] = np.fromiter(itertools.chain.from_iterable(array), np.uint32)
        else:
            plain[name] = array
    return plain
