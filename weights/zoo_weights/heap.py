"""Check the part of an HDF5 file that HDF5 itself does not check: heaps of strings.

An attribute of variable-length strings points into a *global heap collection*. The C library
walks a collection by the sizes stored in it; a size of zero makes it loop forever, and Python
cannot interrupt it. So every collection is walked here first.

Layout: section III.E, "Disk Format: Level 1E - Global Heap", of the HDF5 File Format
Specification.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

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
