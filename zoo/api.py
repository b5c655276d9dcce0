"""The functions of ``import zoo``: names in, specs and models out."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UnknownName, UsageError
from zoo.registry.registry import registry
from zoo.spec.model import ModelSpec

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.training.run import Run


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
        Globs over names (``"vgg*"``); a model that matches one of them is listed.
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


def get_spec(name: str) -> ModelSpec:
    """Return the spec of a model, the names of its parts in full.

    Parameters
    ----------
    name
        ``model``, ``plugin/model``, or either with ``.tag``.

    Raises
    ------
    UnknownName
        If there is no such model, or more than one plugin owns the name.
    """
    reg = registry()
    entry, _ = reg.find_model(name)
    return reg.full_names(entry.value, near=entry.owner.name)


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
    from zoo.model import Model

    if isinstance(name, ModelSpec):
        return Model(name, weights=weights)
    reg = registry()
    entry, tag = reg.find_model(name)
    if tag and weights not in ("default", tag):
        msg = f"{name!r} names the weights {tag!r}, but weights={weights!r} were asked for"
        raise UsageError(msg)
    spec = reg.full_names(entry.value, near=entry.owner.name)
    return Model(spec, weights=tag or weights, base=entry.base)


def load(path: str | PathLike[str]) -> Model:
    """Return the model of a bundle, or of a run folder.

    Raises
    ------
    UsageError
        If there is no such file.
    zoo_weights.WeightsError
        If the file is no bundle.
    """
    from zoo.model import Model

    return Model.from_bundle(Path(path))


def train(
    model: str | PathLike[str] | ModelSpec,
    data: Any = None,
    *,
    target: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
    folds: int | None = None,
    resume: bool = False,
    output: str | PathLike[str] | None = None,
) -> Run:
    """Train a model and write its run folder.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    data
        CSV or parquet file, folder with one subfolder of pictures per class, or a pandas or
        polars frame; the dataset that the spec names if not given.
    target
        Column to learn, for tables.
    epochs, batch_size
        Instead of the recipe's.
    seed
        Seed of initial weights, shuffling and splits; the spec's first one for the backend, or a
        random one, if not given. The run records it.
    weights
        Where training starts: a tag, a weights file, None for random weights; the recipe's if not
        given.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    folds
        Cross-validate with so many folds before the whole is trained.
    resume
        Go on with the training that `output` holds a checkpoint of (without `output`, the last
        one that was not finished); a finished one is returned as it is.
    output
        The run folder; ``runs/MODEL/TIME`` under the current folder if not given.

    Returns
    -------
    Run
        With ``path``, ``history``, ``metrics`` and ``model``.
    """
    from zoo.training.train import train_spec

    base = None
    if isinstance(model, ModelSpec):
        spec = model
    else:
        spec, base = spec_and_base(model)
    assignments = [*settings]
    if epochs is not None:
        assignments.append(f"training.epochs={epochs}")
    if batch_size is not None:
        assignments.append(f"training.batch_size={batch_size}")
    return train_spec(
        spec,
        data,
        target=target,
        seed=seed,
        weights=weights,
        settings=assignments,
        fold_count=folds,
        resume=resume,
        output=None if output is None else Path(output),
        base=base,
    )


def spec_and_base(model: str | PathLike[str]) -> tuple[ModelSpec, Path | None]:
    """Return the spec of a name or a ``SPEC.toml``, and the folder its relative paths start at."""
    reg = registry()
    path = Path(model)
    if path.suffix == ".toml":
        from zoo.spec.toml import read_spec

        try:
            return reg.full_names(read_spec(path)), path.parent
        except UnknownName as error:
            msg = f"{path}: {error}"
            raise UnknownName(msg) from None
    entry, _ = reg.find_model(str(model))
    return reg.full_names(entry.value, near=entry.owner.name), entry.base
