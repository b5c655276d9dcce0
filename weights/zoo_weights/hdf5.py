"""Opening an HDF5 file from a stranger: the whole of it is looked at before anything is read.

HDF5 can point into other files, declare terabytes in a kilobyte, hold a graph with cycles and call
filter plugins. Weights need none of that: groups, and plain arrays that lie in the file itself.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .errors import UnsafeFile, WeightsError
from .heap import largest_string
from .text import printable

if TYPE_CHECKING:
    import h5py

__all__ = ["damage", "datasets", "is_bfloat16", "open_checked", "printable"]

MAX_BYTES = 1 << 40  # declared by all datasets together
MAX_OBJECTS = 200_000
MAX_DEPTH = 64
MAX_ATTRIBUTE_BYTES = 64 << 20
MAX_TEXT_BYTES = 2 << 30  # strings of variable length in one attribute, if all are the longest
_DEFLATE_CEILING = 1100  # zlib cannot do better than 1032 : 1
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextmanager
def open_checked(path: Path, *, max_bytes: int = MAX_BYTES) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after a walk over everything in it.

    Parameters
    ----------
    path
        The file.
    max_bytes
        Most bytes that all datasets together may declare.

    Yields
    ------
    h5py.File
        The open file; every group and dataset in it is of a plain kind.

    Raises
    ------
    UnsafeFile
        It is not an HDF5 file, is damaged, or holds links, references, virtual or external data,
        foreign filters, odd types, or more than it could sensibly hold.
    """
    import h5py

    size = _check_start(path)
    try:
        file = h5py.File(path, "r", locking=False)  # never changed in place, so nothing to lock
    except (OSError, ValueError, RuntimeError) as error:
        message = f"{_shown(path)} is a damaged or truncated HDF5 file ({_one_line(error)})"
        raise UnsafeFile(message) from error
    with file:
        with damage(path):
            _Walk(path, size, max_bytes).run(file)
        yield file


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Turn what h5py raises on a damaged file, which can be nearly anything, into `UnsafeFile`."""
    try:
        yield
    except WeightsError:
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError) as error:
        raise _damaged(path, error) from error
    except (TypeError, ValueError, zlib.error) as error:
        raise _damaged(path, error) from error


def datasets(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Return all datasets below a group of a checked file, by path relative to it."""
    import h5py

    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    group.visititems(visit)
    return found


def is_bfloat16(dataset: h5py.Dataset) -> bool:
    """Say whether these are bfloat16 numbers, which Keras stores as opaque pairs of bytes."""
    dtype = dataset.dtype
    if dtype.kind != "V" or dtype.itemsize != 2 or dtype.names or dtype.subdtype:
        return False
    return dataset.attrs.get("dtype") in ("bfloat16", b"bfloat16")


