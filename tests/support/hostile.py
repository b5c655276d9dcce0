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
