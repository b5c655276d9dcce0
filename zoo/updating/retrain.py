"""``zoo.retrain``: a trained model and new rows; it is updated, or a second one is added."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

from msgspec.structs import replace

from zoo.data.labelled import Labelled
from zoo.errors import TrainingError, UnknownName, UsageError
from zoo.inference.measure import evaluate_on
from zoo.inference.model import Model
from zoo.inference.origin import (
    ancestor,
    environment_of,
    lineage_in,
    recipe_of,
    split_for,
    with_recipe,
)
from zoo.inference.rows import tensors
from zoo.parts.construct import keras_class
from zoo.parts.settings import assignments, trainable
from zoo.registry.registry import spec_and_base
from zoo.runs.run import MEMBER, Run, run_folder, whole
from zoo.spec.component import Component, component_from
from zoo.spec.model import ModelSpec
from zoo.spec.training import Training
from zoo.training.fit import fit
from zoo.training.rows import InMemory
from zoo.training.train import seed_of, starting
from zoo.updating.ensemble import ENSEMBLE, check_member, ensemble_of, save_ensemble
from zoo.updating.sides import rows_for

Strategy = Literal["new", "both"]

SLOWER = 0.1
"""Learning rate of an update, as a share of the recipe's: small steps from good weights."""


@dataclass(frozen=True)
class Plan:
    """What is done with a trained model.

    Attributes
    ----------
    parent
        The trained model.
    spec
        What is trained.
    train
        The rows to train on.
    held
        Rows that nothing here is trained on: all of them under ``""``, those of each side under
        ``"_old"`` and ``"_new"``.
    about
        What the lineage says of the data.
    notes
        What a user should know.
    """

    parent: Model
    spec: ModelSpec
    train: Labelled
    held: dict[str, Labelled]
    about: dict[str, Any]
    notes: list[str]


