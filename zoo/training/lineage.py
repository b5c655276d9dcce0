"""What a run came from: the run whose weights it went on with, or the members it is the mean of.

It is plain data in the run's environment, under ``lineage``. Runs are known by their identity,
which stays when a folder is moved or copied; the path is only where one lay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_from, spec_to

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.training.runs import RunRecord


def environment_of(model: Model) -> dict[str, Any]:
    """Return what the bundle of a model tells of its training; nothing for other weights."""
    from zoo_weights import detect_format, read_headers

    file = Path(model.weights_name or "")
    file = file / "model.zoo" if model.weights_name and file.is_dir() else file
    if not file.is_file() or detect_format(file) != "bundle":
        return {}
    environment = json.loads(read_headers(file).get("environment", "{}"))
    return environment if isinstance(environment, dict) else {}


def lineage_in(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lineage of an environment, empty for a first training; files are not trusted."""
    lineage = environment.get("lineage")
    if not isinstance(lineage, dict):
        return {}
    found = {**lineage}
    members = lineage.get("members", [])
    found["members"] = [_reference(item) for item in (members if isinstance(members, list) else ())]
    if "parent" in lineage:
        found["parent"] = _reference(lineage["parent"])
    return found


def _reference(value: Any) -> dict[str, Any]:
    """Return what a file says of a run as texts and numbers, whatever it holds."""
    kinds = {"model": str, "id": str, "path": str, "weights": str, "seed": int, "weight": float}
    known = value.items() if isinstance(value, Mapping) else ()
    return {name: item for name, item in known if isinstance(item, kinds.get(name, ()))}


def ancestor(model: Model) -> dict[str, Any]:
    """Return how a run refers to a model that it came from: identity, name, place."""
    name = model.weights_name
    place = Path(name or "")
    if place.name == "model.zoo":
        place = place.parent
    environment = environment_of(model)
    record = {
        "model": model.spec.name,
        "id": environment.get("id"),
        "path": str(place) if place.exists() and name else None,
        "weights": None if environment else name,
        "seed": environment.get("seed"),
    }
    return {key: value for key, value in record.items() if value is not None}


def recipe_of(model: Model) -> ModelSpec:
    """Return a model's spec with the recipe of its first training, whatever it was updated with."""
    recipe = lineage_in(environment_of(model)).get("recipe")
    if recipe is None:
        return model.spec
    data = {**spec_to(model.spec), "training": recipe}
    return spec_from(data, where=f"the recipe of {model.weights_name}")


def with_recipe(spec: ModelSpec) -> dict[str, Any]:
    """Return the recipe of a spec as the part of a lineage that `recipe_of` reads."""
    return {"recipe": spec_to(spec)["training"]} if spec.training else {}


# Showing it


def ancestors(run: RunRecord) -> list[dict[str, Any]]:
    """Return the references to the runs that a run came from: parent or members."""
    lineage = lineage_in(run.environment)
    parent = [lineage["parent"]] if "parent" in lineage else []
    return [*parent, *lineage.get("members", ())]


def with_members(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return runs and those that lie inside them as their members."""
    from zoo.training.run import MEMBER
    from zoo.training.runs import find_runs

    found = list(runs)
    inside = [run.path / MEMBER for run in found if (run.path / MEMBER).is_dir()]
    return [*found, *(member for folder in inside for member in find_runs(folder))]


def located(reference: Mapping[str, Any], runs: Iterable[RunRecord]) -> RunRecord | None:
    """Return the run that a reference means: the one of its identity, else that of its path.

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