class _Walk:
    """One pass over all links, objects, types and layouts of a file."""

    def __init__(self, path: Path, size: int, max_bytes: int) -> None:
        self.path, self.size, self.max_bytes = path, size, max_bytes
        self.seen: set[int] = set()
        self.declared = 0
        self.texts = 0  # strings of variable length in the longest attribute
        self.opaque: list[tuple[str, h5py.Dataset]] = []

    def run(self, file: h5py.File) -> None:
        self.seen.add(_address(file.id, b"."))
        self.group(file, "", 0)
        # Only now may an attribute be read, and not before its heap is known to have an end.
        if self.texts and self.texts * largest_string(self.path) > MAX_TEXT_BYTES:
            self.refuse("/", f"has attributes of more than {MAX_TEXT_BYTES} bytes of text")
        for name, item in self.opaque:
            if not is_bfloat16(item):
                self.refuse(name, f"holds {str(item.dtype)!r}, not plain numbers")

    def refuse(self, name: str, what: str) -> NoReturn:
        message = f"{_shown(self.path)} is refused: {printable(name)!r} {what}; nothing was read"
        raise UnsafeFile(message)

    def group(self, group: h5py.Group, name: str, depth: int) -> None:
        import h5py

        self.attributes(group, name)
        if depth > MAX_DEPTH:
            self.refuse(name, f"lies deeper than {MAX_DEPTH} groups")
        links = group.id.links
        if len(self.seen) + len(group) > MAX_OBJECTS:
            self.refuse(name, f"makes it more than {MAX_OBJECTS} objects")
        kinds = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}
        for raw in list(group.id):
            inner = f"{name}/{raw.decode('utf-8', 'backslashreplace')}"
            kind = links.get_info(raw).type
            if kind != h5py.h5l.TYPE_HARD:
                self.refuse(inner, f"is {kinds.get(kind, 'a link of an unknown kind')}")
            address = _address(group.id, raw)
            if address in self.seen:  # the only way to a cycle, and no writer of weights needs it
                self.refuse(inner, "is a second link to an object that has another place already")
            self.seen.add(address)
            item = group[raw]
            if isinstance(item, h5py.Group):
                self.group(item, inner, depth + 1)
            elif isinstance(item, h5py.Dataset):
                self.attributes(item, inner)
                self.dataset(item, inner)
            else:
                self.refuse(inner, "is neither a group nor an array")

    def attributes(self, item: h5py.Group | h5py.Dataset, name: str) -> None:
        import h5py

        for index in range(h5py.h5a.get_num_attrs(item.id)):
            attribute = h5py.h5a.open(item.id, index=index)
            label = f"{name}@{attribute.name.decode('utf-8', 'backslashreplace')}"
            kind = attribute.get_type()
            count = math.prod(attribute.shape)
            text = isinstance(kind, h5py.h5t.TypeStringID)
            if not (text or isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID)):
                self.refuse(label, "is an attribute that is neither text nor a number")
            if count * kind.get_size() > MAX_ATTRIBUTE_BYTES:
                self.refuse(label, f"is an attribute of more than {MAX_ATTRIBUTE_BYTES} bytes")
            # Many entries may share one long string, so their number is bounded as well.
            if text and kind.is_variable_str():
                self.texts = max(self.texts, count)

    def dataset(self, item: h5py.Dataset, name: str) -> None:
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
        if dtype.kind == "V" and dtype.itemsize == 2:
            self.opaque.append((name, item))
        elif not plain:
            self.refuse(name, f"holds {printable(str(dtype))!r}, not plain numbers")
        declared = math.prod(item.shape) * dtype.itemsize
        stored = item.id.get_storage_size()
        self.declared += declared
        if self.declared > self.max_bytes:
            self.refuse(name, f"makes it more than the {self.max_bytes} bytes allowed")
        if stored > self.size:
            self.refuse(name, f"claims {stored} bytes of a file that has {self.size}")
        if layout == h5py.h5d.CHUNKED:
            self.chunks(item, name, declared, stored)
        elif declared != stored:
            self.refuse(name, f"declares {declared} bytes and stores {stored}")
        elif layout == h5py.h5d.CONTIGUOUS and declared:
            start = item.id.get_offset()
            if start is None or start + declared > self.size:
                self.refuse(name, "reaches beyond the end of the file, which is truncated")

    def chunks(self, item: h5py.Dataset, name: str, declared: int, stored: int) -> None:
        import h5py

        settings = item.id.get_create_plist()
        filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
        if filters not in ([], [h5py.h5z.FILTER_DEFLATE], [2], [2, h5py.h5z.FILTER_DEFLATE]):
            self.refuse(name, f"passes through filters {filters}; only shuffle and gzip are read")
        if declared > max(stored, 1) * _DEFLATE_CEILING:
            self.refuse(name, f"declares {declared} bytes and stores {stored}")
        if math.prod(item.chunks) * item.dtype.itemsize > max(declared, 1 << 20):
            self.refuse(name, "has chunks larger than itself")
        needed = math.prod(-(-n // c) for n, c in zip(item.shape, item.chunks, strict=True))
        if item.id.get_num_chunks() != needed:
            self.refuse(name, "has chunks that were never written")


def _check_start(path: Path) -> int:
    """Return the size of a file that starts like HDF5; say what another file looks like."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
            size = stream.seek(0, 2)
    except OSError as error:
        message = f"cannot open {_shown(path)}: {error.strerror or error}"
        raise UnsafeFile(message) from error
    if head.startswith(_SIGNATURE):
        # Size of offsets and of lengths; every writer of today uses 8 bytes for both.
        place = 13 if head[8:9] in (b"\0", b"\1") else 9
        if head[place : place + 2] != b"\x08\x08":
            message = f"{_shown(path)} is refused: it is an HDF5 file of an unusual kind"
            raise UnsafeFile(message)
        return size
    start = head.lstrip().lower()
    looks = {
        "an empty file": not head,
        "a web page, so the address was wrong or asked for a login": start.startswith(
            (b"<!doctype", b"<html", b"<?xml", b"<head")
        ),
        "a Git LFS pointer, so the content was never fetched": start.startswith(b"version https:"),
        "a zip archive such as `.keras`, `.npz` or a PyTorch file": head.startswith(b"PK"),
        "a pickle, which can run code and is never read": head[:1] == b"\x80",
        "gzip-compressed": head.startswith(b"\x1f\x8b"),
    }
    what = next((text for text, yes in looks.items() if yes), "something else")
    message = f"{_shown(path)} is not an HDF5 file; it looks like {what}"
    raise UnsafeFile(message.replace("looks like gzip", "is gzip"))


def _address(location: object, name: bytes) -> int:
    import h5py

    address: int = h5py.h5o.get_info(location, name).addr
    return address


def _damaged(path: Path, error: Exception) -> UnsafeFile:
    return UnsafeFile(f"{_shown(path)} is damaged: {_one_line(error)}")


def _shown(path: Path) -> str:
    return repr(printable(str(path)))


def _one_line(error: BaseException) -> str:
    return printable(str(error).replace("\n", " "), 160)
