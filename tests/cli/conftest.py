"""The command line inside this process: Keras is imported once for many commands."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `zoo ARGUMENTS` in an empty folder; `stdin` is bytes."""
    from zoo_cli.main import run
    from zoo_cli.options import State

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        # A process has these once; the next command here is another process to its user.
        monkeypatch.setattr(State, "verbosity", 0)
        monkeypatch.setattr(State, "quiet", False)
        for name in ("ZOO_QUIET", "ZOO_OFFLINE"):
            monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            status = run([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return Result(status, done.out, done.err)

    return call
