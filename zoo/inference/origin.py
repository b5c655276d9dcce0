"""What a model came from: its training, its rows, and the runs that it goes on from.

It is plain data in the environment that a bundle holds; the runs are under ``lineage``. Runs are
known by their identity, which stays when a folder is moved or copied; the path is only where one
lay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from zoo.data.split import folds
from zoo.inference.base import BUNDLE, bundle_in
from zoo.parts.base import Classifier
from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_from, spec_to
from zoo.spec.training import Split

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel

HELD = Split(held=0.2, order="stratified", seed=1)
"""What is held out of the rows of each side; of numbers, which have no classes, in random order."""


def environment_of(model: BaseModel) -> dict[str, Any]:
    """Return what the bundle of a model tells of its training; nothing for other weights."""
    from zoo_weights import detect_format, read_headers

    file = bundle_in(Path(model.weights_name)) if model.weights_name else Path()
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


def ancestor(model: BaseModel) -> dict[str, Any]:
    """Return how a run refers to a model that it came from: identity, name, place."""
    name = model.weights_name
    place = Path(name or "")
    if place.name == BUNDLE:
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


def recipe_of(model: BaseModel) -> ModelSpec:
    """Return a model's spec with the recipe of its first training, whatever it was updated with."""
    recipe = lineage_in(environment_of(model)).get("recipe")
    if recipe is None:
        return model.spec
    data = {**spec_to(model.spec), "training": recipe}
    return spec_from(data, where=f"the recipe of {model.weights_name}")


def with_recipe(spec: ModelSpec) -> dict[str, Any]:
    """Return the recipe of a spec as the part of a lineage that `recipe_of` reads."""
    return {"recipe": spec_to(spec)["training"]} if spec.training else {}


class TrainedOn(msgspec.Struct, omit_defaults=True):
    """What a run tells of its rows, so that those held out of it are found again.

    Attributes
    ----------
    data
        Names of datasets, or paths; none where the rows were handed over in memory.
    rows
        How many there were, those held out included; None where they were streamed.
    held
        What was held out of each of `data`: a split with its seed, or the number of a fold and of
        how many.
    test
        Rows to measure on that were named beside them.
    """

    data: list[str]
    rows: int | None = None
    held: Split | tuple[int, int] | None = None
    test: str | None = None

    def held_out(self, rows: Any) -> Any:
        """Return those of `data` that were held out."""
        if isinstance(self.held, Split):
            return rows.divide(self.held, 0)[1]
        assert self.held is not None
        number, count = self.held
        return rows.take(folds(len(rows), count)[number - 1][1])


def split_for(parent: BaseModel) -> Split:
    """Return how rows of a model's kind are held out."""
    return HELD if isinstance(parent.decoder, Classifier) else replace(HELD, order="random")


def trained_on(model: BaseModel) -> TrainedOn | None:
    """Return which rows a model was trained on; None where nothing tells."""
    environment = environment_of(model)
    lineage = lineage_in(environment)
    if "strategy" not in lineage:
        return msgspec.convert(environment.get("trained_on"), TrainedOn | None)
    sides = [str(lineage[side]) for side in ("old", "data") if side in lineage]
    return TrainedOn(sides, held=split_for(model), test=lineage.get("test"))
