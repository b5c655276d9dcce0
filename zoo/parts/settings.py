"""Settings: change any field of a spec, by ``--set KEY=VALUE`` or by Python values.

The result is checked like the spec itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zoo.errors import SpecError, UsageError, did_you_mean, join_or
from zoo.parts.construct import keras_class, options_of
from zoo.parts.schedules import schedule_of, schedule_options
from zoo.registry.registry import registry
from zoo.spec.component import Component
from zoo.spec.files import spec_from_data, spec_to_data
from zoo.spec.model import ModelSpec, Split, Training
from zoo.spec.watch import EarlyStopping, ReduceLROnPlateau

OptionsOf = Callable[[str, Component], Iterable[str]]
"""Returns the options of the component at a path of the spec (``"training.optimizer"``)."""

COMPONENTS = (
    "architecture", "input", "output", "training.optimizer", "training.loss",
    "training.optimizer.learning_rate",
)  # fmt: skip

PLATEAU = "training.reduce_lr_on_plateau"


def options_lookup(spec: ModelSpec) -> OptionsOf:
    """Return a function that lists the options of a component."""
    tables = {"architecture": "architectures", "input": "preprocessors", "output": "decoders"}

    def options(path: str, component: Component) -> list[str]:
        if path in tables:
            function = registry().resolve(tables[path], component)
            return [name for name in options_of(function) if name not in ("input_shape", "units")]
        if path == "training.optimizer.learning_rate":
            return [name for name in schedule_options(component) if name != "name"]
        module = {"training.optimizer": "optimizers", "training.loss": "losses"}[path]
        names = options_of(keras_class(module, component, path))
        return [name for name in names if name not in ("kwargs", "name", "dtype")]

    return options


def apply_settings(spec: ModelSpec, settings: Sequence[str]) -> ModelSpec:
    """Return the spec changed by settings, as ``--set`` takes them.

    Raises
    ------
    UsageError
        If a setting is wrong.
    """
    for assignment in settings:  # one at a time: a new optimizer brings new options
        spec = override(spec, [assignment], options_lookup(spec))
    return spec


def resolve_recipe(spec: ModelSpec, settings: Sequence[str] = ()) -> tuple[ModelSpec, Training]:
    """Apply settings to a spec; return it and its recipe.

    Raises
    ------
    UsageError
        If a setting is wrong, or there is no recipe.
    """
    spec = apply_settings(spec, settings)
    if spec.training is None:
        similar = _trainable_models(spec)
        hint = f"; train {join_or(similar)} on your own data" if similar else ""
        msg = f"{spec.name} has no training recipe{hint}"
        raise UsageError(msg)
    return spec, spec.training


def _trainable_models(spec: ModelSpec) -> list[str]:
    """Return the models with a recipe that do the same with inputs of the same kind.

    If there are some of the same network, only these.
    """
    reg = registry()
    trainable = [entry for entry in reg.match_models() if entry.value.training is not None]
    specs = [reg.full_names(entry.value, near=entry.owner.name) for entry in trainable]
    names = [s.name for s in specs if (s.task, s.input.uses) == (spec.task, spec.input.uses)]
    return [name for name in names if name.startswith(f"{spec.name}-")] or names


def with_settings(spec: ModelSpec, settings: Mapping[str, Any]) -> ModelSpec:
    """Return the spec with fields replaced by Python values, by dotted path or its last part.

    The order does not matter: parts are set before their options.
    """
    parts = ("architecture", "input", "output", "optimizer", "loss", "learning_rate")
    order = {name: place for place, name in enumerate(parts)}
    for key in sorted(settings, key=lambda key: order.get(key.rpartition(".")[2], len(parts))):
        spec = assign(spec, key, settings[key], options_lookup(spec))
    return spec


def assignments(settings: Sequence[str], **fields: int | None) -> list[str]:
    """Return settings, followed by those for the fields of the recipe that are not None."""
    more = (f"training.{name}={value}" for name, value in fields.items() if value is not None)
    return [*settings, *more]


def override(spec: ModelSpec, assignments: Sequence[str], options_of: OptionsOf) -> ModelSpec:
    """Return the spec with fields replaced.

    Parameters
    ----------
    spec
        The spec to start from.
    assignments
        ``KEY=VALUE`` strings. A key is a dotted path; its last part suffices if it is unique.
        A value is a TOML value, or plain text if it is not TOML; commas make a list if the field
        is one.
    options_of
        Returns the options that a component takes.

    Raises
    ------
    UsageError
        If there is no ``=``, or the key is unknown or not unique.
    SpecError
        If the value does not fit the field.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            msg = f"--set takes KEY=VALUE, for instance epochs=50; received {assignment!r}"
            raise UsageError(msg)
        path = _resolve(key.strip(), spec, options_of, "--set ")
        spec = _assign(spec, path, parse_value(text.strip()), f"--set {assignment}")
    return spec


