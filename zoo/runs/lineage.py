"""The lineage of runs: the parent a run was retrained from, or the members of an ensemble."""

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
    """Return runs and the runs inside them that are their members."""
    outer = list(runs)
    folders = [run.path / MEMBER for run in outer if (run.path / MEMBER).is_dir()]
    return [*outer, *(member for folder in folders for member in find_runs(folder))]


def resolve_reference(reference: Mapping[str, Any], runs: Iterable[RunRecord]) -> RunRecord | None:
    """Return the run that a reference names, by its identity, else by its path.

    The path counts only if the reference has no identity: another run may be there by now.
    """
    if identity := reference.get("id"):
        return next((run for run in runs if run.environment.get("id") == identity), None)
    try:
        path = Path(reference["path"]).resolve()
    except (KeyError, OSError, RuntimeError, ValueError):  # no path; any text; links in a circle
        return None
    return next((run for run in runs if run.path.resolve() == path), None)


def describe_origin(run: RunRecord, runs: Iterable[RunRecord] = ()) -> str:
    """Return in a few words what a run came from; empty if it was trained from scratch."""
    lineage = lineage_in(run.environment)
    names = [_reference_name(reference, runs) for reference in ancestors(run)]
    if not names:
        return ""
    if lineage["members"]:
        return f"ensemble of {', '.join(names)}"
    rows = {"new": "new rows", "both": "old and new rows"}.get(str(lineage.get("strategy")), "rows")
    return f"retrained from {names[0]} on {rows}"


def _reference_name(reference: Mapping[str, Any], runs: Iterable[RunRecord]) -> str:
    run = resolve_reference(reference, runs)
    if run is not None:
        return str(run.path)
    return str(reference.get("path") or reference.get("weights") or reference.get("model") or "?")


def children(run: RunRecord, runs: Iterable[RunRecord]) -> Iterator[RunRecord]:
    """Yield the runs that came from a run."""
    for other in runs:
        if other is not run and any(resolve_reference(ref, [run]) for ref in ancestors(other)):
            yield other
