"""The functions of ``import zoo``: names in, specs and models out."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UsageError
from zoo.registry.registry import find_spec, registry
from zoo.spec.model import ModelSpec

if TYPE_CHECKING:
    from zoo.inference.model import Model


def list_models(
    *patterns: str,
    task: str | None = None,
    tag: str | None = None,
    plugin: str | None = None,
    licence: str | None = None,
) -> list[str]:
    """Return the names of the models that match, sorted.

    Parameters
    ----------
    *patterns
        Globs over names (``"vgg*"``); a model is listed if it matches any of them.
    task, tag, plugin, licence
        Keep only the models with this task, tag, plugin, licence.
    """
    reg = registry()
    unique = set(reg.models.names())
    return [
        entry.name if entry.name in unique else entry.full_name
        for entry in reg.match_models(*patterns)
        if (task is None or entry.value.task == task)
        and (tag is None or tag in entry.value.tags)
        and (plugin is None or entry.owner.name == plugin)
        and (licence is None or entry.value.licence.lower() == licence.lower())
    ]


def get_model(name: str | ModelSpec, *, weights: str | PathLike[str] | None = "default") -> Model:
    """Return a model; its network is built and its weights are loaded on first use.

    Parameters
    ----------
    name
        Name of a model (``"vgg16"``, ``"vision/vgg16"``, ``"vgg16.imagenet"``) or a spec.
    weights
        Tag of one of its weights records, path of a weights file or bundle, ``"default"`` for the
        first record, or None for random weights.
    """
    from zoo.inference.model import Model

    if isinstance(name, ModelSpec):
        return Model(name, weights=weights)
    spec, base, tag = find_spec(name)
    if tag and weights not in ("default", tag):
        msg = f"{name!r} names the weights {tag!r}, but received weights={weights!r}"
        raise UsageError(msg)
    return Model(spec, weights=tag or weights, base=base)


def load(path: str | PathLike[str]) -> Model:
    """Return the model of a bundle or a run folder.

    Raises
    ------
    UsageError
        If the path is neither a bundle nor a run folder.
    zoo_weights.WeightsError
        If the file is not a bundle.
    """
    from zoo.inference.model import Model

    return Model.from_bundle(Path(path))
