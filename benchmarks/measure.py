"""Whole processes, timed side by side: what every benchmark shares."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

ZOO = (sys.executable, "-c", "from zoo_cli.main import main; main()")


@dataclass(frozen=True)
class Cost:
    """What one process took: wall-clock seconds and peak resident bytes."""

    seconds: float
    peak: int


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, its output thrown away; raise if it fails."""
    start = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    child = os.posix_spawnp(
        command[0],
        command,
        {**os.environ, **(env or {})},
        file_actions=[(os.POSIX_SPAWN_DUP2, null, stream) for stream in (0, 1)],
    )
    _, status, usage = os.wait4(child, 0)
    os.close(null)
    seconds = time.perf_counter() - start
    if status:
        msg = f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}"
        raise RuntimeError(msg)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds, usage.ru_maxrss * kilobyte)


def side_by_side(
    commands: Mapping[str, Sequence[str]], times: int, env: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Return the median seconds of each command; one warm-up, then in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(times + 1):
        for name, command in commands.items():
            cost = run(command, env)
            if turn:
                seconds[name].append(cost.seconds)
    return {name: statistics.median(values) for name, values in seconds.items()}


def machine() -> str:
    """Return processor count, platform and versions, for the head of a table."""
    packages = []
    for name in ("keras-zoo", "keras", "jax", "tensorflow-cpu", "torch", "numpy", "click"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {', '.join(packages)}"
    )
