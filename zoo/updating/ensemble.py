"""``zoo.ensemble``: check that trained models fit together, and make one bundle of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from zoo.backend.choose import keras
from zoo.backend.network import build, copy_weights, initialise_missing
from zoo.decoders.numbers import Value
from zoo.errors import UsageError
from zoo.inference.model import Model
from zoo.inference.origin import ancestor, environment_of, lineage_in, recipe_of, recipe_record
from zoo.parts.members import MAX_MEMBERS, normalise_weights
from zoo.parts.multi_output import Outputs
from zoo.runs.folder import run_folder
from zoo.runs.run import Run
from zoo.spec.component import NAME_LENGTH, Component, component_from_data, component_to_data
from zoo.spec.model import ModelSpec

ENSEMBLE, MEMBERS = "zoo/ensemble", "zoo/members"


@dataclass(frozen=True)
class Member:
    """One network of an ensemble.

    Attributes
    ----------
    architecture, input
        As in the member's own spec.
    state
        Fitted state of its preprocessor.
    network
        The network, with its weights.
    weight
        Its weight in the mean.
    scale
        Factor and shift from its output to the scale of the ensemble's.
    origin
        The run it came from, for the lineage.
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
    target: str | Sequence[str] | None = None,
    output: str | PathLike[str] | None = None,
) -> Run:
    """Combine trained models into one whose output is the mean of theirs.

    Parameters
    ----------
    models
        Run folders, bundles, or models, with the same task, classes and kind of input; networks
        and preprocessing may differ.
    member_weights
        Weight of each in the mean; equal if not given.
    data, target
        Labelled data to evaluate the models and their ensemble on.
    output
        The run folder; ``runs/NAME-ensemble/TIME`` under the current folder if not given.

    Raises
    ------
    UsageError
        If the models do not fit together; the message says what differs.
    """
    loaded = [m if isinstance(m, Model) else Model.from_bundle(Path(m)) for m in models]
    model, members = build_ensemble(loaded, member_weights)
    with run_folder(model.spec.name, output, resume=False) as path:
        metrics: dict[str, dict[str, float]] = {}
        if data is not None:
            names = [*(f"member_{number}" for number, _ in enumerate(loaded, 1)), "test"]
            for name, one in zip(names, (*loaded, model), strict=True):
                metrics[name] = _rescale(one, loaded[0]).evaluate(data, target=target)
        return save_ensemble(path, model, members, metrics=metrics)


def build_ensemble(
    models: Sequence[Model], member_weights: Sequence[float] | None = None
) -> tuple[Model, list[Member]]:
    """Build the ensemble of models in memory, and return it with its members; see `ensemble`."""
    if len(models) < 2:
        msg = f"an ensemble needs at least two models, received {len(models)}"
        raise UsageError(msg)
    shares = member_shares(member_weights, len(models))
    for other in models[1:]:
        check_agreement(models[0], other)
    members = [
        member
        for place, model in enumerate(models)
        for member in _members_of(model, models[0], shares[place] if shares else None)
    ]
    if len(members) > MAX_MEMBERS:
        msg = f"an ensemble has at most {MAX_MEMBERS} members, received {len(members)}"
        raise UsageError(msg)
    first = members[0]
    shared = all((m.input, m.state) == (first.input, first.state) for m in members)
    if not shared and models[0].preprocessor.kind == "sequence":
        msg = "sequence models must cut sequences alike to be one ensemble; their input differs"
        raise UsageError(msg)
    spec = _ensemble_spec(models, members, shared=shared)
    states = {f"input_{number}": member.state for number, member in enumerate(members, 1)}
    state = {"input": first.state if shared else states, "output": models[0].decoder.state()}
    architecture = Model(spec, weights=None, state=state).architecture()
    network = build(architecture, initialise=False)
    for number, member in enumerate(members, 1):
        copy_weights(member.network, network.get_layer(f"member_{number}"))
    initialise_missing(network)
    return Model.of_network(spec, network, state), members


def check_member(model: Model, member_weights: Sequence[float] | None) -> None:
    """Raise `UsageError` unless a model and a new member can be an ensemble with these weights."""
    check_agreement(model, model)
    member_shares(member_weights, 2)


