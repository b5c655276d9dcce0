"""What a model came from: its training, its rows, and the runs that it builds on.

It is plain data in the environment that a bundle holds; the runs are under ``lineage``. A run is
identified by its id, which stays when its folder is moved or copied; the path only says where the
folder was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
from msgspec.structs import replace

from zoo.data.split import folds
from zoo.inference.base import BUNDLE, bundle_path
from zoo.parts.base import Classifier
from zoo.spec.files import read_json_headers, spec_from_data, spec_to_data
from zoo.spec.model import ModelSpec, Split

if TYPE_CHECKING:
    from zoo.inference.base import BaseModel

HOLD_OUT = Split(held=0.2, order="stratified", seed=1)
"""Split that holds out rows of each side; for numbers, which have no classes, in random order."""


def environment_of(model: BaseModel) -> dict[str, Any]:
    """Return the training environment that a model's bundle holds; empty for other weights."""
    from zoo_weights.readers import detect_format

    file = bundle_path(Path(model.weights_name)) if model.weights_name else Path()
    if not file.is_file() or detect_format(file) != "bundle":
        return {}
    headers = read_json_headers(file, {"environment": Environment}, optional=["environment"])
    environment: dict[str, Any] = headers.get("environment", {})
    return environment


def lineage_in(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lineage of an environment, empty for a first training; values are not trusted."""
    lineage = environment.get("lineage")
    if not isinstance(lineage, dict):
        return {}
    clean = {**lineage}
    members = lineage.get("members", [])
    clean["members"] = [_reference(item) for item in (members if isinstance(members, list) else ())]
    if "parent" in lineage:
        clean["parent"] = _reference(lineage["parent"])
    return clean


def _reference(value: Any) -> dict[str, Any]:
    """Return the fields of a run reference in a file, without those of a wrong type."""
    kinds = {"model": str, "id": str, "path": str, "weights": str, "seed": int, "weight": float}
    items = value.items() if isinstance(value, Mapping) else ()
    return {name: item for name, item in items if isinstance(item, kinds.get(name, ()))}


def ancestor(model: BaseModel) -> dict[str, Any]:
    """Return the reference of a run to a model that it came from: id, name, path."""
    name = model.weights_name
    path = Path(name or "")
    if path.name == BUNDLE:
        path = path.parent
    environment = environment_of(model)
    record = {
        "model": model.spec.name,
        "id": environment.get("id"),
        "path": str(path) if path.exists() and name else None,
        "weights": None if environment else name,
        "seed": environment.get("seed"),
    }
    return {key: value for key, value in record.items() if value is not None}


def recipe_of(model: BaseModel) -> ModelSpec:
    """Return a model's spec with the recipe of its first training, not of later updates."""
    recipe = lineage_in(environment_of(model)).get("recipe")
    if recipe is None:
        return model.spec
    data = {**spec_to_data(model.spec), "training": recipe}
    return spec_from_data(data, where=f"the recipe of {model.weights_name}")


def recipe_record(spec: ModelSpec) -> dict[str, Any]:
    """Return the recipe of a spec as the entry of a lineage that `recipe_of` reads."""
    return {"recipe": spec_to_data(spec)["training"]} if spec.training else {}


class TrainingRows(msgspec.Struct, omit_defaults=True):
    """The rows of a run, recorded so that those held out are found again.

    Attributes
    ----------
    data
        Names of datasets, or paths; empty if the rows were passed in memory.
    rows
        Number of rows, including those held out; None if they were streamed.
    held
        What was held out of each of `data`: a split with its seed, or the number of a fold and the
        number of folds.
    test
        Dataset or path of separate rows to measure on.
    """

    data: list[str]
    rows: int | None = None
    held: Split | tuple[int, int] | None = None
    test: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.held, tuple) and not 1 <= self.held[0] <= self.held[1]:
            msg = f"there is no fold {self.held[0]} of {self.held[1]}"
            raise ValueError(msg)

    def held_out(self, rows: Any) -> Any:
        """Return those of `rows` that were held out."""
        if isinstance(self.held, Split):
            return rows.divide(self.held, 0)[1]
        assert self.held is not None
        number, count = self.held
        return rows.take(folds(len(rows), count)[number - 1][1])


class Content(TypedDict):
    """What is read of the record of a run's data."""

    sha256: str


class Environment(TypedDict, total=False):
    """What is read of a run's environment, and its types."""

    id: str
    seed: int
    backend: str
    devices: list[str]
    versions: dict[str, str]
    data: dict[str, Content]
    trained_on: TrainingRows | None
    lineage: Any  # see `lineage_in`
    interrupted: bool
    worries: list[str]


def split_for(parent: BaseModel) -> Split:
    """Return the split that holds out rows for a model's kind of decoder."""
    return HOLD_OUT if isinstance(parent.decoder, Classifier) else replace(HOLD_OUT, order="random")


def training_rows(model: BaseModel) -> TrainingRows | None:
    """Return which rows a model was trained on; None if that is not recorded."""
    environment = environment_of(model)
    lineage = lineage_in(environment)
    if "strategy" not in lineage:
        return msgspec.convert(environment.get("trained_on"), TrainingRows | None)  # was checked
    sides = [str(lineage[side]) for side in ("old", "data") if side in lineage]
    return TrainingRows(sides, held=split_for(model), test=lineage.get("test"))
