"""``zoo.retrain``: update a trained model with new rows, or add a second model."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

from msgspec.structs import replace

from zoo.data.labelled import LabelledRows
from zoo.errors import TrainingError, UnknownName, UsageError
from zoo.inference.measure import evaluate_on
from zoo.inference.model import Model
from zoo.inference.origin import (
    ancestor,
    environment_of,
    lineage_in,
    recipe_of,
    recipe_record,
    split_for,
)
from zoo.inference.rows import to_tensors
from zoo.parts.schedules import scale_rates
from zoo.parts.settings import assignments, resolve_recipe
from zoo.registry.registry import spec_and_base
from zoo.runs.folder import run_folder
from zoo.runs.run import MEMBER, Run, is_complete
from zoo.spec.component import component_from_data
from zoo.spec.model import ModelSpec, Training
from zoo.training.fit import fit
from zoo.training.photos import rows_in_memory
from zoo.training.train import choose_seed, resolve_start
from zoo.updating.ensemble import ENSEMBLE, build_ensemble, check_member, save_ensemble
from zoo.updating.sides import read_rows

Strategy = Literal["new", "both"]

UPDATE_RATE_SHARE = 0.1
"""Learning rate of an update as a share of the recipe's: small steps from good weights."""


@dataclass(frozen=True)
class Plan:
    """What an update or a new member is trained and measured on.

    Attributes
    ----------
    parent
        The trained model.
    spec
        The spec to train.
    train
        The rows to train on.
    held
        The held-out rows: all of them under ``""``, those of each side under ``"_old"`` and
        ``"_new"``.
    about
        The lineage's record of the data.
    notes
        What a user should know.
    """

    parent: Model
    spec: ModelSpec
    train: LabelledRows
    held: dict[str, LabelledRows]
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
    target: str | Sequence[str] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    member_weights: Sequence[float] | None = None,
    resume: bool = False,
    exact: bool = False,
    callbacks: Sequence[Any] = (),
    output: str | PathLike[str] | None = None,
) -> Run:
    """Continue training a model with new rows: update it, or add a second model.

    An update starts from the weights of `run`, keeps the fitted preprocessing, and takes a tenth
    of the recipe's learning rate. A fifth of the rows of each side is held out (by class, with
    seed 1), and the old and the new model are measured on them.

    Parameters
    ----------
    run
        A run folder or a bundle.
    data
        The new rows, as `train` takes them.
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
        Column to learn, for tables; the run's if not given.
    epochs
        Instead of the recipe's.
    seed
        Seed of the order of the rows, and of a new model's initial weights.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    member_weights
        Weights of the old and the new model in an ensemble.
    resume
        Continue from the checkpoint in `output`.
    exact
        Whether other versions are an error when resuming.
    callbacks
        Keras callbacks, as for `train`.
    output
        The run folder; ``runs/MODEL/TIME`` under the current folder if not given.

    Returns
    -------
    Run
        In its ``metrics``, ``"before"`` and ``"test"`` are of the same held-out rows.

    Raises
    ------
    UsageError
        If `run` is not a bundle, or the options do not go together.
    InputError, TrainingError
        If the rows do not fit the model; the message names the columns or classes.
    """
    parent = Model.from_bundle(Path(run))
    settings = assignments(settings, epochs=epochs)
    if strategy not in ("new", "both"):
        msg = f"strategy must be new or both, received {strategy!r}"
        raise UsageError(msg)
    if strategy == "both" and old is None:
        msg = "strategy both trains on old and new rows; name the old ones with --old"
        raise UsageError(msg)
    if ensemble and freeze is not None:
        msg = "--freeze is for trained layers; a new member of an ensemble has none, drop --freeze"
        raise UsageError(msg)
    if not ensemble and member_weights is not None:
        msg = "--member-weights is for ensembles; pass --ensemble as well"
        raise UsageError(msg)
    if ensemble:
        check_member(parent, member_weights)  # before an hour of training
    if freeze is not None:
        text = freeze if isinstance(freeze, str) else json.dumps(freeze)
        settings = [*settings, f"training.freeze={text}"]
    spec = _member_spec(parent, settings) if ensemble else _update_spec(parent, settings)
    if target is not None:
        spec = replace(spec, training=_training(spec).with_target(target))
    with run_folder(spec.name, output, resume=resume) as path:
        plan = _plan(parent, spec, data, old, test, strategy)
        options = {"callbacks": callbacks, "exact": exact}
        if ensemble:
            return _add_member(plan, path, seed, member_weights, options)
        return _update(plan, path, seed, options)


# The two strategies


