"""One file, and how the tests of misbehaving servers download it."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from zoo_weights import download

DATA = random.Random(3).randbytes(100_000)  # more than one block
SHA = hashlib.sha256(DATA).hexdigest()
LEN = f"Content-Length: {len(DATA)}"


def fetch(*urls: str, target: Path, retries: int = 0, seconds: float = 30.0) -> None:
    digest = download(urls, target, sha256=SHA, size=len(DATA), timeout=(5, 1.0), retries=retries,
                      seconds=seconds)  # fmt: skip
    assert digest == SHA


def assert_only_the_file(target: Path) -> None:
    assert target.read_bytes() == DATA
    assert {path.name for path in target.parent.iterdir()} == {"x.bin", ".x.bin.lock"}
