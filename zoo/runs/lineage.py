"""What runs came from, told among other runs: the parent one went on with, or its members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.inference.origin import lineage_in
from zoo.runs.records import RunRecord, find_runs
from zoo.runs.run import MEMBER


def ancestors(run: RunRecord) -> list[dict[str, Any]]:
    """Return the references to the runs that a run came from: parent or members."""
    lineage = lineage_in(run.environment)
    parent = [lineage["parent"]] if "parent" in lineage else []
    return [*parent, *lineage.get("members", ())]


def with_members(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return runs and those that lie inside them as their members."""
    found = list(runs)
    inside = [run.path / MEMBER for run in found if (run.path / MEMBER).is_dir()]
    return [*found, *(member for folder in inside for member in find_runs(folder))]


def located(reference: Mapping[str, Any], runs: Iterable[RunRecord]) -> RunRecord | None:
    """Return the run that a reference names: by its identity, else by its path.

    A path counts only where the reference has no identity: another run may lie there by now.
    """
    if identity := reference.get("id"):
        return next((run for run in runs if run.environment.get("id") == identity), None)
    path = reference.get("path")
    return next((run for run in runs if path and run.path.resolve() == Path(path).resolve()), None)


def described(run: RunRecord, runs: Iterable[RunRecord] = ()) -> str:
    """Return in a few words what a run came from; empty for a first training."""
    lineage = lineage_in(run.environment)
    names = [_name(reference, runs) for reference in ancestors(run)]
    if not names:
        return ""
    if lineage["members"]:
        return f"ensemble of {', '.join(names)}"
    rows = {"new": "new rows", "both": "old and new rows"}.get(str(lineage.get("strategy")), "rows")
    return f"retrained from {names[0]} on {rows}"


def _name(reference: Mapping[str, Any], runs: Iterable[RunRecord]) -> str:
    run = located(reference, runs)
    if run is not None:
        return str(run.path)
    return str(reference.get("path") or reference.get("weights") or reference.get("model") or "?")


def children(run: RunRecord, runs: Iterable[RunRecord]) -> Iterator[RunRecord]:
    """Yield those of the runs that came from a run."""
    for other in runs:
        if other is not run and any(located(ref, [run]) for ref in ancestors(other)):
            yield other
