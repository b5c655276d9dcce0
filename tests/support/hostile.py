"""Files with the suffix of an image that are damaged, disguised, or built to exhaust the reader."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif",
           "WEBP": ".webp"}  # fmt: skip


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def photo(rng: random.Random, side: int = 48) -> Image.Image:
    """Return a small image with some structure, in colours of its own."""
    noise = Image.frombytes("RGB", (6, 6), rng.randbytes(108))
    return noise.resize((side, side - 8), Image.Resampling.BICUBIC)


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 2):
    """Return a PNG of any header and chunks."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """Return a TIFF of one directory; `following` is the address of the next."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + struct.pack("<I", following)
    )


def _truncated(rng: random.Random, kind: str) -> bytes:
    data = encoded(photo(rng), kind)
    return data[: rng.randrange(1, len(data) * 3 // 4)]


def _overwritten(rng: random.Random, kind: str) -> bytes:
    data = bytearray(encoded(photo(rng), kind))
    for _ in range(rng.randrange(1, 40)):
        data[rng.randrange(2, len(data))] = rng.randrange(256)
    return bytes(data)


def _lzw_damaged(rng: random.Random, kind: str) -> bytes:
    compression = rng.choice(["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
    data = bytearray(encoded(photo(rng), "TIFF", compression=compression))
    for _ in range(20):
        data[rng.randrange(8, len(data))] = rng.randrange(256)
    return bytes(data)


def _exif_loop(rng: random.Random, kind: str) -> bytes:
    exif = b"Exif\0\0" + tiff((0x8769, 4, 1, 8), (0x0112, 3, 1, 6), following=8)
    return encoded(photo(rng), "JPEG", exif=exif)


def _archive(rng: random.Random, kind: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.png", rng.randbytes(50))
    return file.getvalue()


def _animated(rng: random.Random, kind: str) -> bytes:
    frames = [photo(rng) for _ in range(3)]
    kind = rng.choice(["GIF", "PNG", "WEBP", "TIFF"])
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    return data[: len(data) - rng.randrange(0, len(data) // 2)]


def _modes(rng: random.Random, kind: str) -> bytes:
    mode, kind = rng.choice([("CMYK", "TIFF"), ("I;16", "PNG"), ("F", "TIFF"), ("LA", "PNG"),
                             ("1", "TIFF"), ("I", "TIFF"), ("CMYK", "JPEG")])  # fmt: skip
    image = photo(rng).convert("L")
    data = encoded(image.convert(mode) if mode != "I;16" else image.convert("I;16"), kind)
    return data[: len(data) - rng.randrange(0, 60)]


HOSTILE: dict[str, Callable[[random.Random, str], bytes]] = {
    "truncated": _truncated,
    "overwritten": _overwritten,
    "damaged TIFF": _lzw_damaged,
    "EXIF loop": _exif_loop,
    "zip": _archive,
    "animation": _animated,
    "mode": _modes,
    "empty": lambda rng, kind: b"",
    "text": lambda rng, kind: f"not an image, {rng.random()}\n".encode(),
    "svg": lambda rng, kind: b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9"/></svg>',
    "PostScript": lambda rng, kind: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "noise": lambda rng, kind: rng.randbytes(rng.randrange(1, 500)),
    "signature": lambda rng, kind: encoded(photo(rng), kind)[:12] + rng.randbytes(80),
    "huge header": lambda rng, kind: png(
        rng.choice([1, 20_000, 2**31 - 1]), 2**31 - 1, (b"IDAT", zlib.compress(b"\0" * 100))
    ),
    "bomb": lambda rng, kind: png(12_000, 12_000, (b"IDAT", zlib.compress(b"\0" * 2_000_000))),
    "text bomb": lambda rng, kind: png(
        8, 8, (b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 5_000_000)), (b"IDAT", b"\0")
    ),
    "bad palette": lambda rng, kind: png(
        4, 4, (b"PLTE", b"\1\2\3"), (b"IDAT", zlib.compress((b"\0" + b"\xff" * 4) * 4)), colour=3
    ),
    "bad checksum": lambda rng, kind: encoded(photo(rng), "PNG").replace(b"IDAT", b"IDAX"),
    "TIFF loop": lambda rng, kind: tiff((256, 4, 1, 9), (257, 4, 1, 9), following=8),
    "TIFF offsets": lambda rng, kind: tiff(
        (256, 4, 1, 9), (257, 4, 1, 9), (259, 3, 1, 5), (273, 4, 1, 2**32 - 1),
        (278, 4, 1, 2**32 - 1), (279, 4, 1, 2**32 - 1),
    ),
    "TIFF tiles": lambda rng, kind: tiff(
        (256, 4, 1, 99), (257, 4, 1, 99), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (322, 4, 1, 2**31 - 16), (323, 4, 1, 2**31 - 16), (324, 4, 1, 8), (325, 4, 1, 90),
    ),
}  # fmt: skip
"""What makes a file hostile, and how one is made, given a source of chance and a format."""


def run_length_bmp(width: int, height: int, runs: bytes) -> bytes:
    """Return a BMP of one byte per pixel, run-length encoded."""
    palette = b"".join(bytes([grey, grey, grey, 0]) for grey in range(256))
    start = 54 + len(palette)
    head = struct.pack("<IHHI", start + len(runs), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + head + info + palette + runs


def more_segments(*segments: bytes, side: int = 16) -> bytes:
    """Return a JPEG with these bytes between its start and the first segment."""
    data = encoded(Image.new("RGB", (side, side)), "JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def many_scans(width: int, height: int, count: int) -> bytes:
    """Return a grey progressive JPEG that repeats its second scan so many times."""
    data = encoded(Image.new("L", (width, height), 128), "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    # The tables of the third scan follow the second one.
    end = min(data.index(marker, second + 2) for marker in (b"\xff\xc4", b"\xff\xda", b"\xff\xd9"))
    return data[:end] + data[second:end] * count + data[end:]


def many_strips(count: int, side: int = 100) -> bytes:
    """Return an uncompressed grey TIFF of so many strips of a row, all of them at one address."""
    entries = (
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, count, 122), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, side),
    )  # fmt: skip
    return tiff(*entries) + struct.pack("<I", 122) * count


def repeated_tiles(count: int, side: int = 200) -> bytes:
    """Return an uncompressed TIFF with so many tiles, two of which cover it."""
    entries = (
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (322, 4, 1, side // 2), (323, 4, 1, side), (324, 4, count, 122), (325, 4, 1, side),
    )  # fmt: skip
    return tiff(*entries) + struct.pack("<I", 122) * count + b"\0" * side * side


WORK: dict[str, tuple[Callable[[], bytes], str]] = {
    "ends of rows": (
        lambda: run_length_bmp(100_000_000, 1, b"\1\1\0\0\0\1"),
        "has 100,001,084 run-length encoded pixels and bytes, expected at most 12,000,000",
    ),
    "runs": (
        lambda: run_length_bmp(100, 100, b"\1\7" * 6_500_000),
        "has 13,011,078 run-length encoded pixels and bytes, expected at most 12,000,000",
    ),
    "scans": (
        lambda: many_scans(1000, 1000, 6000),
        "has at least 5,001 scans of 1,000,000 pixels, expected at most 5,000",
    ),
    "comments": (
        lambda: more_segments(*[segment(0xFE, b"a")] * 11_000),
        "has at least 10,001 segments, expected at most 10,000",
    ),
    "EXIF": (
        lambda: more_segments(*[segment(0xE1, b"Exif\0\0ab")] * 200),
        "has at least 101 segments of EXIF, expected at most 100",
    ),
    "EXIF in a segment without length": (
        lambda: more_segments(b"\xff\xf0\xff\x00", *[segment(0xE1, b"Exif\0\0ab")] * 200),
        "has at least 101 segments of EXIF, expected at most 100",
    ),
    "metadata": (
        lambda: more_segments(*[segment(0xED, b"Photoshop 3.0\0" + b"\0" * 65_000)] * 600),
        "has at least 33,613,272 bytes of metadata, expected at most 33,554,432",
    ),
    "tables": (
        lambda: more_segments(*[segment(0xDB, (b"\0" + b"\1" * 64) * 1000)] * 20),
        "has at least 1,105,034 bytes of tables and filling, expected at most 1,048,576",
    ),
    "filling": (
        lambda: more_segments(b"\xff" * 4_000_000),
        "has at least 1,396,735 bytes of tables and filling, expected at most 1,048,576",
    ),
    "chunks": (
        lambda: empty_chunks(800_000),
        "takes more than 1,500,000 reads, expected larger pieces",
    ),
    "strips": (
        lambda: many_strips(150_000),
        "has 150,000 strips or tiles, expected at most 100,000",
    ),
    "addresses": (
        lambda: many_strips(600_000),
        "has 600,008 numbers in its tags, expected at most 500,000",
    ),
    "tags": (
        lambda: tiff(*[(tag, 3, 1, 0) for tag in range(256, 5256)]),
        "has 5,000 tags, expected at most 4,096",
    ),
    "tiles that repeat": (
        lambda: repeated_tiles(50),
        "has 1,000,000 pixels in its strips or tiles, expected at most 80,000",
    ),
    "tiles beyond the image": (
        lambda: tiff(
            (256, 4, 1, 90_000), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1),
            (322, 4, 1, 16), (323, 4, 1, 16_000), (324, 4, 1, 8), (325, 4, 1, 90),
        ),
        "has 1,440,000,000 pixels in its tiles, expected at most 200,000,000",
    ),
}  # fmt: skip
"""Files that take much more work than their pixels need, and what is said of each."""


def empty_chunks(count: int) -> bytes:
    """Return a PNG with so many chunks of no pixels before those of its pixels."""
    data = png(8, 8, (b"IDAT", zlib.compress((b"\0" + b"\x40" * 24) * 8)))
    start = data.index(b"IDAT") - 4
    empty = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return data[:start] + empty * count + data[start:]


def write_hostile(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write so many hostile files of every kind and return their paths."""
    rng = random.Random(seed)
    kinds = list(HOSTILE)
    paths = []
    for number in range(count):
        format_ = rng.choice(list(FORMATS))
        kind = kinds[number % len(kinds)]
        path = folder / f"{rng.randrange(10**6):06}-{kind.replace(' ', '-')}{FORMATS[format_]}"
        path.write_bytes(HOSTILE[kind](rng, format_))
        paths.append(path)
    return paths


def write_good(folder: Path, count: int, seed: int = 1) -> list[Path]:
    """Write so many good images and return their paths."""
    rng = random.Random(seed)
    paths = []
    for _ in range(count):
        format_ = rng.choice(list(FORMATS))
        path = folder / f"{rng.randrange(10**6):06}-good{FORMATS[format_]}"
        path.write_bytes(encoded(photo(rng, rng.randrange(30, 300)), format_))
        paths.append(path)
    return paths


def large_images(folder: Path, count: int, seed: int = 2) -> Iterator[Path]:
    """Write images of 80 to 99 megapixels in four formats, and yield their paths."""
    rng = random.Random(seed)
    for number in range(count):
        format_ = ("PNG", "JPEG", "TIFF", "WEBP")[number % 4]
        size = rng.randrange(9000, 9950), rng.randrange(9000, 9950)
        image = photo(rng).resize(size, Image.Resampling.NEAREST)
        options: dict[str, object] = {
            "PNG": {"compress_level": 1},
            "JPEG": {"quality": 50, "progressive": number % 8 == 1, "subsampling": 0},
            "TIFF": {"compression": ("tiff_lzw", None)[number % 8 // 4]},
            "WEBP": {"quality": 10, "method": 0},
        }[format_]
        path = folder / f"{number:02}{FORMATS[format_]}"
        image.save(path, format_, **options)
        yield path
