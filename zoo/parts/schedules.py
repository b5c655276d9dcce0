"""Optimizers whose learning rate is a schedule: Keras's, with numbers of steps given in epochs.

An option of a schedule that counts steps has a twin in epochs: ``warmup_epochs`` beside
``warmup_steps``. What Keras requires and the spec leaves out is the rest of the training.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.errors import SpecError
from zoo.parts.construct import construct, keras_class, options_of
from zoo.spec.component import Component, component_from_data, component_to_data

WHERE = "training.optimizer"

BOUNDARIES = "boundaries"
"""Option with the last step of each constant rate."""

RATES = ("initial_learning_rate", "end_learning_rate", "warmup_target", "values")
"""Options that are learning rates; the other ones are steps or factors."""


def schedule_of(optimizer: Component) -> Component | None:
    """Return the schedule of an optimizer's learning rate; None if that is a number.

    Raises
    ------
    SpecError
        If it is a table without the name of a schedule.
    """
    rate = optimizer.config.get("learning_rate")
    if not isinstance(rate, str | Mapping):
        return None
    try:
        return component_from_data(rate)
    except ValueError as error:
        msg = f"{WHERE}.learning_rate: {error}"
        raise SpecError(msg) from None


def build_optimizer(optimizer: Component, *, epochs: int, steps: int) -> Any:
    """Build the optimizer of a recipe, for a training of `epochs` of `steps` each."""
    cls = keras_class("optimizers", optimizer, WHERE)
    schedule = schedule_of(optimizer)
    if schedule is None or "learning_rate" not in options_of(cls):
        return construct(cls, optimizer, what=WHERE)
    rest = {name: value for name, value in optimizer.config.items() if name != "learning_rate"}
    rate = _build_schedule(schedule, epochs=epochs, steps=steps)
    component = Component(optimizer.uses, **rest)
    return construct(cls, component, what=WHERE, offered={"learning_rate": rate})


def schedule_options(schedule: Component) -> dict[str, Any]:
    """Return the options of a schedule, those in epochs included: name to type."""
    options = {}
    for name, parameter in _parameters(schedule).items():
        kind = list[float] if name in (BOUNDARIES, "values") else type(parameter.default)
        options[name] = kind if kind in (list[float], bool, str) else float
        if twin := _in_epochs(name):
            options[twin] = options[name]
    return options


def scale_rates(optimizer: Component, factor: float) -> Component:
    """Return an optimizer whose learning rate, if it has one, is multiplied by a factor."""
    schedule = schedule_of(optimizer)
    if schedule is not None:
        scaled = schedule.with_options(**_scaled(_parameters(schedule), schedule, RATES, factor))
        return optimizer.with_options(learning_rate=component_to_data(scaled))
    parameters = inspect.signature(keras_class("optimizers", optimizer, WHERE)).parameters
    return optimizer.with_options(**_scaled(parameters, optimizer, ("learning_rate",), factor))


def _scaled(
    parameters: Mapping[str, inspect.Parameter],
    part: Component,
    names: Sequence[str],
    factor: float,
) -> dict[str, Any]:
    """Return the options called `names`, set or by default, multiplied by a factor."""

    def scale(value: Any) -> Any:
        if isinstance(value, list):
            return [scale(item) for item in value]
        return float(f"{value * factor:.6g}")

    options = {n: p.default for n, p in parameters.items()} | dict(part.config)
    return {n: scale(options[n]) for n in names if isinstance(options.get(n), int | float | list)}


def _build_schedule(schedule: Component, *, epochs: int, steps: int) -> Any:
    cls = keras_class("optimizers.schedules", schedule, f"{WHERE}.learning_rate")
    parameters = _parameters(schedule)

    def build(**options: Any) -> Any:
        return cls(**_in_steps(options, parameters, epochs=epochs, steps=steps))

    # `construct` checks the options that Keras has, with their twins, and what must be among them.
    build.__annotations__ = types = schedule_options(schedule)
    required = {n for n, p in parameters.items() if p.default is p.empty and not _in_epochs(n)}
    empty, kind = inspect.Parameter.empty, inspect.Parameter.KEYWORD_ONLY
    build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kind, default=empty if n in required else None) for n in types]
    )
    return construct(build, schedule, what=f"{WHERE}.learning_rate")


def _in_steps(
    options: dict[str, Any], parameters: Mapping[str, inspect.Parameter], *, epochs: int, steps: int
) -> dict[str, Any]:
    """Return options as Keras takes them; `ValueError` if they contradict each other."""
    for name in filter(_in_epochs, parameters):
        if (twin := str(_in_epochs(name))) in options:
            if name in options:
                msg = f"{name} and {twin} say the same; give one of them"
                raise ValueError(msg)
            options[name] = _to_steps(name, options.pop(twin), steps)
    if BOUNDARIES in parameters and BOUNDARIES not in options:
        msg = f"{BOUNDARIES} or {_in_epochs(BOUNDARIES)} is missing"
        raise ValueError(msg)
    if options.get("warmup_steps") and options.get("warmup_target") is None:
        msg = "a warm-up needs warmup_target: it rises from initial_learning_rate to that"
        raise ValueError(msg)
    rest = epochs * steps - options.get("warmup_steps", 0)
    return {
        n: rest for n, p in parameters.items() if _in_epochs(n) and p.default is p.empty
    } | options


def _parameters(schedule: Component) -> Mapping[str, inspect.Parameter]:
    cls = keras_class("optimizers.schedules", schedule, f"{WHERE}.learning_rate")
    return inspect.signature(cls).parameters


def _in_epochs(name: str) -> str | None:
    """Return the name in epochs of an option that counts steps."""
    if name == BOUNDARIES:
        return "boundary_epochs"
    return name.removesuffix("steps") + "epochs" if name.endswith("_steps") else None


def _to_steps(name: str, epochs: Any, steps: int) -> Any:
    """Return a number of epochs, or the ends of some, as steps."""
    if name == BOUNDARIES:  # Keras's boundary is the last step at a rate, and steps count from 0
        return [round(epoch * steps) - 1 for epoch in epochs]
    return round(epochs * steps)
