"""Time complete processes side by side; shared by all benchmarks."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
RECORDS, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"
START, END = "<!-- ratios -->\n", "<!-- end of ratios -->"

ZOO = (sys.executable, "-c", "from zoo_cli.main import main; main()")


@dataclass(frozen=True)
class Cost:
    """The cost of one process: wall-clock seconds and peak resident bytes."""

    seconds: float
    peak: int


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, discarding its output; raise if it fails."""
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
    """Return the median seconds of each command, run in turns after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(times + 1):
        for name, command in commands.items():
            cost = run(command, env)
            if turn:
                seconds[name].append(cost.seconds)
    return {name: statistics.median(values) for name, values in seconds.items()}


def machine() -> str:
    """Return processor count, platform and versions."""
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


@dataclass(frozen=True)
class Ratio:
    """What zoo needs, divided by what a peer needs for the same work.

    Attributes
    ----------
    work
        What zoo does.
    peer
        What it is compared with.
    value
        The ratio of the medians; below 1 if zoo needs less.
    aim
        The largest acceptable ratio, if there is one.
    note
        What one of the two does in addition.
    """

    work: str
    peer: str
    value: float
    aim: float | None = None
    note: str = ""


def report(*ratios: Ratio) -> None:
    """Print ratios with the machine, and replace older ones in docs/benchmarks.md."""
    print(machine())
    for ratio in ratios:
        print(f"{ratio.work:44} {ratio.value:.3g} x {ratio.peer}")
    stored = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.is_file() else []
    records = {(record["work"], record["peer"]): record for record in stored}
    for ratio in ratios:
        records[ratio.work, ratio.peer] = {**asdict(ratio), "machine": machine()}
    lines = (json.dumps(record) for record in records.values())
    RECORDS.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    table = _table(list(records.values()))
    PAGE.write_text(f"{before}{START}{table}{END}{after}", encoding="utf-8")


def _table(records: Sequence[Mapping[str, object]]) -> str:
    machines = list(dict.fromkeys(str(record["machine"]) for record in records))
    lines = ["", "| work | ratio | aim | against | machine |", "| --- | --- | --- | --- | --- |"]
    for record in records:
        aim = "-" if record["aim"] is None else f"{record['aim']}"
        peer = f"{record['peer']}; {record['note']}" if record["note"] else record["peer"]
        number = machines.index(str(record["machine"])) + 1
        lines.append(f"| {record['work']} | {record['value']:.3g} | {aim} | {peer} | {number} |")
    lines += ["", *(f"{number}. {text}" for number, text in enumerate(machines, 1)), ""]
    return "\n".join(lines) + "\n"