def retrain(
    run: str | PathLike[str],
    data: Any,
    *,
    old: Any = None,
    test: Any = None,
    strategy: Strategy = "new",
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
        If `run` is not a bundle, or the options do not go together.
    InputError, TrainingError
        If the rows do not fit the model: the message says which columns or classes.
    """
    parent = Model.from_bundle(Path(run))
    settings = assignments(settings, epochs=epochs)
    if strategy not in ("new", "both"):
        msg = f"strategy must be new or both, received {strategy!r}"
        raise UsageError(msg)
    if strategy == "both" and old is None:
        msg = "the strategy both trains on old and new rows: name the old ones with --old"
        raise UsageError(msg)
    if ensemble and freeze is not None:
        msg = "--freeze keeps layers as they were trained; the new member of an ensemble has none"
        raise UsageError(msg)
    if not ensemble and member_weights is not None:
        msg = "--member-weights are for --ensemble"
        raise UsageError(msg)
    if ensemble:
        check_member(parent, member_weights)  # before an hour of training
    if freeze is not None:
        text = freeze if isinstance(freeze, str) else json.dumps(freeze)
        settings = [*settings, f"training.freeze={text}"]
    spec = _member_spec(parent, settings) if ensemble else _update_spec(parent, settings)
    if target is not None:
        spec = replace(spec, training=replace(_training(spec), target=target))
    path = run_folder(spec.name, output, resume=resume)
    plan = _plan(parent, spec, data, old, test, strategy)
    if ensemble:
        return _beside(plan, path, seed, member_weights, exact=exact)
    return _further(plan, path, seed, exact=exact)


# The two ways


def _further(plan: Plan, path: Path, seed: int | None, *, exact: bool) -> Run:
    """Go on from the weights of the parent."""
    parent, spec = plan.parent, plan.spec
    seed = seed_of(_training(spec), path) if seed is None else seed
    before = _figures(parent, plan.held, "before")
    model = Model(spec, weights=parent.weights_name, state=parent.fitted_state)
    lineage = {**with_recipe(recipe_of(parent)), **plan.about, "parent": ancestor(parent)}
    run = Run.begin(path, spec, seed, lineage=lineage)
    run.metrics, run.notes = before, plan.notes
    return _fit(run, model, plan, fitted=("input", "output"), exact=exact)


def _beside(
    plan: Plan,
    path: Path,
    seed: int | None,
    member_weights: Sequence[float] | None,
    *,
    exact: bool,
) -> Run:
    """Train a new model and let it and the parent answer together."""
    parent, place = plan.parent, path / MEMBER
    spec, start = starting(plan.spec, "default")
    before = _figures(parent, plan.held, "before")
    origins = [ancestor(parent), *lineage_in(environment_of(parent)).get("members", ())]
    used = [origin["seed"] for origin in origins if "seed" in origin]
    seed = seed_of(_training(spec), place, used) if seed is None else seed
    state = {"output": parent.decoder.state()}
    model = Model(spec, weights=start, base=_base(spec), state=state)
    member = _fit(Run.begin(place, spec, seed), model, plan, fitted=("output",), exact=exact)
    if member.environment.get("interrupted"):
        msg = f"{path}: interrupted while its new member was trained; go on with --resume"
        raise TrainingError(msg)
    if whole(path):
        return Run.read(path)
    whole_model, members = ensemble_of([parent, member.model], member_weights)
    metrics = {
        **before,
        **{f"member{side}": member.metrics[f"test{side}"] for side in plan.held},
        **_figures(whole_model, plan.held, "test"),
    }
    notes = [*plan.notes, *(f"the new member: {note}" for note in member.notes)]
    about = plan.about
    return save_ensemble(path, whole_model, members, metrics=metrics, lineage=about, notes=notes)


def _fit(run: Run, model: Model, plan: Plan, *, fitted: Collection[str], exact: bool) -> Run:
    """Train on rows in memory; of the rows to train on, some may be held out for validation."""
    content = {"train": plan.train, **{f"test{side}": rows for side, rows in plan.held.items()}}
    split = _training(model.spec).validation
    if split is not None:
        content["train"], content["validation"] = plan.train.divide(split, run.seed)
    return fit(run, model, InMemory(model, content, run.seed, fitted=fitted), exact=exact)


def _figures(model: Model, held: dict[str, Labelled], name: str) -> dict[str, dict[str, float]]:
    """Return what a model reaches on each part of the held-out rows."""
    skip = _training(model.spec).skip_bad_rows
    return {
        f"{name}{side}": evaluate_on(
            model, *tensors(rows, model.preprocessor, model.decoder, skip=skip)
        )
        for side, rows in held.items()
    }


# What is trained


def _training(spec: ModelSpec) -> Training:
    if spec.training is None:
        msg = f"{spec.name} has no training recipe, so it cannot be retrained"
        raise UsageError(msg)
    return spec.training


def _update_spec(parent: Model, settings: Sequence[str]) -> ModelSpec:
    """Return the spec of an update: the recipe of the first training, in smaller steps."""
    spec, _ = trainable(_slower(recipe_of(parent)), settings)
    if "learning_rate" not in _training(spec).optimizer.config:  # another optimizer was set
        spec = _slower(spec)
    for field in ("architecture", "input", "output"):
        if getattr(spec, field) != getattr(parent.spec, field):
            msg = (
                f"an update keeps {field} as it was trained; train anew with `zoo train`, or a "
                "second model with --ensemble"
            )
            raise UsageError(msg)
    weights = str(ancestor(parent).get("path") or parent.weights_name)
    return replace(spec, training=replace(_own_rows(spec, settings), weights=weights))


def _member_spec(parent: Model, settings: Sequence[str]) -> ModelSpec:
    """Return the spec of a new member: that of the parent, or of an ensemble's first member."""
    spec = recipe_of(parent)
    _training(spec)
    if spec.architecture.uses == ENSEMBLE:
        config = spec.architecture.config
        own = spec.input if config.get("shared_input") else spec.input.config["members"][0]
        spec = replace(
            spec,
            name=spec.name.removesuffix("-ensemble"),
            architecture=component_from(config["members"][0]),
            input=component_from(own),
            summary="",
            tags=(),
        )
    spec, _ = trainable(spec, settings)
    if spec.output != recipe_of(parent).output:
        msg = "a new member has the same output as the old model; --set changes it"
        raise UsageError(msg)
    return replace(spec, training=_own_rows(spec, settings))


def _own_rows(spec: ModelSpec, settings: Sequence[str]) -> Training:
    """Return the recipe less what it says about rows, which are other ones now.

    Validation rows stay where early stopping watches them, or where they were asked for.
    """
    training = _training(spec)
    rule = training.early_stopping
    watched = rule is not None and rule.monitor.startswith("val_")
    asked = any("validation" in setting.partition("=")[0] for setting in settings)
    return replace(
        training,
        validation=training.validation if watched or asked else None,
        folds=None,
        steps_per_epoch=None,
    )


def _slower(spec: ModelSpec) -> ModelSpec:
    """Return a spec with a smaller learning rate, where its optimizer has one."""
    training = _training(spec)
    optimizer: Component = training.optimizer
    kind = keras_class("optimizers", optimizer, "training.optimizer")
    usual = inspect.signature(kind).parameters.get("learning_rate")
    rate = optimizer.config.get("learning_rate", usual.default if usual else None)
    if not isinstance(rate, int | float):
        return spec
    optimizer = optimizer.with_options(learning_rate=float(f"{rate * SLOWER:.6g}"))
    return replace(spec, training=replace(training, optimizer=optimizer))


def _base(spec: ModelSpec) -> Path | None:
    """Return where the weights lie that an installed plugin ships for a model of that name."""
    try:
        return spec_and_base(spec.name)[1]
    except UnknownName:
        return None


# The rows


def _plan(
    parent: Model, spec: ModelSpec, data: Any, old: Any, test: Any, strategy: Strategy
) -> Plan:
    """Read the rows, see whether they fit the model, and hold some of each side out."""
    training = _training(spec)
    sides = {"new": rows_for(parent, training, data)}
    if old is not None:
        sides = {"old": rows_for(parent, training, old), **sides}
    outside = parent.preprocessor.outside
    notes = [f"{rows.source}: {t}" for rows in sides.values() for t in outside(rows.inputs)]
    if test is not None:
        held = {"": rows_for(parent, training, test, part="test")}
    elif training.carry_state:
        msg = "the rows follow each other, so none can be held out; give others with --test"
        raise UsageError(msg)
    else:
        split = split_for(parent)
        apart = {side: rows.divide(split, 1) for side, rows in sides.items()}
        out = {f"_{side}": rows for side, (_, rows) in apart.items()}
        sides = {side: rows for side, (rows, _) in apart.items()}
        held = {"": Labelled.join(list(out.values())), **(out if len(out) > 1 else {})}
        if "old" in sides and _training(recipe_of(parent)).validation != split:
            notes.append(
                f"the old model may know the rows that are held out of {sides['old'].source}: its "
                "figures on them flatter it"
            )
    train = Labelled.join(list(sides.values())) if strategy == "both" else sides["new"]
    about: dict[str, Any] = {"strategy": strategy, "data": _named(data)}
    about |= {name: _named(value) for name, value in (("old", old), ("test", test))
              if value is not None}  # fmt: skip
    counts = {f"test{side}": len(rows) for side, rows in held.items()}
    about["rows"] = {"train": len(train), **counts}
    return Plan(parent, spec, train, held, about, notes)


def _named(data: Any) -> str:
    return str(data) if isinstance(data, str | PathLike) else f"a {type(data).__name__}"


def comparison(run: Run) -> list[list[str]]:
    """Return a table of the figures on the held-out rows: before and after, or of each member.

    Returns
    -------
    list of list of str
        A heading, then for every part of the rows and every metric a line; empty where the run
        was not retrained.
    """
    titles = {"before": "before", "member": "new model", "test": "after"}
    if "member" in run.metrics:
        titles |= {"before": "old model", "test": "ensemble"}
    if "before" not in run.metrics:
        return []
    shown = [name for name in titles if name in run.metrics]
    counts = cast("dict[str, Any]", run.environment.get("lineage", {})).get("rows", {})
    lines = [["held-out rows", "", "", *(titles[name] for name in shown)]]
    for end, words in (("", "all"), ("_old", "old"), ("_new", "new")):
        for metric in run.metrics.get(f"before{end}", {}):
            values = [run.metrics[f"{name}{end}"][metric] for name in shown]
            lines.append([words, str(counts.get(f"test{end}", "")), metric,
                          *(f"{value:.4f}" for value in values)])  # fmt: skip
    return lines
