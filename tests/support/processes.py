"""Commands in processes of their own that start fast, and die when a test wants it.

A server process imports what all commands need, and forks for each one. It never computes: no
backend starts before the fork.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

CHANGES = frozenset(
    {
        "fcntl.flock", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
        "os.truncate", "os.utime",
    }
)  # fmt: skip
"""Audit events of calls that change the disk; so does `open` for writing."""

PRELOADED = ("processes", "h5py", "numpy", "requests", "zoo_cli.main", "zoo_cli.commands.weights")


@dataclass(frozen=True)
class Faults:
    """What befalls a process.

    Attributes
    ----------
    change
        The change to the disk, counted from 1, before which it is killed; 0 for none.
    delay
        Seconds after that at which it is killed.
    file_limit
        Maximum size of the files that it writes, in bytes: a disk that is full.
    bound
        Whether the permissions of files bind it even if it is root's.
    """

    change: int = 0
    delay: float = 0.0
    file_limit: int | None = None
    bound: bool = False


@dataclass
class Running:
    """A command that runs."""

    process: ForkServerProcess
    changes: Any
    out: Path
    err: Path

    def wait(self, seconds: float = 300) -> int:
        """Wait for the end and return the exit status, negative for a signal."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, "it never ends"
        return self.process.exitcode

    @property
    def errors(self) -> str:
        return self.err.read_text(errors="replace")


def start(
    *arguments: str | Path, folder: Path, env: dict[str, str], faults: Faults | None = None
) -> Running:
    """Start `zoo` in a folder; what it prints goes to files beside that."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(list(PRELOADED))
    number = sum(1 for _ in folder.parent.glob(f"{folder.name}.*.out"))
    out, err = (folder.parent / f"{folder.name}.{number}.{end}" for end in ("out", "err"))
    changes = server.Value("i", 0, lock=False)
    process = server.Process(
        target=_run,
        args=([str(a) for a in arguments], folder, env, out, err, changes, faults or Faults()),
    )
    out.touch()  # takes its number
    process.start()
    return Running(process, changes, out, err)


def _run(
    arguments: list[str],
    folder: Path,
    env: dict[str, str],
    out: Path,
    err: Path,
    changes: Any,
    faults: Faults,
) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), number)
    os.environ.update(env)
    sys.path[:0] = env.get("PYTHONPATH", "").split(os.pathsep)
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # no process that draws later
    os.chdir(folder)
    if faults.file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (faults.file_limit, faults.file_limit))
    if faults.bound and os.getuid() == 0:
        _drop_override()
    _count_changes(changes, faults)
    from zoo_cli.main import run

    status = run(arguments)
    sys.stdout.flush()
    sys.exit(status)


def _drop_override() -> None:
    """Give up root's right to read and write what permissions forbid (Linux only)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable; low words, high words
    system = ctypes.CDLL(None, use_errno=True)
    assert system.capget(header, sets) == 0
    for place in range(3):
        sets[place] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert system.capset(header, sets) == 0


def _count_changes(changes: Any, faults: Faults) -> None:
    """Count the changes to the disk, and die at the one that was asked for."""

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            flags = arguments[2] or 0
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event not in CHANGES:
            return
        changes.value += 1
        if changes.value == faults.change:
            if not faults.delay:
                die()
            threading.Timer(faults.delay, die).start()

    sys.addaudithook(count)
