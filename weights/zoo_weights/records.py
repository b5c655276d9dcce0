"""Records: what a file is, where it comes from, and how to verify it."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from .text import printable

_HEX = re.compile(r"[0-9a-f]+")


class FileRecord(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One file, named by its hash.

    Parameters
    ----------
    urls
        Where to download it, in the order to try; http or https.
    file
        Path of a file shipped in a package, relative to the folder of the spec that declares it.
    sha256, md5
        Lower-case hex digests. Give `md5` only where the publisher states nothing else.
    bytes
        Size of the file in bytes.
    licence
        SPDX identifier or a short phrase.
    source
        Who published it: a page, a paper, a repository.

    Raises
    ------
    ValueError
        A field is invalid. While decoding, msgspec turns this into a ``ValidationError`` that
        names the place.
    """

    urls: tuple[str, ...] = ()
    file: str | None = None
    sha256: str | None = None
    md5: str | None = None
    bytes: int | None = None
    licence: str = ""
    source: str = ""

    @property
    def name(self) -> str:
        """Base name of the file, for people; empty if the record names no file."""
        return (self.file or (urlsplit(self.urls[0]).path if self.urls else "")).rpartition("/")[2]

    def __post_init__(self) -> None:
        for url in self.urls:
            _check_url(url)
        if self.file is not None:
            _check_relative(self.file)
        _check_hash("sha256", self.sha256, 64)
        _check_hash("md5", self.md5, 32)
        if self.bytes is not None and self.bytes <= 0:
            message = f"bytes is {self.bytes}; give a positive number of bytes"
            raise ValueError(message)


class WeightsRecord(FileRecord, frozen=True, kw_only=True):
    """One file of a model's trained weights.

    Parameters
    ----------
    tag
        Name of these weights within the model, such as ``"imagenet"``.
    format
        ``"keras"`` is a Keras 3 ``.weights.h5``, ``"keras-legacy"`` the older HDF5 layout,
        ``"bundle"`` a trained model that zoo wrote.
    ignore
        Names of layers in the file that the model does not have. Nothing else is ever skipped.
    lacks
        Layers of the model that the file does not hold (names, ``*`` allowed), such as a new head;
        they keep fresh initial values.
    golden
        Path of an example with its expected output, relative to the folder of the spec.
    summary
        One line for people.
    """

    tag: str
    format: Literal["keras", "keras-legacy", "bundle"] = "keras"
    ignore: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    golden: str | None = None
    summary: str = ""

    def __post_init__(self) -> None:
        FileRecord.__post_init__(self)
        if not self.tag or self.tag != printable(self.tag) or self.tag != self.tag.strip():
            message = f"tag is {printable(self.tag)!r}; give a short printable name"
            raise ValueError(message)
        if self.golden is not None:
            _check_relative(self.golden)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
        _ = parts.port  # raises if the port is not a number
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url:
        message = f"url {printable(url)!r} is not a plain http(s)://host/path address"
        raise ValueError(message)


def _check_relative(path: str) -> None:
    parts = path.split("/")
    escapes = any(part in ("", ".", "..") for part in parts) or "\\" in path or ":" in parts[0]
    if escapes or not path.isprintable():
        message = (
            f"file {printable(path)!r} does not stay inside its folder; give a relative path "
            "with forward slashes and no '..'"
        )
        raise ValueError(message)


def _check_hash(name: str, value: str | None, length: int) -> None:
    if value is not None and (len(value) != length or not _HEX.fullmatch(value)):
        message = f"{name} is {printable(value)!r}; expected {length} lower-case hex digits"
        raise ValueError(message)
