"""What a training is of: what has to be the same when it goes on, and what should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.errors import OtherTraining, UsageError
from zoo.runs.run import Run
from zoo.spec.toml import spec_to

APART = ("picked_seed", "seeds", "starts")
"""Fields of a recipe that change nothing in a training whose seed is known."""

SHOWN = 5
"""How many differences are named, at most."""


def identity_of(run: Run) -> dict[str, Any]:
    """Return what has to be the same when a training goes on, and its versions."""
    told = run.environment
    identity = {"spec": spec_to(run.spec), "seed": run.seed}
    identity |= {name: told[name] for name in ("backend", "versions") if name in told}
    if "data" in told:
        identity["data"] = {part: content["sha256"] for part, content in told["data"].items()}
    return identity


def check_same(
    path: Path, before: dict[str, Any], now: dict[str, Any], *, exact: bool = False
) -> list[str]:
    """Compare a training that goes on with what it was begun with.

    Parameters
    ----------
    path
        What people know it by.
    before, now
        As `identity_of` returns it; what an earlier zoo did not write down
        is not compared.
    exact
        Whether other versions are an error as well.

    Returns
    -------
    list of str
        A sentence for whoever reads the figures, where versions differ.

    Raises
    ------
    OtherTraining
        If anything but versions differs.
    UsageError
        If versions differ and have to be the same.
    """
    before, now = map(_alike, (before, now))
    versions: list[str] = []
    for name in [name for name in now if name in before]:
        found = list(_differences(name, before[name], now[name]))
        if name == "versions":
            versions = [text.removeprefix("versions.") for text in found]
        elif found:
            msg = f"{path}: was begun with another {name}: {'; '.join(found[:SHOWN])}; resume with "
            raise OtherTraining(msg + "the same one, or use another folder")
    told = "; ".join(versions)
    if versions and exact:
        msg = f"{path}: was begun with other versions: {told}; --exact forbids that"
        raise UsageError(msg)
    return [f"resumed with other versions than it was begun with: {told}"] if versions else []


def _alike(identity: dict[str, Any]) -> dict[str, Any]:
    """Return an identity as JSON gives it back, less what does not matter."""
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    for name in APART:
        plain.get("spec", {}).get("training", {}).pop(name, None)
    return plain


def _differences(name: str, before: Any, now: Any) -> Iterator[str]:
    """Yield what differs between two values of plain data, by dotted path."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(f"{name}.{key}", before.get(key), now.get(key))
    elif before != now:
        yield f"{name} was {json.dumps(before)}, now {json.dumps(now)}"
