"""``zoo.ensemble``: whether trained models fit together, and one bundle with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from zoo.backend.choose import keras
from zoo.backend.network import build, complete, copy_weights
from zoo.decoders import Value
from zoo.errors import UsageError
from zoo.inference.model import Model
from zoo.inference.origin import ancestor, environment_of, lineage_in, recipe_of, with_recipe
from zoo.parts.members import MAX_MEMBERS, shares_of
from zoo.runs.run import Run, run_folder
from zoo.spec.component import Component, component_from, component_to
from zoo.spec.fields import NAME_LENGTH
from zoo.spec.model import ModelSpec

ENSEMBLE, MEMBERS = "zoo/ensemble", "zoo/members"


@dataclass(frozen=True)
class Member:
    """One network of an ensemble.

    Attributes
    ----------
    architecture, input
        As in its own spec.
    state
        Fitted state of its preprocessor.
    network
        The network, with its weights.
    weight
        How much it counts.
    scale
        Factor and shift that bring its output to the scale of the ensemble's.
    origin
        What it came from, for the lineage.
    """

    architecture: Component
    input: Component
    state: dict[str, Any]
    network: Any
    weight: float
    scale: tuple[float, float]
    origin: dict[str, Any]


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
    loaded = [m if isinstance(m, Model) else Model.from_bundle(Path(m)) for m in models]
    model, members = ensemble_of(loaded, member_weights)
    path = run_folder(model.spec.name, output, resume=False)
    metrics: dict[str, dict[str, float]] = {}
    if data is not None:
        names = [*(f"member_{number}" for number, _ in enumerate(loaded, 1)), "test"]
        for name, one in zip(names, (*loaded, model), strict=True):
            metrics[name] = _rescaled(one, loaded[0]).evaluate(data, target=target)
    return save_ensemble(path, model, members, metrics=metrics)


def ensemble_of(
    models: Sequence[Model], member_weights: Sequence[float] | None = None
) -> tuple[Model, list[Member]]:
    """Return the ensemble of models, in memory, and its members; see `ensemble`."""
    if len(models) < 2:
        msg = f"an ensemble needs at least two models, received {len(models)}"
        raise UsageError(msg)
    shares = checked_shares(member_weights, len(models))
    for other in models[1:]:
        check_agreement(models[0], other)
    members = [
        member
        for place, model in enumerate(models)
        for member in _members(model, models[0], shares[place] if shares else None)
    ]
    if len(members) > MAX_MEMBERS:
        msg = f"an ensemble has at most {MAX_MEMBERS} members, received {len(members)}"
        raise UsageError(msg)
    first = members[0]
    shared = all((m.input, m.state) == (first.input, first.state) for m in members)
    if not shared and models[0].preprocessor.kind == "sequence":
        msg = "models of sequences must cut them alike to be one ensemble; their input differs"
        raise UsageError(msg)
    spec = _spec(models, members, shared=shared)
    learnt = {f"input_{number}": member.state for number, member in enumerate(members, 1)}
    state = {"input": first.state if shared else learnt, "output": models[0].decoder.state()}
    architecture = Model(spec, weights=None, state=state).architecture()
    network = build(architecture, initialise=False)
    for number, member in enumerate(members, 1):
        copy_weights(member.network, network.get_layer(f"member_{number}"))
    complete(network)
    return Model.of_network(spec, network, state), members


def check_member(model: Model, member_weights: Sequence[float] | None) -> None:
    """Raise `UsageError` unless a model and one beside it may be an ensemble with such weights."""
    check_agreement(model, model)
    checked_shares(member_weights, 2)


def checked_shares(member_weights: Sequence[float] | None, count: int) -> list[float] | None:
    """Return what part of the mean each of so many models is; None where nothing is said.

    Raises
    ------
    UsageError
        If the weights are not as many, or no weights.
    """
    try:
        return None if member_weights is None else shares_of(member_weights, count)
    except ValueError as error:
        raise UsageError(str(error)) from None


def save_ensemble(
    path: Path,
    model: Model,
    members: Sequence[Member],
    *,
    metrics: dict[str, dict[str, float]],
    lineage: dict[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Run:
    """Write the run folder of what `ensemble_of` returned."""
    weights = [{**member.origin, "weight": member.weight} for member in members]
    seeds = [member.origin.get("seed") for member in members]
    seed = next((seed for seed in reversed(seeds) if seed is not None), 0)
    origin = {**with_recipe(model.spec), **(lineage or {}), "members": weights}
    run = Run.begin(path, model.spec, seed, lineage=origin)
    run.metrics, run.notes = metrics, list(notes)
    run.save(model.keras, model.fitted_state)
    return run


def _rescaled(model: Model, first: Model) -> Model:
    """Return a model that is measured like the first one: by its recipe, in its scale."""
    factor, shift = _scale(model, first)
    if (factor, shift) == (1.0, 0.0):
        return model
    network = keras().Model(model.keras.input, model.keras.output * factor + shift)
    spec = msgspec.structs.replace(model.spec, training=recipe_of(first).training)
    state = {**model.fitted_state, "output": first.decoder.state()}
    return Model.of_network(spec, network, state)


def check_agreement(first: Model, other: Model) -> None:
    """Raise `UsageError` unless the mean of two models' outputs means something."""
    for model in (first, other):
        if model.spec.training is not None and model.spec.training.carry_state:
            msg = (
                f"{_name(model)}: carries its state from step to step, and a member of an ensemble "
                "starts from zero at every call"
            )
            raise UsageError(msg)
    traits, others = _traits(first), _traits(other)
    for what, here in traits.items():
        there = others.get(what)
        if here != there and not (what == "target" and None in (here, there)):
            msg = (
                f"{_name(first)} and {_name(other)} cannot be one ensemble: their {what} differs, "
                f"{_shown(here)} and {_shown(there)}"
            )
            raise UsageError(msg)


