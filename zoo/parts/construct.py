"""Calls of a component's function or class with its options, names and types checked first."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from zoo.errors import SpecError, did_you_mean
from zoo.spec.component import Component, plain_name
from zoo_weights.text import printable

MAX_SIDE = 1_000_000
"""Bound of every integer option: no file can request a layer that fills the memory."""

MAX_LAYERS = 1_000
"""Bound of the length of an architecture's options, such as the widths of its layers."""


def options_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options a component's function or class takes: name to annotation.

    An annotation that cannot be resolved counts as ``Any``.
    """
    target = function.__init__ if inspect.isclass(function) else function
    try:
        hints = typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    return {
        name: hints.get(name, Any)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def construct(
    function: Callable[..., Any],
    component: Component,
    *,
    what: str,
    offered: Mapping[str, Any] | None = None,
) -> Any:
    """Call `function` with the component's options.

    Parameters
    ----------
    function
        Function or class.
    component
        Its name and options.
    what
        Path of the component in the spec, for messages.
    offered
        Further arguments; each is passed only if the function has a parameter of that name.

    Raises
    ------
    SpecError
        If an option is unknown, missing, or of the wrong type.
    """
    offered = offered or {}
    types = options_of(function)
    arguments = {name: value for name, value in offered.items() if name in types}
    for name, value in component.config.items():
        path = printable(f"{what}.{name}")
        if name not in types:
            msg = f"{path}: {component.uses!r} has no option {name!r}."
            raise SpecError(msg + (did_you_mean(name, types) or f" It takes {', '.join(types)}."))
        _check_bounds(path, value)
        arguments[name] = convert(path, value, types[name])
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        msg = f"{what}: {component.uses!r} {error}"
        raise SpecError(msg) from None
    try:
        return function(**arguments)
    except ValueError as error:
        msg = f"{what}: {component.uses!r} refused its options: {error}"
        raise SpecError(msg) from error


def convert(path: str, value: Any, annotation: Any) -> Any:
    """Convert `value` to `annotation`, or raise a `SpecError` that names path and value.

    Tables are converted field by field, so that the path leads to the value that is wrong.
    """
    members = _members(annotation)
    if isinstance(value, dict):
        structs = [m for m in members if inspect.isclass(m) and issubclass(m, msgspec.Struct)]
        if structs:
            return _convert_struct(path, value, structs)
        for member in members:
            if get_origin(member) is dict:
                item = get_args(member)[1]
                return {key: convert(f"{path}.{key}", part, item) for key, part in value.items()}
    _check_choices(path, value, members)
    if isinstance(value, list | tuple):
        items = [get_args(member)[0] for member in members if get_origin(member) in (list, tuple)]
        for part in value:
            _check_choices(path, part, [choice for item in items for choice in _members(item)])
    try:
        return msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        text = str(error).partition(" - at `$")[0]
        text = text[0].lower() + text[1:].replace(" | null", "")  # TOML has no null
        msg = f"{path}: {text}, received {printable(repr(value))}"
        raise SpecError(msg) from None
    except TypeError:  # an annotation that msgspec does not support (an array, a callable)
        return value


def _convert_struct(path: str, value: dict[str, Any], structs: list[Any]) -> Any:
    """Convert a table to the struct that its tag names."""
    by_tag = {struct.__struct_config__.tag: struct for struct in structs}
    tag_field = structs[0].__struct_config__.tag_field
    rest = dict(value)
    if tag_field is None:
        (struct,) = structs
    else:
        tag = rest.pop(tag_field, None)
        if tag not in by_tag:
            where = f"{path}.{tag_field}"
            raise _wrong_choice(where, tag, list(by_tag))
        struct = by_tag[tag]
    hints = typing.get_type_hints(struct, include_extras=True)
    for name in rest:
        if name not in struct.__struct_fields__:
            msg = f"{path}: there is no option {printable(repr(name))}."
            raise SpecError(msg + (did_you_mean(name, struct.__struct_fields__) or ""))
    missing = [f.name for f in msgspec.structs.fields(struct) if f.required and f.name not in rest]
    if missing:
        msg = f"{path}: the option {missing[0]!r} is missing"
        raise SpecError(msg)
    return struct(
        **{name: convert(f"{path}.{name}", part, hints[name]) for name, part in rest.items()}
    )


def _members(annotation: Any) -> list[Any]:
    """Return the types that a union allows; of any other type, itself."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def _check_choices(path: str, value: Any, members: Sequence[Any]) -> None:
    """Raise `SpecError` if a text is none of the choices that there are."""
    choices = [c for m in members if get_origin(m) is Literal for c in get_args(m)]
    if choices and isinstance(value, str) and value not in choices and str not in members:
        raise _wrong_choice(path, value, choices)


def _wrong_choice(path: str, value: Any, choices: list[Any]) -> SpecError:
    msg = f"{path}: expected one of {', '.join(map(str, choices))}, "
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return SpecError(f"{msg}received {printable(repr(value))}.{hint}".removesuffix("."))


def _check_bounds(path: str, value: Any) -> None:
    if path.startswith("training.optimizer."):  # numbers of steps take no memory
        return
    if isinstance(value, int) and abs(value) > MAX_SIDE:
        msg = f"{path}: at most {MAX_SIDE:,} is allowed, received {value:,}"
        raise SpecError(msg)
    if isinstance(value, list | dict):
        if len(value) > MAX_LAYERS and path.startswith("architecture"):
            msg = f"{path}: at most {MAX_LAYERS:,} items are allowed, received {len(value):,}"
            raise SpecError(msg)
        for item in value.values() if isinstance(value, dict) else value:
            _check_bounds(path, item)


AUTOMATIC = ("accuracy", "acc", "crossentropy")
"""Metrics for which Keras picks the variant that fits the loss and the output's shape."""

_SINGULAR = {
    "losses": "loss", "metrics": "metric", "optimizers": "optimizer", "callbacks": "callback",
    "optimizers.schedules": "learning-rate schedule",
}  # fmt: skip

_BASES = ("LearningRateSchedule", "Callback", "CallbackList", "MonitorCallback")
"""Keras's classes of these modules that are no parts themselves."""

_ALIASES = {
    "mse": "meansquarederror",
    "mae": "meanabsoluteerror",
    "mape": "meanabsolutepercentageerror",
    "msle": "meansquaredlogarithmicerror",
}


def keras_class(module: str, component: Component, what: str) -> type[Any]:
    """Return the Keras class that a component names: ``"adam"`` and ``"Adam"`` are the same.

    Raises
    ------
    SpecError
        If Keras has no such class.
    """
    from zoo.backend.choose import keras

    classes = {
        plain_name(name): value
        for name, value in vars(attrgetter(module)(keras())).items()
        if isinstance(value, type) and not name.startswith("_") and name not in _BASES
    }
    name = plain_name(component.uses)
    cls = classes.get(_ALIASES.get(name, name))
    if cls is None:
        hint = did_you_mean(name, classes)
        msg = f"{what}: Keras has no {_SINGULAR[module]} {component.uses!r}.{hint}"
        raise SpecError(msg)
    return cls


def keras_object(module: str, component: Component, what: str) -> Any:
    """Build the Keras object that a component describes."""
    return construct(keras_class(module, component, what), component, what=what)
