"""Settings of a spec: changes by ``--set`` and by Python values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.errors import UsageError
from zoo.parts.construct import keras_class, options_of
from zoo.registry.registry import registry
from zoo.spec.component import Component
from zoo.spec.model import ModelSpec, Training
from zoo.spec.override import assign, override


def options_lookup(spec: ModelSpec) -> Any:
    """Return a function that lists the options of a component, for `zoo.spec.toml`."""
    tables = {"architecture": "architectures", "input": "preprocessors", "output": "decoders"}

    def options(path: str, component: Component) -> list[str]:
        if path in tables:
            function = registry().resolve(tables[path], component)
            return [name for name in options_of(function) if name not in ("input_shape", "units")]
        module = {"training.optimizer": "optimizers", "training.loss": "losses"}[path]
        names = options_of(keras_class(module, component, path))
        return [name for name in names if name not in ("kwargs", "name", "dtype")]

    return options


def resolve_recipe(spec: ModelSpec, settings: Sequence[str] = ()) -> tuple[ModelSpec, Training]:
    """Apply settings, as ``--set`` takes them, to a spec; return it and its recipe.

    Raises
    ------
    UsageError
        If a setting is wrong, or there is no recipe.
    """
    for assignment in settings:  # one at a time: a new optimizer brings new options
        spec = override(spec, [assignment], options_lookup(spec))
    if spec.training is None:
        msg = f"{spec.name} has no training recipe"
        raise UsageError(msg)
    return spec, spec.training


def with_settings(spec: ModelSpec, settings: Mapping[str, Any]) -> ModelSpec:
    """Return the spec with fields replaced by Python values, by dotted path or its last part.

    The order does not matter: parts are set before their options.
    """
    parts = ("architecture", "input", "output", "optimizer", "loss")
    for key in sorted(settings, key=lambda key: key.rpartition(".")[2] not in parts):
        spec = assign(spec, key, settings[key], options_lookup(spec))
    return spec


def assignments(settings: Sequence[str], **fields: int | None) -> list[str]:
    """Return settings, followed by those for the fields of the recipe that are not None."""
    more = (f"training.{name}={value}" for name, value in fields.items() if value is not None)
    return [*settings, *more]
