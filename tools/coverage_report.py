"""Judge the lines that the tests reach: of every module, in the quick tier and in all that ran.

``nox -s coverage`` calls it after both tiers, ``.ci/run`` once more after the other backends. It
writes coverage.md and exits with 1 where a module is below its bound.
"""

from __future__ import annotations

import sys
from pathlib import Path

from coverage import Coverage, CoverageData

ROOT = Path(__file__).parents[1]
AT_LEAST = 85.0
"""Per cent of a module's lines in the quick tier."""
BELOW = 5.0
"""How many points the quick tier may be below both tiers."""
ELSEWHERE = {
    "plugins/zoo_vision/convert_efficientnet_lite0.py": "torch",
    "zoo/backend/seeding.py": "TensorFlow and torch",
    "zoo/training/steps/compiled.py": "TensorFlow and torch",
    "zoo/training/steps/traced.py": "torch",
    "zoo/tuning/engines.py": "Ray",
}
"""Modules that need what ``dev`` lacks: judged by all that ran, where the backends are among it."""


def shares(folders: list[Path]) -> dict[str, float]:
    """Return the per cent of lines that were reached, by module."""
    coverage = Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml"))
    for file in (file for folder in folders for file in folder.iterdir()):
        data = CoverageData(str(file))
        data.read()
        coverage.get_data().update(data)
    # A process in another folder names a file by its whole path: one file may have two names.
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
    """Print and write the table; return the exit status."""
    folders = sorted(path for path in ROOT.glob(".coverage-*") if path.is_dir())
    tiers = [ROOT / ".coverage-quick", ROOT / ".coverage-slow"]
    quick, both, every = shares(tiers[:1]), shares(tiers), shares(folders)
    others = len(folders) > len(tiers)
    rows, low = [], []
    for name, share in sorted(every.items()):
        first = quick.get(name, 0.0)
        needs = ELSEWHERE.get(name, "")
        if needs:
            good = share >= AT_LEAST or needs == "Ray" or not others
        else:
            good = first >= AT_LEAST and both[name] - first <= BELOW
        note = " ".join([*(["LOW"] if not good else []), *([f"needs {needs}"] if needs else [])])
        rows.append(f"| {name} | {first:.0f} | {both[name]:.0f} | {share:.0f} | {note} |")
        if not good:
            low.append(rows[-1])
    measured = ", ".join(folder.name.removeprefix(".coverage-") for folder in folders)
    head = f"Per cent of lines in the quick tier, in both, and in all that ran ({measured}).\n\n"
    table = "| module | quick | both | all | |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    (ROOT / "coverage.md").write_text(head + table, encoding="utf-8")
    print(*low, f"{len(low)} of {len(rows)} modules are below their bound", sep="\n")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main())
