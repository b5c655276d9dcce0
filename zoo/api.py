"""The functions of ``import zoo``: names in, specs and models out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.errors import UsageError
from zoo.registry.registry import find_spec, registry, spec_and_base
from zoo.spec.model import ModelSpec

if TYPE_CHECKING:
    from zoo.inference.model import Model
    from zoo.runs.run import Run
    from zoo.tuning.space import Range, Values
    from zoo.tuning.tune import Tuning


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
        msg = f"{name!r} names the weights {tag!r}, but weights={weights!r} were asked for"
        raise UsageError(msg)
    return Model(spec, weights=tag or weights, base=base)


def load(path: str | PathLike[str]) -> Model:
    """Return the model of a bundle, or of a run folder.

    Raises
    ------
    UsageError
        If there is no such file.
    zoo_weights.WeightsError
        If the file is no bundle.
    """
    from zoo.inference.model import Model

    return Model.from_bundle(Path(path))


def train(
    model: str | PathLike[str] | ModelSpec,
    data: Any = None,
    *,
    target: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    seed: int | None = None,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
    folds: int | None = None,
    resume: bool = False,
    exact: bool = False,
    output: str | PathLike[str] | None = None,
) -> Run:
    """Train a model and write its run folder.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    data
        Name of a dataset, CSV or parquet file, folder with one subfolder of pictures per class, a
        pandas or polars frame, or a function that generates pieces of a table (frames, lists of
        dicts), the same ones at every call; the dataset that the spec names if not given.
    target
        Column to learn, for tables.
    epochs, batch_size
        Instead of the recipe's.
    steps_per_epoch
        Steps of an epoch, where `data` generates rows without an end.
    seed
        Seed of initial weights, shuffling and splits; the spec's `picked_seed` for the
        backend, or a random one, if not given. The run records it.
    weights
        Where training starts: a tag, a weights file, None for random weights; the recipe's if not
        given.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    folds
        Cross-validate with so many folds before the whole is trained.
    resume
        Go on with the training that `output` holds a checkpoint of (without `output`, the last
        one that was not finished); a finished one is returned as it is. Other data, another spec,
        seed or backend are refused; other versions are a note.
    exact
        Whether to refuse other versions as well.
    output
        The run folder; ``runs/MODEL/TIME`` under the current folder if not given.

    Returns
    -------
    Run
        With ``path``, ``history``, ``metrics`` and ``model``.
    """
    from zoo.training.train import train_spec

    spec, base = spec_and_base(model)
    return train_spec(
        spec,
        data,
        target=target,
        seed=seed,
        weights=weights,
        settings=_assignments(
            settings, epochs=epochs, batch_size=batch_size, steps_per_epoch=steps_per_epoch
        ),
        fold_count=folds,
        resume=resume,
        exact=exact,
        output=_path(output),
        base=base,
    )


def tune(
    model: str | PathLike[str] | ModelSpec,
    grid: Mapping[str, Values | Range],
    data: Any = None,
    *,
    target: str | None = None,
    folds: int = 3,
    random: int | None = None,
    optuna: int | None = None,
    metric: str | None = None,
    mode: Literal["min", "max"] | None = None,
    seed: int | None = None,
    seeds: int = 1,
    settings: Sequence[str] = (),
    engine: str = "local",
    resume: bool = False,
    output: str | PathLike[str] | None = None,
) -> Tuning:
    """Train a model with many settings, and once more with those that do best on held-out rows.

    On JAX, configurations whose networks take the same step are trained together in one compiled
    program, with all their folds and seeds; those that differ in their epochs alone are one
    training, read off on the way.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    grid
        Values to try of each setting, by dotted path or its last part: a list, or a text as
        ``--grid`` takes it (``"0.0001..0.1:log"`` is a range to draw from).
    data, target
        As for `train`.
    folds
        Into how many consecutive parts the rows are cut, at least 2; of classes, each in its share.
    random
        Try so many combinations, drawn at random, instead of all.
    optuna
        Try so many combinations that Optuna suggests; those that fall behind are given up early.
    metric
        What is compared, by Keras's name; the recipe's first metric if not given.
    mode
        Whether the most (``"max"``) or the least (``"min"``) of it is the best, where Keras does
        not say so itself.
    seed
        Seed of all trainings and draws; the spec's `picked_seed` for the backend, or a random one,
        if not given.
    seeds
        With how many seeds each configuration is trained.
    settings
        ``KEY=VALUE`` strings for all configurations, as ``--set`` takes them.
    engine
        ``"local"``, or ``"ray"`` to spread the work over a Ray cluster.
    resume
        Go on with the tuning in `output` (without it, the last one).
    output
        The tuning's folder; ``runs/MODEL/tune-TIME`` under the current folder if not given.

    Returns
    -------
    Tuning
        With ``results``, the best first, and ``run``, the best one trained on all training rows.
    """
    from zoo.tuning.tune import tune_spec

    spec, base = spec_and_base(model)
    return tune_spec(
        spec,
        grid,
        data,
        target=target,
        folds=folds,
        draws=random,
        suggestions=optuna,
        metric=metric,
        mode=mode,
        seed=seed,
        seeds=seeds,
        settings=settings,
        engine=engine,
        resume=resume,
        output=_path(output),
        base=base,
    )


def retrain(
    run: str | PathLike[str],
    data: Any,
    *,
    old: Any = None,
    test: Any = None,
    strategy: Literal["new", "both"] = "new",
    ensemble: bool = False,
    freeze: Sequence[str] | str | int | None = None,
    target: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    member_weights: Sequence[float] | None = None,
    resume: bool = False,
    exact: bool = False,
    output: str | PathLike[str] | None = None,
) -> Run:
    """Go on with a trained model when there are new rows: update it, or add a second model.

    An update starts from the weights of `run`, keeps the fitted preprocessing, and takes steps a
    tenth as large as the recipe's. A fifth of the rows of each side is held out (by class, with
    seed 1), and both models are measured on them.

    Parameters
    ----------
    run
        A run folder or a bundle.
    data
        The new rows: name of a dataset, or what `train` takes.
    old
        The rows that the model was trained on.
    test
        Rows to measure on; then none are held out.
    strategy
        Train on ``"new"`` rows alone, or on ``"both"``.
    ensemble
        Keep the model and train a new one by the recipe; the result is the mean of both.
    freeze
        Layers that an update does not train: names (with ``*``), or the number of first layers.
    target
        Column to learn, for tables; the run's own if not given.
    epochs
        Instead of the recipe's.
    seed
        Seed of the order of the rows, and of the new model's start.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    member_weights
        How much the old and the new model count in an ensemble.
    resume
        Go on with what `output` holds a checkpoint of.
    exact
        Whether to refuse to go on with other versions.
    output
        The run folder; ``runs/MODEL/TIME`` under the current folder if not given.

    Returns
    -------
    Run
        In its ``metrics``, ``"before"`` and ``"test"`` are of the same rows: before and after.

    Raises
    ------
    UsageError
        If `run` is no bundle, or the options do not go together.
    InputError, TrainingError
        If the rows do not fit the model: the message says which columns or classes.
    """
    parent = load(run)  # first: a wrong path costs no imports
    from zoo.updating.retrain import retrain_model

    return retrain_model(
        parent,
        data,
        old=old,
        test=test,
        strategy=strategy,
        ensemble=ensemble,
        freeze=freeze,
        target=target,
        seed=seed,
        settings=_assignments(settings, epochs=epochs),
        member_weights=member_weights,
        resume=resume,
        exact=exact,
        output=_path(output),
    )


def ensemble(
    models: Sequence[str | PathLike[str] | Model],
    *,
    member_weights: Sequence[float] | None = None,
    data: Any = None,
    target: str | None = None,
    output: str | PathLike[str] | None = None,
) -> Run:
    """Make one model of several trained ones: its output is the mean of theirs.

    Parameters
    ----------
    models
        Run folders, bundles, or models; the same task, classes and kind of input, whatever their
        networks and preprocessing.
    member_weights
        How much each counts; all the same if not given.
    data, target
        Labelled data to measure the models and their ensemble on.
    output
        The run folder; ``runs/NAME-ensemble/TIME`` under the current folder if not given.

    Raises
    ------
    UsageError
        If the models do not fit together; the message says what differs.
    """
    from zoo.inference.model import Model

    loaded = [model if isinstance(model, Model) else load(model) for model in models]
    from zoo.updating.ensemble import combine

    return combine(
        loaded, member_weights=member_weights, data=data, target=target, output=_path(output)
    )


def _assignments(settings: Sequence[str], **given: int | None) -> list[str]:
    """Return settings, and those of the recipe's fields that are given by themselves."""
    own = (f"training.{name}={value}" for name, value in given.items() if value is not None)
    return [*settings, *own]


def _path(output: str | PathLike[str] | None) -> Path | None:
    return None if output is None else Path(output)