def _update(plan: Plan, path: Path, seed: int | None, options: dict[str, Any]) -> Run:
    """Continue training from the weights of the parent."""
    parent, spec = plan.parent, plan.spec
    seed = choose_seed(_training(spec), path) if seed is None else seed
    before = _figures(parent, plan.held, "before")
    model = Model(spec, weights=parent.weights_name, state=parent.fitted_state)
    lineage = {**recipe_record(recipe_of(parent)), **plan.about, "parent": ancestor(parent)}
    run = Run.begin(path, spec, seed, lineage=lineage)
    run.metrics, run.notes = before, plan.notes
    return _fit(run, model, plan, ("input", "output"), options)


def _add_member(
    plan: Plan,
    path: Path,
    seed: int | None,
    member_weights: Sequence[float] | None,
    options: dict[str, Any],
) -> Run:
    """Train a new model, and make an ensemble of it and the parent."""
    parent, place = plan.parent, path / MEMBER
    spec, start = resolve_start(plan.spec, "default")
    before = _figures(parent, plan.held, "before")
    origins = [ancestor(parent), *lineage_in(environment_of(parent)).get("members", ())]
    used_seeds = [origin["seed"] for origin in origins if "seed" in origin]
    seed = choose_seed(_training(spec), place, used_seeds) if seed is None else seed
    state = {"output": parent.decoder.state()}
    model = Model(spec, weights=start, base=_base(spec), state=state)
    member = _fit(Run.begin(place, spec, seed), model, plan, ("output",), options)
    if member.environment.get("interrupted"):
        msg = f"{path}: interrupted while training its new member; continue with --resume"
        raise TrainingError(msg)
    if is_complete(path):
        return Run.read(path)
    combined, members = build_ensemble([parent, member.model], member_weights)
    metrics = {
        **before,
        **{f"member{side}": member.metrics[f"test{side}"] for side in plan.held},
        **_figures(combined, plan.held, "test"),
    }
    notes = [*plan.notes, *(f"the new member: {note}" for note in member.notes)]
    about = plan.about
    return save_ensemble(path, combined, members, metrics=metrics, lineage=about, notes=notes)


def _fit(
    run: Run, model: Model, plan: Plan, fitted: Collection[str], options: dict[str, Any]
) -> Run:
    """Train on rows in memory, some of them held out if the recipe has validation."""
    content = {"train": plan.train, **{f"test{side}": rows for side, rows in plan.held.items()}}
    split = _training(model.spec).validation
    if split is not None:
        content["train"], content["validation"] = plan.train.divide(split, run.seed)
    rows = rows_in_memory(model, content, run.seed, fitted=fitted)
    return fit(run, model, rows, **options)


def _figures(model: Model, held: dict[str, LabelledRows], name: str) -> dict[str, dict[str, float]]:
    """Return a model's figures on each part of the held-out rows."""
    skip = _training(model.spec).skip_bad_rows
    return {
        f"{name}{side}": evaluate_on(
            model, *to_tensors(rows, model.preprocessor, model.decoder, skip=skip)
        )
        for side, rows in held.items()
    }


# The specs


def _training(spec: ModelSpec) -> Training:
    if spec.training is None:
        msg = f"{spec.name}: cannot be retrained, it has no training recipe"
        raise UsageError(msg)
    return spec.training


def _update_spec(parent: Model, settings: Sequence[str]) -> ModelSpec:
    """Return the spec of an update: the recipe of the first training at a lower learning rate."""
    spec = _reduce_learning_rate(recipe_of(parent))
    spec = replace(spec, training=replace(_training(spec), unfreeze=None))  # one phase
    spec, _ = resolve_recipe(spec, settings)
    if "learning_rate" not in _training(spec).optimizer.config:  # `settings` changed the optimizer
        spec = _reduce_learning_rate(spec)
    for field in ("architecture", "input", "output"):
        if getattr(spec, field) != getattr(parent.spec, field):
            msg = (
                f"an update keeps {field} as it was trained; train again with `zoo train`, or add "
                "a second model with --ensemble"
            )
            raise UsageError(msg)
    weights = str(ancestor(parent).get("path") or parent.weights_name)
    return replace(spec, training=replace(_without_row_fields(spec, settings), weights=weights))


