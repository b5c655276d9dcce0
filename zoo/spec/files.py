"""Specs as TOML, and the JSON headers of bundles; every error names file, path and value."""

from __future__ import annotations

import re
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from zoo.errors import DamagedHeader, SpecError, did_you_mean
from zoo.spec.component import NAME, Component, component_from_data, component_to_data
from zoo.spec.dataset import Dataset
from zoo.spec.model import ModelSpec
from zoo_weights.files import irregular_kind
from zoo_weights.text import escape_strings, printable

R = TypeVar("R", bound=msgspec.Struct)

MAX_BYTES = 1_000_000
"""A spec is written by hand; a larger file is something else."""

MAX_KEY_PARTS = 64
"""Maximum number of parts of a key: reading one takes quadratic memory, and ours have three."""

_KEY_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s.=#"'\[\]{},]+)"""
_LONG_KEY = re.compile(
    rf"(?:^|[\[{{,])[ \t]*(?:{_KEY_PART}[ \t]*\.[ \t]*){{{MAX_KEY_PARTS}}}", re.M
)

_UNKNOWN = "Object contains unknown field "
_MISSING = "Object missing required field "


def decode_custom(kind: type, value: Any) -> Any:
    """Decode what msgspec does not know: components."""
    return component_from_data(value)


def encode_custom(value: Any) -> Any:
    """Encode what msgspec does not know: components."""
    if isinstance(value, Component):
        return component_to_data(value)
    msg = f"cannot write {type(value).__name__}"
    raise TypeError(msg)


def spec_from_data(data: Any, *, where: str = "spec") -> ModelSpec:
    """Read a spec from plain data.

    Parameters
    ----------
    data
        What TOML or JSON decoded to.
    where
        Name of the source, for messages.

    Raises
    ------
    SpecError
        If a field is missing, unknown, or of the wrong type; the message names path and value.
    """
    return convert_data(data, ModelSpec, where)


def check_record(record: R, *, where: str) -> R:
    """Check the fields of a record made by Python code like those of a file, and return it.

    Raises
    ------
    SpecError
        If a field is of the wrong type; the message names path and value.
    """
    try:
        data = msgspec.to_builtins(record, enc_hook=encode_custom)
    except TypeError as error:
        msg = f"{where}: {error}"
        raise SpecError(msg) from None
    return convert_data(data, type(record), where)


def convert_data(data: Any, kind: type[R], where: str) -> R:
    """Return a record of plain data; a `SpecError` names the source, the path and the value."""
    try:
        return msgspec.convert(data, kind, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        msg = f"{where}: {_explain(str(error), data, kind)}"
        raise SpecError(msg) from None
    except RecursionError:
        msg = f"{where}: is nested too deeply"
        raise SpecError(msg) from None


def spec_to_data(spec: ModelSpec) -> dict[str, Any]:
    """Return the plain data of a spec, defaults left out."""
    # Through JSON: tuples become lists, so that data read back from a file are equal.
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(spec, enc_hook=encode_custom))
    return data


def read_spec(path: Path) -> ModelSpec:
    """Read a spec from a TOML file.

    Raises
    ------
    SpecError
        If the file cannot be read, is not TOML, or is not a valid spec.
    """
    return spec_from_data(_read(path), where=str(path))


def read_datasets(path: Path) -> list[Dataset]:
    """Read dataset records from a TOML file, which has a table for each one under its name.

    Raises
    ------
    SpecError
        If the file cannot be read, is not TOML, or holds something else.
    """
    named = {
        name: {"name": name, **fields} if isinstance(fields, dict) else fields
        for name, fields in _read(path).items()
    }
    return [convert_data(data, Dataset, f"{path}: {name}") for name, data in named.items()]


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        if kind := irregular_kind(path):
            msg = f"{path}: is {kind}, expected a TOML file"
            raise SpecError(msg)
        size = path.stat().st_size
        if size > MAX_BYTES:
            msg = f"{path}: has {size} bytes, a spec has at most {MAX_BYTES}"
            raise SpecError(msg)
        text = path.read_text(encoding="utf-8")
        if _LONG_KEY.search(text):
            msg = f"{path}: has a key of more than {MAX_KEY_PARTS} parts joined by dots"
            raise SpecError(msg)
        return tomllib.loads(text)
    except OSError as error:
        msg = f"{path}: cannot be read, {error.strerror or error}"
        raise SpecError(msg) from None
    except (ValueError, RecursionError) as error:  # wrong bytes, wrong TOML, huge numbers, depth
        msg = f"{path}: is not TOML: {error}"
        raise SpecError(msg) from None