def _traits(model: Model) -> dict[str, Any]:
    """Return what members of an ensemble have in common."""
    decoder, training = model.decoder, model.spec.training
    traits = {
        "task": model.spec.task,
        "kind of input": model.preprocessor.kind,
        "decoder": type(decoder).__name__,
        "units": model.keras.output_shape[1:],
    }
    if isinstance(decoder, Value):
        traits["unit of the target"] = decoder.unit
    else:
        traits["classes"] = decoder.state().get("labels") or decoder.state()
    return {**traits, "target": training.target if training else None}


def _name(model: Model) -> str:
    origin = ancestor(model)
    return str(origin.get("path") or origin["model"])


def _shown(value: Any) -> str:
    from zoo_weights import printable

    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return printable(text, 200) or "none"


def _scale(model: Model, first: Model) -> tuple[float, float]:
    """Return factor and shift from a model's scaled target to the first one's."""
    if not isinstance(model.decoder, Value):
        return 1.0, 0.0
    own, wanted = model.decoder.state(), first.decoder.state()
    stretch = wanted["stretch"]
    return own["stretch"] / stretch, (own["shift"] - wanted["shift"]) / stretch


def _members(model: Model, first: Model, share: float | None) -> list[Member]:
    """Return a model as a member, or the members of an ensemble.

    Without a share, every network counts as it did; with one, they divide it among themselves.
    """
    factor, shift = _scale(model, first)
    spec = model.built_spec
    if spec.architecture.uses != ENSEMBLE:
        own = (spec.architecture, spec.input, model.preprocessor.state(), model.keras)
        weight = 1.0 if share is None else share
        return [Member(*own, weight, (factor, shift), ancestor(model))]
    config = spec.architecture.config
    count = len(config["members"])
    weights = list(config.get("member_weights") or [1.0] * count)
    if share is not None:
        weights = [share * part for part in shares_of(weights, count)]
    scales = config.get("scales") or [(1.0, 0.0)] * count
    shared, state = config.get("shared_input", False), model.preprocessor.state()
    origins = lineage_in(environment_of(model)).get("members", [])
    origins += [{}] * (count - len(origins))
    return [
        Member(
            component_from(config["members"][n]),
            spec.input if shared else component_from(spec.input.config["members"][n]),
            state if shared else state[f"input_{n + 1}"],
            model.keras.get_layer(f"member_{n + 1}"),
            weights[n],
            (factor * scales[n][0], factor * scales[n][1] + shift),
            origins[n],
        )
        for n in range(count)
    ]


def _spec(models: Sequence[Model], members: Sequence[Member], *, shared: bool) -> ModelSpec:
    """Return the spec of an ensemble: the parts of its members, the recipe of the first one."""
    specs = [model.spec for model in models]
    options: dict[str, Any] = {"members": [component_to(member.architecture) for member in members]}
    if len({member.weight for member in members}) > 1:
        options["member_weights"] = [member.weight for member in members]
    if any(member.scale != (1.0, 0.0) for member in members):
        options["scales"] = [list(member.scale) for member in members]
    if shared:
        options["shared_input"] = True
    parts = [component_to(member.input) for member in members]
    training = recipe_of(models[0]).training
    names = list(dict.fromkeys(spec.name.removesuffix("-ensemble") for spec in specs))
    name = f"{names[0]}-ensemble" if len(names) == 1 else "ensemble"
    return ModelSpec(
        name=name if len(name) <= NAME_LENGTH else "ensemble",
        task=specs[0].task,
        summary=f"Mean of {len(members)} networks: {', '.join(names)}",
        architecture=Component(ENSEMBLE, **options),
        input=members[0].input if shared else Component(MEMBERS, members=parts),
        output=specs[0].output,
        training=training and msgspec.structs.replace(training, freeze=()),
        licence=" and ".join(dict.fromkeys(spec.licence for spec in specs if spec.licence)),
        sources=tuple(dict.fromkeys(source for spec in specs for source in spec.sources)),
        tags=("ensemble",),
    )
