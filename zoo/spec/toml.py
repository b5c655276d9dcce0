"""Reading and writing specs as TOML; every error names file, path and value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from zoo.errors import SpecError
from zoo.spec.component import Component, component_from, component_to
from zoo.spec.model import ModelSpec

MAX_BYTES = 1_000_000
"""A spec is written by hand; a bigger file is something else."""


def _decode_custom(kind: type, value: Any) -> Any:
    if kind is Component:
        return component_from(value)
    msg = f"cannot read {kind.__name__}"
    raise NotImplementedError(msg)


def _encode_custom(value: Any) -> Any:
    if isinstance(value, Component):
        return component_to(value)
    msg = f"cannot write {type(value).__name__}"
    raise TypeError(msg)


def spec_from(data: Any, *, where: str = "spec") -> ModelSpec:
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
    try:
        return msgspec.convert(data, ModelSpec, dec_hook=_decode_custom)
    except msgspec.ValidationError as error:
        msg = f"{where}: {_explain(str(error), data)}"
        raise SpecError(msg) from None


def spec_to(spec: ModelSpec) -> dict[str, Any]:
    """Return the plain data of a spec, defaults left out."""
    data: dict[str, Any] = msgspec.to_builtins(spec, enc_hook=_encode_custom)
    return data


def read_spec(path: Path) -> ModelSpec:
    """Read a spec from a TOML file.

    Raises
    ------
    SpecError
        If the file cannot be read, is no TOML, or is no valid spec.
    """
    import tomllib

    try:
        if path.stat().st_size > MAX_BYTES:
            msg = (
                f"{path}: {path.stat().st_size} bytes are too many for a spec, at most {MAX_BYTES}"
            )
            raise SpecError(msg)
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: cannot be read, {error.strerror or error}"
        raise SpecError(msg) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path}: is not TOML: {error}"
        raise SpecError(msg) from None
    return spec_from(data, where=str(path))


def write_spec(spec: ModelSpec) -> str:
    """Return the spec as TOML, as `read_spec` accepts it."""
    import tomli_w

    return tomli_w.dumps(spec_to(spec))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a spec file."""

    def custom(kind: type) -> dict[str, Any]:
        table = {"type": "object", "properties": {"uses": {"type": "string"}}, "required": ["uses"]}
        return {
            "description": "The name of a part, or a table with it under 'uses' and its options.",
            "anyOf": [{"type": "string"}, table],
        }

    return msgspec.json.schema(ModelSpec, schema_hook=custom)


def _explain(message: str, data: Any) -> str:
    """Turn msgspec's ``... - at `$.training.epochs` `` into a path, the value, and a suggestion."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    value = _at(data, path)
    text = text[0].lower() + text[1:]
    if "unknown field" in text:
        from zoo.errors import did_you_mean

        wrong = text.rpartition("`")[0].rpartition("`")[2]
        text += did_you_mean(wrong, _fields(path))
        return f"{path or 'top level'}: {text}"
    if value is not _ABSENT and "missing required" not in text:
        text += f", received {value!r}"
    return f"{path or 'top level'}: {text}"


_ABSENT = object()


def _at(data: Any, path: str) -> Any:
    for part in path.replace("[", ".[").split("."):
        if not part:
            continue
        try:
            data = data[int(part[1:-1])] if part.startswith("[") else data[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return _ABSENT
    return data


def _fields(path: str) -> list[str]:
    """Return the names of all fields a struct at `path` may have, for suggestions."""
    from zoo.spec.model import Figure, Training, WeightsRecord

    structs: dict[str, type[msgspec.Struct]] = {
        "training": Training, "weights": WeightsRecord, "figures": Figure,
    }  # fmt: skip
    return list(structs.get(path.split("[")[0], ModelSpec).__struct_fields__)