def member_shares(member_weights: Sequence[float] | None, count: int) -> list[float] | None:
    """Return the share of each of `count` models in the mean; None if no weights are given.

    Raises
    ------
    UsageError
        If there are not `count` weights, or they are not valid.
    """
    try:
        return None if member_weights is None else normalise_weights(member_weights, count)
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
    """Write the run folder of what `build_ensemble` returned."""
    weights = [{**member.origin, "weight": member.weight} for member in members]
    seeds = [member.origin.get("seed") for member in members]
    seed = next((seed for seed in reversed(seeds) if seed is not None), 0)
    origin = {**recipe_record(model.spec), **(lineage or {}), "members": weights}
    run = Run.begin(path, model.spec, seed, lineage=origin)
    run.metrics, run.notes = metrics, list(notes)
    run.save(model.keras, model.fitted_state)
    return run


def _rescale(model: Model, first: Model) -> Model:
    """Return a model that is measured like the first one: with its recipe, on its scale."""
    factor, shift = _scale(model, first)
    if (factor, shift) == (1.0, 0.0):
        return model
    network = keras().Model(model.keras.input, model.keras.output * factor + shift)
    spec = msgspec.structs.replace(model.spec, training=recipe_of(first).training)
    state = {**model.fitted_state, "output": first.decoder.state()}
    return Model.of_network(spec, network, state)


def check_agreement(first: Model, other: Model) -> None:
    """Raise `UsageError` unless two models' outputs can be averaged."""
    for model in (first, other):
        if model.spec.training is not None and model.spec.training.carry_state:
            msg = (
                f"{_name(model)}: carries its state from step to step, and a member of an ensemble "
                "starts from zero at every call"
            )
            raise UsageError(msg)
        if isinstance(model.decoder, Outputs):
            msg = f"{_name(model)}: has several outputs, and an ensemble averages one"
            raise UsageError(msg)
    traits, others = _traits(first), _traits(other)
    for trait, here in traits.items():
        there = others.get(trait)
        if here != there and not (trait == "target" and None in (here, there)):
            msg = (
                f"{_name(first)} and {_name(other)} cannot be one ensemble; they differ in "
                f"{trait}: {_format_trait(here)} and {_format_trait(there)}"
            )
            raise UsageError(msg)


def _traits(model: Model) -> dict[str, Any]:
    """Return the properties that members of an ensemble have in common."""
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


def _format_trait(value: Any) -> str:
    from zoo_weights.text import printable

    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return printable(text, 200) or "none"


def _scale(model: Model, first: Model) -> tuple[float, float]:
    """Return factor and shift from a model's scaled target to the first one's."""
    if not isinstance(model.decoder, Value):
        return 1.0, 0.0
    source, goal = model.decoder.state(), first.decoder.state()
    stretch = goal["stretch"]
    return source["stretch"] / stretch, (source["shift"] - goal["shift"]) / stretch


def _members_of(model: Model, first: Model, share: float | None) -> list[Member]:
    """Return a model as a member, or the members of an ensemble.

    Without a share, every network keeps its weight; with one, they divide it.
    """
    factor, shift = _scale(model, first)
    spec = model.built_spec
    if spec.architecture.uses != ENSEMBLE:
        fields = (spec.architecture, spec.input, model.preprocessor.state(), model.keras)
        weight = 1.0 if share is None else share
        return [Member(*fields, weight, (factor, shift), ancestor(model))]
    config = spec.architecture.config
    count = len(config["members"])
    weights = list(config.get("member_weights") or [1.0] * count)
    if share is not None:
        weights = [share * part for part in normalise_weights(weights, count)]
    scales = config.get("scales") or [(1.0, 0.0)] * count
    shared, state = config.get("shared_input", False), model.preprocessor.state()
    origins = lineage_in(environment_of(model)).get("members", [])
    origins += [{}] * (count - len(origins))
    return [
        Member(
            component_from_data(config["members"][n]),
            spec.input if shared else component_from_data(spec.input.config["members"][n]),
            state if shared else state[f"input_{n + 1}"],
            model.keras.get_layer(f"member_{n + 1}"),
            weights[n],
            (factor * scales[n][0], factor * scales[n][1] + shift),
            origins[n],
        )
        for n in range(count)
    ]


def _ensemble_spec(
    models: Sequence[Model], members: Sequence[Member], *, shared: bool
) -> ModelSpec:
    """Return the spec of an ensemble: the parts of all members, the recipe of the first."""
    specs = [model.spec for model in models]
    options: dict[str, Any] = {
        "members": [component_to_data(member.architecture) for member in members]
    }
    if len({member.weight for member in members}) > 1:
        options["member_weights"] = [member.weight for member in members]
    if any(member.scale != (1.0, 0.0) for member in members):
        options["scales"] = [list(member.scale) for member in members]
    if shared:
        options["shared_input"] = True
    parts = [component_to_data(member.input) for member in members]
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
