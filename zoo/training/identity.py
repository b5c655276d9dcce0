"""The identity of a training: what must be the same when it resumes, and what should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.errors import OtherTraining, UsageError
from zoo.runs.run import Run
from zoo.spec.toml import spec_to_data

IGNORED = ("picked_seed", "seeds", "starts")
"""Fields of a recipe that change nothing in a training whose seed is known."""

MAX_DIFFERENCES = 5
"""Differences that a message names, at most."""


def identity_of(run: Run) -> dict[str, Any]:
    """Return what must be the same when a training resumes, and its versions."""
    facts = run.environment
    identity = {"spec": spec_to_data(run.spec), "seed": run.seed}
    identity |= {name: facts[name] for name in ("backend", "versions") if name in facts}
    if "data" in facts:
        identity["data"] = {part: content["sha256"] for part, content in facts["data"].items()}
    return identity


def check_same(
    path: Path, before: dict[str, Any], now: dict[str, Any], *, exact: bool = False
) -> list[str]:
    """Compare a training that resumes with its start.

    Parameters
    ----------
    path
        The run folder or file, for the message.
    before, now
        As `identity_of` returns them; entries that `before` lacks are not compared.
    exact
        Whether other versions are an error as well.

    Returns
    -------
    list of str
        A note for the user, if versions differ.

    Raises
    ------
    OtherTraining
        If anything but versions differs.
    UsageError
        If versions differ and `exact` is true.
    """
    before, now = map(_normalise, (before, now))
    versions: list[str] = []
    for name in [name for name in now if name in before]:
        differences = list(_differences(name, before[name], now[name]))
        if name == "versions":
            versions = [text.removeprefix("versions.") for text in differences]
        elif differences:
            shown = "; ".join(differences[:MAX_DIFFERENCES])
            msg = f"{path}: was started differently: {shown}; resume with the same {name}, "
            raise OtherTraining(msg + "or use another folder")
    changed = "; ".join(versions)
    if versions and exact:
        msg = f"{path}: was started with other versions: {changed}; resume without --exact"
        raise UsageError(msg)
    return [f"resumed with other versions than it was started with: {changed}"] if versions else []


def _normalise(identity: dict[str, Any]) -> dict[str, Any]:
    """Return an identity as JSON gives it back, without the ignored fields."""
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    for name in IGNORED:
        plain.get("spec", {}).get("training", {}).pop(name, None)
    return plain


def _differences(name: str, before: Any, now: Any) -> Iterator[str]:
    """Yield the differences between two values of plain data, by dotted path."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(f"{name}.{key}", before.get(key), now.get(key))
    elif before != now:
        yield f"{name} was {json.dumps(before)}, now {json.dumps(now)}"
