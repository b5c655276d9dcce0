"""Open an HDF5 file from an untrusted source: all of it is checked before anything is read.

HDF5 can point into other files, declare terabytes in a kilobyte, hold a graph with cycles and call
filter plugins. Weights need none of that: only groups, and plain arrays stored in the file itself.
"""

from __future__ import annotations

import itertools
import math
import mmap
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import UnsafeFile, WeightsError
from .files import check_checksum, irregular_kind
from .text import printable

if TYPE_CHECKING:
    import h5py


MAX_BYTES = 1 << 40  # total declared by all datasets
MAX_OBJECTS = 25_000
MAX_DEPTH = 64
MAX_CHUNKS = 100_000
MAX_ATTRIBUTES = 256  # of one object; HDF5 takes quadratic time to go through them
MAX_ATTRIBUTES_TOTAL = 25_000
MAX_ATTRIBUTE_BYTES = 64 << 20
MAX_TEXT_BYTES = 2 << 30  # of one attribute, as if all strings were the longest
_DEFLATE_CEILING = 1100  # zlib compresses at most 1032 : 1
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextmanager
def open_checked(path: Path, *, max_bytes: int = MAX_BYTES) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after checking everything in it.

    Parameters
    ----------
    path
        The file.
    max_bytes
        Maximum of the bytes that all datasets together declare.

    Yields
    ------
    h5py.File
        The open file; all its groups and datasets are plain.

    Raises
    ------
    UnsafeFile
        It is not an HDF5 file, is damaged, or holds links, references, virtual or external data,
        other filters than shuffle and gzip, other types than numbers, or more than is plausible.
    """
    import h5py

    size = _check_signature(path)
    check_checksum(path)
    try:
        file = h5py.File(path, "r", locking=False)  # files never change in place, so no lock
    except (OSError, ValueError, RuntimeError) as error:
        message = f"{_quote(path)} is a damaged or truncated HDF5 file ({_one_line(error)})"
        raise UnsafeFile(message) from error
    with file:
        with report_damage(path):
            _Inspection(path, size, max_bytes).run(file)
        yield file


@contextmanager
def report_damage(path: Path) -> Iterator[None]:
    """Turn what h5py raises on a damaged file, which can be almost anything, into `UnsafeFile`."""
    try:
        yield
    except WeightsError:
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError) as error:
        raise _damage_error(path, error) from error
    except (TypeError, ValueError, zlib.error) as error:
        raise _damage_error(path, error) from error


def collect_datasets(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Return all datasets below a group of a checked file, by relative path."""
    import h5py

    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    group.visititems(visit)
    return found


