"""Limits on the work of decoding an image file, besides those on its pixels and memory.

A small file can keep a decoder busy for minutes: by a million empty chunks, thousands of scans,
tiles that overlap. What is refused here is far from what cameras and programs write; each limit is
worth a few seconds on a slow machine.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from zoo import InputError
from zoo.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 100_000_000
"""Default maximum number of pixels of an image; ``ZOO_MAX_PIXELS`` changes it."""

MAX_READS = 1_500_000
"""Reads of a file: Pillow takes two or three for each chunk or block, of up to 4 µs each. A PNG of
500 MB in chunks of 8 kB takes 200,000, a GIF of 100 MB 800,000."""

MAX_RLE = 12_000_000
"""Pixels and bytes of a run-length encoded BMP, together: Pillow decodes each in Python. Such files
are drawings of a megapixel or so, since photos do not get smaller."""

MAX_SEGMENTS = 10_000
"""Segments of a JPEG, scans included: a colour profile has at most 255, other data rarely more."""

MAX_METADATA = 32 << 20
"""Bytes of a JPEG's segments that are not pixels: depth maps and sounds take up to about ten
million, and Pillow splits some kinds into small pieces."""

MAX_TABLES = 1 << 20
"""Bytes of a JPEG's tables, and bytes between its segments: Pillow reads both piece by piece. The
tables of a scan have about a kilobyte."""

MAX_EXIF_SEGMENTS = 100
"""Segments of EXIF in a JPEG: Pillow copies all earlier ones for each. Most files have one."""

MAX_EXIF = MAX_EXIF_SEGMENTS << 16
"""Bytes of EXIF that are looked at; a JPEG can have no more."""

SCANNED_PIXELS = 5_000_000_000
"""Pixels of a JPEG times its scans, each of which passes all pixels: 50 scans for the largest
image, where about 10 are usual."""

MAX_SCANNED_BYTES = 200_000_000
"""Bytes of a JPEG of several scans: in later scans each bit can be a step of the decoder. Photos of
the highest quality have about a byte per pixel."""

MAX_TAGS = 4096
"""Tags of a TIFF directory; about 30 are usual."""

MAX_NUMBERS = 500_000
"""Numbers in a TIFF's tags, mostly the addresses and sizes of its pieces: Pillow makes an object of
each. Text and bytes (profiles, XMP, Photoshop's layers) are not counted."""

MAX_PIECES = 100_000
"""Strips or tiles of an uncompressed TIFF: Pillow starts a decoder for each. The largest image in
tiles of 64 x 64 has 24,000."""

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""What begins a segment of a JPEG; the others are part of a scan, or filling."""

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
METADATA = {*range(0xE0, 0xF0), COM}
BARE = {SOI, EOI, 0xC8, *range(0xF0, 0xFE)}
"""Markers that Pillow takes to have no length; for libjpeg, which reads later, most are errors."""

ADDRESSES = {3: "H", 4: "L", 8: "h", 9: "l", 13: "L", 16: "Q"}
"""Types of TIFF tags that Pillow takes as an address, as `struct` reads them."""


def max_pixels() -> int:
    """Return the maximum number of pixels of an image.

    Raises
    ------
    UsageError
        If ``ZOO_MAX_PIXELS`` is not a positive whole number.
    """
    value = os.environ.get("ZOO_MAX_PIXELS")
    if not value:
        return MAX_PIXELS
    try:
        pixels = int(value)
    except ValueError:
        pixels = 0
    if pixels < 1:
        msg = f"ZOO_MAX_PIXELS is {value!r}; give a number of pixels, such as {MAX_PIXELS}"
        raise UsageError(msg)
    return pixels


class _Counting:
    """Mixin of files: refuses a file that takes too many reads."""

    reads = 0
    what = "the input"

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            msg = f"{self.what} takes more than {MAX_READS:,} reads, expected larger pieces"
            raise InputError(msg, kind="too-large")
        data: bytes = super().read(size)  # type: ignore[misc]
        return data

    def stop_counting(self) -> None:
        """Read as fast as other files from now on."""
        self.read = super().read  # type: ignore[method-assign, misc]


class CountedBytes(_Counting, io.BytesIO):
    """Bytes that are read as a file, with a limit on reads."""


class CountedFile(_Counting, io.BufferedReader):
    """A file with a limit on reads."""


def check_start(file: IO[bytes], what: str) -> None:
    """Refuse a file of which opening alone would take too long.

    Parameters
    ----------
    file
        The file, at its start; it is there again afterwards.
    what
        What to call it.

    Raises
    ------
    InputError
        Of kind ``"too-large"``.
    """
    start = file.read(4)
    if start.startswith(b"\xff\xd8\xff"):
        _check_segments(file, what)
    elif start[:2] in (b"II", b"MM"):
        _check_tags(file, what)
    file.seek(0)


def check_work(image: ImageFile, file: CountedBytes | CountedFile, length: int, what: str) -> None:
    """Refuse an opened image that would take too long to decode.

    Parameters
    ----------
    image
        The opened image; its size was checked.
    file
        Its file.
    length
        Bytes of the file.
    what
        What to call it.

    Raises
    ------
    InputError
        Of kind ``"too-large"``.
    """
    pixels = image.size[0] * image.size[1]
    if image.format in ("JPEG", "MPO"):
        here = file.tell()
        _check_segments(file, what, pixels=pixels, length=length)
        file.seek(here)
    elif image.format == "BMP" and image.tile and image.tile[0][0] == "bmp_rle":
        _limit(pixels + length, MAX_RLE, what, "run-length encoded pixels and bytes")
        file.stop_counting()  # two reads for each run: the bytes bound them
    elif image.format == "TIFF":
        _check_pieces(image, pixels, what)


def has_usable_exif(image: PillowImage) -> bool:
    """Whether the EXIF of an opened image is not too long to be looked at."""
    return len(image.info.get("exif") or b"") <= MAX_EXIF


def _limit(value: int, limit: int, what: str, unit: str, verb: str = "has") -> None:
    if value > limit:
        msg = f"{what} {verb} {value:,} {unit}, expected at most {limit:,}"
        raise InputError(msg, kind="too-large")


# JPEG


class _Segment(NamedTuple):
    """A segment of a JPEG: what it is, its bytes, the filling before it, and its first bytes."""

    marker: int
    size: int
    filling: int
    start: bytes


def _segments(file: IO[bytes]) -> Iterator[_Segment]:
    """Yield the segments of a JPEG, as its decoders find them."""
    position, scanning = 2, False
    while True:
        file.seek(position)
        block, begin, length = b"", position, 1 << 12
        while (found := MARKER.search(block)) is None:
            if not scanning and begin - position > MAX_TABLES:  # no need to look for its end
                yield _Segment(0, 0, begin - position, b"")
            # The first byte of a marker may be the last of a block.
            begin += len(block) - block.endswith(b"\xff")
            block = block[-1:] if block.endswith(b"\xff") else b""
            more = file.read(length)
            if not more:
                return
            block += more
            length = min(1 << 20, 4 * length)
        filling, position = begin + found.start() - position, begin + found.end()
        marker, size, start = found[0][1], 0, b""
        if marker not in BARE:
            file.seek(position)
            start = file.read(16)
            size = max(2, int.from_bytes(start[:2]))
            position += size
        scanning = scanning or marker == SOS
        yield _Segment(marker, size, filling, start[2:])


def _check_segments(file: IO[bytes], what: str, pixels: int = 0, length: int = 0) -> None:
    """Check a JPEG up to its first scan, or, given its pixels and bytes, to its end."""
    exif = metadata = tables = scans = components = 0
    several = False
    verb = "has at least"  # counting ends here
    for count, segment in enumerate(_segments(file), 1):
        if segment.marker == SOS:
            scans += 1
            if scans == 1:
                # One scan that holds all colours cannot be followed by another.
                several = several or segment.start[:1] != bytes([components])
                if not pixels or not several:
                    return
                _limit(length, MAX_SCANNED_BYTES, what, "bytes in several scans")
            most = max(1, SCANNED_PIXELS // pixels)
            _limit(scans, most, what, f"scans of {pixels:,} pixels", verb)
        elif segment.marker == EOI and scans:
            return
        elif segment.marker in FRAMES:
            components = segment.start[5] if len(segment.start) > 5 else 0
            several = segment.marker not in (0xC0, 0xC1)
        if segment.marker in METADATA:
            metadata += segment.size
            exif += segment.start.startswith(b"Exif\0\0")
        else:
            tables += segment.size
        tables += 0 if scans else segment.filling  # in a scan, the filling is pixels
        _limit(count, MAX_SEGMENTS, what, "segments", verb)
        _limit(exif, MAX_EXIF_SEGMENTS, what, "segments of EXIF", verb)
        _limit(metadata, MAX_METADATA, what, "bytes of metadata", verb)
        _limit(tables, MAX_TABLES, what, "bytes of tables and filling", verb)


# TIFF


def _check_tags(file: IO[bytes], what: str) -> None:
    """Check the first directory of a TIFF, and those of its EXIF."""
    file.seek(0)
    head = file.read(16)
    try:
        layout = _Layout("<" if head.startswith(b"II") else ">", head[2] == 43)
        (address,) = struct.unpack_from(layout.order + layout.long, head, 8 if layout.big else 4)
        numbers, further = _count_numbers(file, address, layout, what)
        for address in further:
            numbers += _count_numbers(file, address, layout, what)[0]
    except (struct.error, IndexError, OSError, ValueError, OverflowError):
        return  # Pillow says what is wrong
    _limit(numbers, MAX_NUMBERS, what, "numbers in its tags")


class _Layout(NamedTuple):
    """Order of bytes of a TIFF, and whether its addresses have 8 bytes."""

    order: str
    big: bool

    @property
    def long(self) -> str:
        return "Q" if self.big else "L"


def _count_numbers(
    file: IO[bytes], address: int, layout: _Layout, what: str
) -> tuple[int, list[int]]:
    """Return how many numbers a TIFF directory has, and the addresses of those of its EXIF."""
    order, long = layout.order, layout.long
    entry = struct.Struct(f"{order}HH{long}{struct.calcsize(order + long)}s")
    head = struct.Struct(order + ("Q" if layout.big else "H"))
    file.seek(address)
    (tags,) = head.unpack(file.read(head.size))
    _limit(tags, MAX_TAGS, what, "tags")
    data = file.read(tags * entry.size)
    numbers, further = 0, []
    for tag, kind, count, value in entry.iter_unpack(data[: len(data) // entry.size * entry.size]):
        numbers += 0 if kind in (1, 2, 7) else count
        if tag in (34665, 34853, 40965) and kind in ADDRESSES:
            further.append(struct.unpack_from(order + ADDRESSES[kind], value)[0])
    return numbers, further


def _check_pieces(image: Any, pixels: int, what: str) -> None:
    """Check the strips and tiles of an opened TIFF."""
    _limit(len(image.tile), MAX_PIECES, what, "strips or tiles")
    bands = len(image.getbands()) + 1
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for _, box, *_ in image.tile)
    _limit(area, bands * pixels, what, "pixels in its strips or tiles")
    across, down = image.tag_v2.get(322), image.tag_v2.get(323)
    if isinstance(across, int) and isinstance(down, int) and across > 0 and down > 0:
        # Tiles are decoded as a whole, also where they reach beyond the image.
        width, height = -(-image.size[0] // across) * across, -(-image.size[1] // down) * down
        _limit(width * height, 2 * max_pixels(), what, "pixels in its tiles")