def assign(spec: ModelSpec, key: str, value: Any, options_of: OptionsOf) -> ModelSpec:
    """Return the spec with one field replaced by a Python value; see `override`."""
    path = _resolve(key, spec, options_of, "")
    return _assign(spec, path, value, f"{key}={value!r}")


def _resolve(key: str, spec: ModelSpec, options_of: OptionsOf, option: str) -> str:
    paths = [name for name in ModelSpec.__struct_fields__ if name not in ("weights", "figures")]
    paths += [f"training.{name}" for name in Training.__struct_fields__]
    paths += [f"training.early_stopping.{name}" for name in EarlyStopping.__struct_fields__]
    paths += [f"training.validation.{name}" for name in Split.__struct_fields__]
    # Two rules have the same fields: `patience` is early stopping's unless the recipe has both.
    if PLATEAU.rpartition(".")[2] in key or _value_at(spec, PLATEAU) is not None:
        paths += [f"{PLATEAU}.{name}" for name in ReduceLROnPlateau.__struct_fields__]
    for path in COMPONENTS:
        component = _value_at(spec, path)
        if isinstance(component, Component):
            options = (*component.config, *options_of(path, component))
            paths += [f"{path}.{name}" for name in options]
    paths = list(dict.fromkeys(paths))
    tables = (
        "training.picked_seed.", "training.seeds.", "training.class_weights.", "training.outputs.",
    )  # fmt: skip
    if key in paths or key.startswith(tables):
        return key
    matches = [path for path in paths if path.endswith(f".{key}")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        msg = f"{option}{key}: several fields end in this; use {' or '.join(matches)}"
        raise UsageError(msg)
    leaves = [path.rpartition(".")[2] for path in paths]
    msg = f"{option}{key}: {spec.name!r} has no such field.{did_you_mean(key, [*paths, *leaves])}"
    raise UsageError(msg)


def parse_value(text: str) -> Any:
    """Parse a text as a TOML value; return the text itself if it is not one."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, a huge number, too deep
        return text


def _assign(spec: ModelSpec, path: str, value: Any, where: str) -> ModelSpec:
    if path.startswith("training.") and spec.training is None:
        msg = f"{where}: {spec.name!r} has no training recipe"
        raise UsageError(msg)
    failures = []
    for candidate in _readings(value, _value_at(spec, path)):
        data = spec_to_data(spec)
        if path.startswith("architecture"):
            data.pop("state", None)  # another network has other states; they are read from it
        _set_value(data, path.split("."), candidate)
        try:
            return spec_from_data(data, where=where)
        except SpecError as error:
            failures.append(error)
    raise failures[0]


def _readings(value: Any, current: Any) -> list[Any]:
    """Return the possible readings of a value, likeliest first: as it is, or split at commas."""
    if isinstance(value, str) and "," in value:
        split = [parse_value(part.strip()) for part in value.split(",")]
        return [split] if isinstance(current, list | tuple) else [value, split]
    if isinstance(current, list | tuple) and not isinstance(value, list | Mapping):
        return [[value], value]
    return [value] if isinstance(value, list | Mapping) else [value, [value]]


def _value_at(spec: ModelSpec, path: str) -> Any:
    value: Any = spec
    for part in path.split("."):
        if isinstance(value, Component):
            is_rate = path.startswith("training.optimizer.") and part == "learning_rate"
            value = (schedule_of(value) if is_rate else None) or value.config.get(part)
        else:
            value = getattr(value, part, None)
    return value


def _set_value(data: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = data.get(part, {})
        data[part] = inner = {"uses": inner} if isinstance(inner, str) else inner
        data = inner
    data[path[-1]] = value
