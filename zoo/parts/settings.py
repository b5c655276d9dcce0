"""Settings of a spec: what ``--set`` and Python values change in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.errors import UsageError
from zoo.parts.construct import keras_class, options_of
from zoo.registry.registry import registry
from zoo.spec.component import Component
from zoo.spec.model import ModelSpec
from zoo.spec.override import assign, override
from zoo.spec.training import Training


def options_at(spec: ModelSpec) -> Any:
    """Return the function that tells `zoo.spec.override` which options a component takes."""
    tables = {"architecture": "architectures", "input": "preprocessors", "output": "decoders"}

    def options(path: str, component: Component) -> list[str]:
        if path in tables:
            function = registry().resolve(tables[path], component)
            return [name for name in options_of(function) if name not in ("input_shape", "units")]
        module = {"training.optimizer": "optimizers", "training.loss": "losses"}[path]
        known = options_of(keras_class(module, component, path))
        return [name for name in known if name not in ("kwargs", "name", "dtype")]

    return options


def trainable(spec: ModelSpec, settings: Sequence[str] = ()) -> tuple[ModelSpec, Training]:
    """Return a spec with settings as ``--set`` takes them, and its recipe.

    Raises
    ------
    UsageError
        If a setting is wrong, or there is no recipe.
    """
    for assignment in settings:  # one at a time: a new optimizer brings new options
        spec = override(spec, [assignment], options_at(spec))
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
        spec = assign(spec, key, settings[key], options_at(spec))
    return spec


def assignments(settings: Sequence[str], **given: int | None) -> list[str]:
    """Return settings, and those of the recipe's fields that are given by themselves."""
    own = (f"training.{name}={value}" for name, value in given.items() if value is not None)
    return [*settings, *own]
