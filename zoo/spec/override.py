"""``--set KEY=VALUE``: change any field of a spec, checked like the spec itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from zoo.errors import SpecError, UsageError, did_you_mean
from zoo.spec.component import Component
from zoo.spec.model import EarlyStopping, ModelSpec, Split, Training
from zoo.spec.toml import spec_from_data, spec_to_data

OptionsOf = Callable[[str, Component], Iterable[str]]
"""Returns the options of the component at a path of the spec (``"training.optimizer"``)."""

COMPONENTS = ("architecture", "input", "output", "training.optimizer", "training.loss")


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
    for path in COMPONENTS:
        component = _value_at(spec, path)
        if isinstance(component, Component):
            options = (*component.config, *options_of(path, component))
            paths += [f"{path}.{name}" for name in options]
    paths = list(dict.fromkeys(paths))
    tables = ("training.picked_seed.", "training.seeds.", "training.class_weights.")
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
        value = (
            value.config.get(part) if isinstance(value, Component) else getattr(value, part, None)
        )
    return value


def _set_value(data: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = data.get(part, {})
        data[part] = inner = {"uses": inner} if isinstance(inner, str) else inner
        data = inner
    data[path[-1]] = value
