"""Fixtures for the tests of weights files."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo_weights


@pytest.fixture
def content() -> bytes:
    """Return a mebibyte of noise, the same every time."""
    return random.Random(1).randbytes(1 << 20)


@pytest.fixture
def sha256() -> Callable[[bytes], str]:
    return lambda data: hashlib.sha256(data).hexdigest()


@pytest.fixture
def python() -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts code in a fresh interpreter able to import the package."""

    def start(code: str, *args: object, **env: str) -> subprocess.Popen[str]:
        room = str(Path(zoo_weights.__file__).parents[1])
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, args)],
            env={**os.environ, "PYTHONPATH": room, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
