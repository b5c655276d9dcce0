"""Judge how many lines of each module the tests reach, in the quick tier and in all tiers that ran.

``nox -s coverage`` runs a tier and records its lines; ``.ci/run`` calls this script after all tiers
and backends. It writes coverage.md and exits with 1 if a module is below its bound.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from coverage import Coverage, CoverageData
from coverage.exceptions import CoverageException

ROOT = Path(__file__).parents[1]
MIN_SHARE = 85.0
"""Percentage of a module's lines that the quick tier must reach."""
MAX_GAP = 5.0
"""Percentage points by which the quick tier may be below both tiers."""
NEEDS = {
    "plugins/zoo_vision/convert_efficientnet_lite0.py": "torch",
    "zoo/backend/seeding.py": "TensorFlow and torch",
    "zoo/training/steps/compiled.py": "TensorFlow and torch",
    "zoo/training/steps/traced.py": "torch",
    "zoo/tuning/engines.py": "Ray",
}
"""Modules that need what ``dev`` lacks: judged by all that ran, if other backends are among it."""


def line_shares(folders: list[Path]) -> dict[str, float]:
    """Return the percentage of lines that were reached, by module."""
    coverage = Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml"))
    for file in (file for folder in folders for file in folder.iterdir()):
        data = CoverageData(str(file))
        with suppress(CoverageException):  # a test killed the process while it wrote
            data.read()
            coverage.get_data().update(data)
    # A process in another folder records absolute paths: one file may have two names.
    reached: dict[str, set[int]] = {}
    lines: dict[str, set[int]] = {}
    for path in coverage.get_data().measured_files():
        name = Path(path).resolve().relative_to(ROOT).as_posix()
        reached.setdefault(name, set()).update(coverage.get_data().lines(path) or ())
        lines[name] = set(coverage.analysis2(path)[1])
    return {
        name: 100 * len(all_ & reached[name]) / len(all_) if all_ else 100.0
        for name, all_ in lines.items()
    }


def main() -> int:
    """Write the table, print the modules below their bound, and return the exit status."""
    folders = sorted(path for path in ROOT.glob(".coverage-*") if path.is_dir())
    tiers = [ROOT / ".coverage-quick", ROOT / ".coverage-slow"]
    quick, both, total = line_shares(tiers[:1]), line_shares(tiers), line_shares(folders)
    has_backends = len(folders) > len(tiers)
    rows, low = [], []
    for name, share in sorted(total.items()):
        quick_share = quick.get(name, 0.0)
        needs = NEEDS.get(name, "")
        if needs:
            passes = share >= MIN_SHARE or needs == "Ray" or not has_backends
        else:
            passes = quick_share >= MIN_SHARE and both[name] - quick_share <= MAX_GAP
        note = " ".join([*(["LOW"] if not passes else []), *([f"needs {needs}"] if needs else [])])
        rows.append(f"| {name} | {quick_share:.0f} | {both[name]:.0f} | {share:.0f} | {note} |")
        if not passes:
            low.append(rows[-1])
    measured = ", ".join(folder.name.removeprefix(".coverage-") for folder in folders)
    head = f"Percentage of lines in the quick tier, in both, and in all that ran ({measured}).\n\n"
    table = "| module | quick | both | all | |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    (ROOT / "coverage.md").write_text(head + table, encoding="utf-8")
    print(*low, f"{len(low)} of {len(rows)} modules are below their bound", sep="\n")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main())