def is_bfloat16(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset holds bfloat16, which Keras stores as opaque pairs of bytes."""
    dtype = dataset.dtype
    if dtype.kind != "V" or dtype.itemsize != 2 or dtype.names or dtype.subdtype:
        return False
    return dataset.attrs.get("dtype") in ("bfloat16", b"bfloat16")


class _Inspection:
    """One pass over all links, objects, types and layouts of a file."""

    def __init__(self, path: Path, size: int, max_bytes: int) -> None:
        self.path, self.size, self.max_bytes = path, size, max_bytes
        self.addresses: set[int] = set()
        self.declared = 0
        self.max_strings = 0  # most variable-length strings in one attribute
        self.opaque: list[tuple[str, h5py.Dataset]] = []
        self.attributes = 0
        self.extents: list[tuple[int, int, str]] = []  # where arrays start and end, and whose

    def run(self, file: h5py.File) -> None:
        self.addresses.add(_address(file.id, b"."))
        self.check_group(file, "", 0)
        # Attributes are read only now, after the heaps are known to end.
        if self.max_strings and self.max_strings * largest_string(self.path) > MAX_TEXT_BYTES:
            self.refuse("/", f"has attributes of more than {MAX_TEXT_BYTES} bytes of text")
        for name, item in self.opaque:
            if not is_bfloat16(item):
                self.refuse(name, f"holds {str(item.dtype)!r}, not plain numbers")
        self.extents.sort()
        for (_, end, name), (start, _, other) in itertools.pairwise(self.extents):
            if start < end:
                self.refuse(other, f"overlaps {printable(name)!r}")

    def refuse(self, name: str, fault: str) -> NoReturn:
        message = f"{_quote(self.path)} is refused: {printable(name)!r} {fault}; nothing was read"
        raise UnsafeFile(message)

    def check_group(self, group: h5py.Group, name: str, depth: int) -> None:
        import h5py

        self.check_attributes(group, name)
        if depth > MAX_DEPTH:
            self.refuse(name, f"is deeper than {MAX_DEPTH} groups")
        links = group.id.links
        if len(self.addresses) + len(group) > MAX_OBJECTS:
            self.refuse(name, f"brings the file to more than {MAX_OBJECTS} objects")
        kinds = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}
        for raw in list(group.id):
            inner = f"{name}/{raw.decode('utf-8', 'backslashreplace')}"
            kind = links.get_info(raw).type
            if kind != h5py.h5l.TYPE_HARD:
                self.refuse(inner, f"is {kinds.get(kind, 'a link of an unknown kind')}")
            address = _address(group.id, raw)
            if address in self.addresses:  # needed for a cycle, never for weights
                self.refuse(inner, "is a second link to the same object")
            self.addresses.add(address)
            item = group[raw]
            if isinstance(item, h5py.Group):
                self.check_group(item, inner, depth + 1)
            elif isinstance(item, h5py.Dataset):
                self.check_attributes(item, inner)
                self.check_dataset(item, inner)
            else:
                self.refuse(inner, "is neither a group nor an array")

    def check_attributes(self, item: h5py.Group | h5py.Dataset, name: str) -> None:
        import h5py

        number = h5py.h5a.get_num_attrs(item.id)
        self.attributes += number
        if number > MAX_ATTRIBUTES or self.attributes > MAX_ATTRIBUTES_TOTAL:
            self.refuse(name, f"has too many attributes: {number}, of {self.attributes} so far")
        for index in range(number):
            attribute = h5py.h5a.open(item.id, index=index)
            label = f"{name}@{attribute.name.decode('utf-8', 'backslashreplace')}"
            kind = attribute.get_type()
            count = math.prod(attribute.shape)
            text = isinstance(kind, h5py.h5t.TypeStringID)
            if not (text or isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID)):
                self.refuse(label, "is an attribute that is neither text nor a number")
            if count * kind.get_size() > MAX_ATTRIBUTE_BYTES:
                self.refuse(label, f"is an attribute of more than {MAX_ATTRIBUTE_BYTES} bytes")
            # Many entries may share one long string, so their number is limited too.
            if text and kind.is_variable_str():
                self.max_strings = max(self.max_strings, count)

    def check_dataset(self, item: h5py.Dataset, name: str) -> None:
        import h5py

        settings = item.id.get_create_plist()
        layout = settings.get_layout()
        if settings.get_external_count():
            self.refuse(name, "keeps its data in another file (external storage)")
        if layout == h5py.h5d.VIRTUAL:
            self.refuse(name, "is a virtual dataset, made of other files")
        if item.shape is None:
            self.refuse(name, "has no shape")
        dtype = item.dtype
        plain = dtype.kind in "fiub" and dtype.itemsize <= 8 and h5py.check_dtype(ref=dtype) is None
        # A float with another mantissa or bias than the standard's has the same NumPy dtype.
        plain = plain and item.id.get_type().equal(h5py.h5t.py_create(dtype, logical=True))
        if dtype.kind == "V" and dtype.itemsize == 2:
            self.opaque.append((name, item))
        elif not plain:
            self.refuse(name, f"holds {printable(str(dtype))!r}, not plain numbers")
        declared = math.prod(item.shape) * dtype.itemsize
        stored = item.id.get_storage_size()
        self.declared += declared
        if self.declared > self.max_bytes:
            self.refuse(name, f"brings the file to more than the {self.max_bytes} bytes allowed")
        if stored > self.size:
            self.refuse(name, f"claims {stored} bytes; the file has {self.size}")
        if layout == h5py.h5d.CHUNKED:
            self.check_chunks(item, name, declared, stored)
        elif declared != stored:
            self.refuse(name, f"declares {declared} bytes and stores {stored}")
        elif layout == h5py.h5d.CONTIGUOUS and declared:
            start = item.id.get_offset()
            if start is None or start + declared > self.size:
                self.refuse(name, "reaches beyond the end of the file, which is truncated")
            self.extents.append((start, start + declared, name))

    def check_chunks(self, item: h5py.Dataset, name: str, declared: int, stored: int) -> None:
        import h5py

        settings = item.id.get_create_plist()
        filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
        if filters not in ([], [h5py.h5z.FILTER_DEFLATE], [2], [2, h5py.h5z.FILTER_DEFLATE]):
            self.refuse(name, f"uses the filters {filters}; only shuffle and gzip are read")
        if declared > max(stored, 1) * _DEFLATE_CEILING:
            self.refuse(name, f"declares {declared} bytes and stores {stored}")
        if math.prod(item.chunks) * item.dtype.itemsize > max(declared, 1 << 20):
            self.refuse(name, "has chunks larger than itself")
        needed = math.prod(-(-n // c) for n, c in zip(item.shape, item.chunks, strict=True))
        if item.id.get_num_chunks() != needed:
            self.refuse(name, "has chunks that were never written")
        if len(self.extents) + needed > MAX_CHUNKS:
            self.refuse(name, f"brings the file to more than {MAX_CHUNKS} chunks")
        item.id.chunk_iter(
            lambda chunk: self.extents.append(
                (chunk.byte_offset, chunk.byte_offset + chunk.size, name)
            )
        )


def _check_signature(path: Path) -> int:
    """Return the size of a file that starts like HDF5; name what another file looks like."""
    try:
        if kind := irregular_kind(path):
            message = f"{printable(str(path))}: is {kind}, expected a file of weights"
            raise UnsafeFile(message)
        with path.open("rb") as stream:
            head = stream.read(512)
            size = stream.seek(0, 2)
    except OSError as error:
        message = f"cannot open {_quote(path)}: {error.strerror or error}"
        raise UnsafeFile(message) from error
    if head.startswith(_SIGNATURE):
        # Sizes of offsets and lengths; all current writers use 8 bytes for both.
        place = 13 if head[8:9] in (b"\0", b"\1") else 9
        if head[place : place + 2] != b"\x08\x08":
            message = f"{_quote(path)} is refused: its offsets or lengths are not of 8 bytes"
            raise UnsafeFile(message)
        return size
    start = head.lstrip().lower()
    guesses = {
        "an empty file": not head,
        "a web page, so the address was wrong or needs a login": start.startswith(
            (b"<!doctype", b"<html", b"<?xml", b"<head")
        ),
        "a Git LFS pointer, so the content was never fetched": start.startswith(b"version https:"),
        "a zip archive, such as `.keras`, `.npz` or a PyTorch file": head.startswith(b"PK"),
        "a pickle, which can run code and is never read": head[:1] == b"\x80",
        "gzip-compressed": head.startswith(b"\x1f\x8b"),
    }
    guess = next((text for text, yes in guesses.items() if yes), "something else")
    message = f"{_quote(path)} is not an HDF5 file; it looks like {guess}"
    raise UnsafeFile(message.replace("looks like gzip", "is gzip"))


def _address(location: object, name: bytes) -> int:
    import h5py

    address: int = h5py.h5o.get_info(location, name).addr
    return address


def _damage_error(path: Path, error: Exception) -> UnsafeFile:
    return UnsafeFile(f"{_quote(path)} is damaged: {_one_line(error)}")


def _quote(path: Path) -> str:
    return repr(printable(str(path)))


def _one_line(error: BaseException) -> str:
    return printable(str(error).replace("\n", " "), 160)


# Heaps of strings

# An attribute of variable-length strings points into a *global heap collection*. The C library
# walks a collection by the sizes stored in it; a size of zero makes it loop forever, and Python
# cannot interrupt it. So every collection is walked here first. Layout: section III.E, "Disk
# Format: Level 1E - Global Heap", of the HDF5 File Format Specification.

_START = b"GCOL\x01"  # signature and version
_HEAD = 16  # bytes before the first object, and before the content of each object


def largest_string(path: Path) -> int:
    """Return the size in bytes of the largest object in any heap of the file.

    The entire file is searched, since only the C library knows where the heaps are. In arrays of
    numbers the signature occurs by chance about once in a terabyte, and hardly ever followed by a
    size that a heap could have.

    Raises
    ------
    ValueError
        A heap whose reading would never end.
    """
    largest = 0
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(_START)
        while place >= 0:
            (size,) = struct.unpack("<Q", data[place + 8 : place + 16].ljust(8, b"\0"))
            if _HEAD <= size <= len(data) - place:
                largest = max(largest, _largest_object(data, place + _HEAD, place + size))
            place = data.find(_START, place + 1)
    return largest


def _largest_object(data: mmap.mmap, place: int, end: int) -> int:
    largest = 0
    while place + _HEAD <= end:  # a shorter rest is unused
        index, size = struct.unpack("<H6xQ", data[place : place + _HEAD])
        # Object 0 is the free space; its size includes its head.
        step = size if index == 0 else _HEAD + size + -size % 8
        if step < _HEAD or place + step > end:
            message = "a heap of strings in it never ends"
            raise ValueError(message)
        largest = max(largest, size if index else 0)
        place += step
    return largest