def _member_spec(parent: Model, settings: Sequence[str]) -> ModelSpec:
    """Return the spec of a new member: the parent's, or that of an ensemble's first member."""
    spec = recipe_of(parent)
    _training(spec)
    if spec.architecture.uses == ENSEMBLE:
        config = spec.architecture.config
        data = spec.input if config.get("shared_input") else spec.input.config["members"][0]
        spec = replace(
            spec,
            name=spec.name.removesuffix("-ensemble"),
            architecture=component_from_data(config["members"][0]),
            input=component_from_data(data),
            summary="",
            tags=(),
        )
    spec, _ = resolve_recipe(spec, settings)
    if spec.output != recipe_of(parent).output:
        msg = "a new member has the same output as the old model; do not change it with --set"
        raise UsageError(msg)
    return replace(spec, training=_without_row_fields(spec, settings))


def _without_row_fields(spec: ModelSpec, settings: Sequence[str]) -> Training:
    """Return the recipe without the fields about its rows, which are other ones now.

    Validation stays if a rule of the recipe watches it, or if `settings` set it.
    """
    training = _training(spec)
    rules = (training.early_stopping, training.reduce_lr_on_plateau)
    watched = any(rule is not None and rule.monitor.startswith("val_") for rule in rules)
    explicit = any("validation" in setting.partition("=")[0] for setting in settings)
    return replace(
        training,
        validation=training.validation if watched or explicit else None,
        folds=None,
        steps_per_epoch=None,
    )


def _reduce_learning_rate(spec: ModelSpec) -> ModelSpec:
    """Return a spec with a lower learning rate, if its optimizer has one."""
    training = _training(spec)
    optimizer = scale_rates(training.optimizer, UPDATE_RATE_SHARE)
    return replace(spec, training=replace(training, optimizer=optimizer))


def _base(spec: ModelSpec) -> Path | None:
    """Return the folder of the weights that an installed plugin ships for a model."""
    try:
        return spec_and_base(spec.name)[1]
    except UnknownName:
        return None


# The rows


def _plan(
    parent: Model, spec: ModelSpec, data: Any, old: Any, test: Any, strategy: Strategy
) -> Plan:
    """Read the rows, check that they fit the model, and hold out some of each side."""
    training = _training(spec)
    sides = {"new": read_rows(parent, training, data)}
    if old is not None:
        sides = {"old": read_rows(parent, training, old), **sides}
    outside = parent.preprocessor.outside
    notes = [f"{rows.source}: {t}" for rows in sides.values() for t in outside(rows.inputs)]
    if test is not None:
        held = {"": read_rows(parent, training, test, part="test")}
    elif training.carry_state:
        msg = "the rows follow each other, so none can be held out; pass others with --test"
        raise UsageError(msg)
    else:
        split = split_for(parent)
        divided = {side: rows.divide(split, 1) for side, rows in sides.items()}
        parts = {f"_{side}": rows for side, (_, rows) in divided.items()}
        sides = {side: rows for side, (rows, _) in divided.items()}
        held = {"": LabelledRows.join(list(parts.values())), **(parts if len(parts) > 1 else {})}
        if "old" in sides and _training(recipe_of(parent)).validation != split:
            notes.append(
                "the old model may have been trained on the rows held out of "
                f"{sides['old'].source}; its figures on them may be too good"
            )
    train = LabelledRows.join(list(sides.values())) if strategy == "both" else sides["new"]
    about: dict[str, Any] = {"strategy": strategy, "data": _data_name(data)}
    about |= {name: _data_name(value) for name, value in (("old", old), ("test", test))
              if value is not None}  # fmt: skip
    counts = {f"test{side}": len(rows) for side, rows in held.items()}
    about["rows"] = {"train": len(train), **counts}
    return Plan(parent, spec, train, held, about, notes)


def _data_name(data: Any) -> str:
    return str(data) if isinstance(data, str | PathLike) else f"a {type(data).__name__}"


def compare_figures(run: Run) -> list[list[str]]:
    """Compare the figures on the held-out rows, before and after, or of each member, in a table.

    Returns
    -------
    list of list of str
        A heading, then a line for each part of the rows and each metric; empty if the run was not
        retrained.
    """
    titles = {"before": "before", "member": "new model", "test": "after"}
    if "member" in run.metrics:
        titles |= {"before": "old model", "test": "ensemble"}
    if "before" not in run.metrics:
        return []
    shown = [name for name in titles if name in run.metrics]
    counts = cast("dict[str, Any]", run.environment.get("lineage", {})).get("rows", {})
    lines = [["held-out rows", "", "", *(titles[name] for name in shown)]]
    for end, label in (("", "all"), ("_old", "old"), ("_new", "new")):
        for metric in run.metrics.get(f"before{end}", {}):
            values = [run.metrics[f"{name}{end}"][metric] for name in shown]
            lines.append([label, str(counts.get(f"test{end}", "")), metric,
                          *(f"{value:.4f}" for value in values)])  # fmt: skip
    return lines