def spec_to_toml(spec: ModelSpec) -> str:
    """Return a spec as TOML that `read_spec` accepts."""
    import tomli_w

    return escape_strings(tomli_w.dumps(spec_to_data(spec)))


def read_json_headers(
    path: Path, kinds: Mapping[str, Any], *, optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the headers of a bundle, decoded from JSON.

    Parameters
    ----------
    path
        The bundle, or another file of the same layout: a checkpoint, a session.
    kinds
        Type that each header must have, as msgspec takes it.
    optional
        Names of those that may be missing.

    Raises
    ------
    DamagedHeader
        If one is missing, is not JSON, or is of another type.
    zoo_weights.WeightsError
        If the file is not a bundle, or is damaged.
    """
    from zoo_weights.readers import read_headers

    headers = read_headers(path)
    if missing := sorted(kinds.keys() - headers.keys() - {*optional}):
        msg = f"{path}: is not a complete bundle, it has no {' and no '.join(missing)}"
        raise DamagedHeader(msg)
    return {
        name: _decode_header(path, name, headers[name], kind)
        for name, kind in kinds.items()
        if name in headers
    }


def _decode_header(path: Path, name: str, text: str, kind: Any) -> Any:
    import json

    try:
        # Not by msgspec: the figures of a training may be NaN.
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()  # fails for half of a surrogate pair
        msgspec.convert(data, kind)
        return data
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        msg = f"{path}: its header {name!r} is damaged: {printable(str(error))}"
        raise DamagedHeader(msg) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec file."""

    def custom(kind: type) -> dict[str, Any]:
        table = {"type": "object", "properties": {"uses": {"type": "string"}}, "required": ["uses"]}
        return {
            "description": "The name of a part, or a table with it under 'uses' and its options.",
            "anyOf": [{"type": "string"}, table],
        }

    schema = msgspec.json.schema(ModelSpec, schema_hook=custom)
    training = schema["$defs"]["Training"]
    training["oneOf"] = [{"required": ["loss"]}, {"required": ["outputs"]}]
    return schema


def _explain(message: str, data: Any, kind: type[msgspec.Struct]) -> str:
    """Turn msgspec's ``... - at `$.training.epochs` `` into a path, the value, and a suggestion."""
    text, _, path = message.rpartition(" - at `$") if message.endswith("`") else (message, "", "")
    text, path = (text, path[:-1].lstrip(".")) if text else (message, "")
    value = _value_at(data, path)
    if text.startswith(_UNKNOWN):
        wrong = text.removeprefix(_UNKNOWN)[1:-1]
        fields = _struct_at(path, kind).__struct_fields__
        text = f"unknown field {printable(repr(wrong))}.{did_you_mean(wrong, fields)}"
    elif text.startswith(_MISSING):
        text = f"the field {text.removeprefix(_MISSING)[1:-1]!r} is missing"
    elif text.startswith("Invalid enum value"):
        hint = typing.get_type_hints(_struct_at(path, kind))[path.rpartition(".")[2]]
        choices = ", ".join(str(leaf) for leaf in _leaves(hint) if isinstance(leaf, str | int))
        text = f"must be one of {choices}, received {printable(repr(value))}"
    elif text.startswith("Expected"):
        # TOML has no null.
        text = "expected" + text[8:].replace(" | null", "").replace(
            f"`str` matching regex {NAME!r}", "lower-case words joined by hyphens"
        )
        text += f", received {printable(repr(value))}"
    return f"{printable(path) or 'top level'}: {text}"


def _value_at(data: Any, path: str) -> Any:
    """Return the value at msgspec's path; the table itself where that has ``[...]`` for a key."""
    for part in path.partition("[...]")[0].replace("[", ".[").split("."):
        try:
            data = data[int(part[1:-1])] if part.startswith("[") else data[part] if part else data
        except (KeyError, IndexError, TypeError, ValueError):  # a field named like a path
            break
    return data


def _struct_at(path: str, kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the innermost struct on a path into a record."""
    for part in path.split("."):
        hint = typing.get_type_hints(kind).get(part.partition("[")[0])
        for leaf in _leaves(hint):
            if isinstance(leaf, type) and issubclass(leaf, msgspec.Struct):
                kind = leaf
    return kind


def _leaves(hint: Any) -> list[Any]:
    """Return the leaves of an annotation: the types of a union, the choices of a literal."""
    inner = typing.get_args(hint)
    return [leaf for part in inner for leaf in _leaves(part)] if inner else [hint]
