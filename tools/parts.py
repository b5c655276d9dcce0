"""The reference of parts and their options: their code, and the examples of docs/options.toml."""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
from docstrings import default_of, meanings_of, read_doc, split_sections, table, ticks, type_name

EXAMPLES = Path(__file__).parents[1] / "docs" / "options.toml"

OFFERED = ("input_shape", "units")
"""Arguments of architectures that the preprocessor and the decoder give."""

REQUIRED = inspect.Parameter.empty
"""The default of an option that has none."""

OWN = "zoo/"
"""Parts that zoo writes into the specs of ensembles; nobody names them."""


class Part(NamedTuple):
    """A registered part.

    Attributes
    ----------
    kind
        ``"architectures"``, ``"preprocessors"`` or ``"decoders"``.
    name
        Full name.
    function
        Function or class.
    also
        Full names under which it is registered too.
    """

    kind: str
    name: str
    function: Callable[..., Any]
    also: tuple[str, ...]


class Option(NamedTuple):
    """An option of a part.

    Attributes
    ----------
    name
        Its name.
    annotation
        Type as the code has it.
    default
        Its default, or `REQUIRED`.
    """

    name: str
    annotation: Any
    default: Any


def parts() -> Iterator[Part]:
    """Yield the parts that specs can name, each once."""
    from zoo.registry.registry import registry
    from zoo.spec.component import Component

    for kind in ("preprocessors", "architectures", "decoders"):
        table = getattr(registry(), kind)
        names: dict[Any, list[str]] = {}
        for name in table.names():
            full = table.find(name).full_name
            if not full.startswith(OWN):
                names.setdefault(registry().resolve(kind, Component(full)), []).append(full)
        for function, (first, *also) in names.items():
            yield Part(kind, first, function, tuple(also))


def options(function: Callable[..., Any]) -> list[Option]:
    """Return the options that a spec may set."""
    from zoo.parts.construct import options_of

    parameters = inspect.signature(function).parameters
    return [
        Option(name, annotation, parameters[name].default)
        for name, annotation in options_of(function).items()
        if name not in OFFERED
    ]


def column_types() -> dict[str, Any]:
    """Return the types of columns of ``tabular/columns`` by name."""
    columns = next(part.function for part in parts() if part.name == "tabular/columns")
    (annotation,) = (option.annotation for option in options(columns) if option.name == "columns")
    types = [
        t for kind in get_args(annotation) for inner in get_args(kind) for t in get_args(inner)
    ]
    return {t.__struct_config__.tag: t for t in types if inspect.isclass(t)}


def examples() -> dict[str, dict[str, Any]]:
    """Return an example of each option by the part's name."""
    return tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))


def page() -> str:
    """Return the reference as Markdown."""
    text = [
        "# Parts and their options\n",
        "What a spec can name under `input`, `architecture` and `output`, and every option with an "
        "example, which a test runs. How the parts fit together: [specs.md](specs.md).\n",
    ]
    shown, kind = examples(), ""
    for part in parts():
        if part.kind != kind:
            kind = part.kind
            text.append(f"## {kind.capitalize()}\n")
        text += _part(part, shown)
        if part.name == "tabular/columns":
            text += _column_types(shown)
    return "\n".join(text)


def _part(part: Part, shown: Mapping[str, Any]) -> Iterator[str]:
    summary = split_sections(read_doc(part.function, part.name))[0]
    meanings = _meanings(part.function)
    yield f"### {part.name}\n"
    yield ticks(summary) + "\n"
    if part.also:
        yield f"Also as {', '.join(f'`{name}`' for name in part.also)}.\n"
    own = next((shown[name] for name in (part.name, *part.also) if name in shown), {})
    rows = [
        [f"`{option.name}`", _type(option), _default(option), meanings[option.name],
         _example(option.name, own)]
        for option in options(part.function)
    ]  # fmt: skip
    yield table(HEAD, rows) if rows else "It has no options.\n"


def _meanings(function: Callable[..., Any]) -> dict[str, str]:
    """Return the meaning of each parameter, for a class also those that its bases document."""
    meanings: dict[str, str] = {}
    for owner in reversed(getattr(function, "__mro__", (function,))):
        sections = split_sections(inspect.cleandoc(owner.__doc__ or ""))[1]
        for names, meaning in sections.get("Parameters", ()):
            if not meaning.startswith("See "):
                meanings.update(dict.fromkeys(names, ticks(meaning)))
    return meanings


def _column_types(shown: Mapping[str, Any]) -> Iterator[str]:
    yield "#### Types of columns\n"
    yield (
        "In the table `columns`, each column has a type: its name, or a table with the name under "
        "`type` and its options.\n"
    )
    for name, struct in column_types().items():
        yield f"**{name}**: {ticks(split_sections(read_doc(struct, name))[0])}\n"
        meanings = meanings_of(struct)
        info: Any = msgspec.inspect.type_info(struct)
        yield table(
            HEAD,
            [
                [f"`{field.name}`", type_name(field.type), default_of(field), meanings[field.name],
                 _example(field.name, shown[f"tabular/columns {name}"])]
                for field in info.fields
            ],
        )  # fmt: skip


HEAD = ("option", "type", "default", "meaning", "example")


def _type(option: Option) -> str:
    return type_name(msgspec.inspect.type_info(option.annotation))


def _default(option: Option) -> str:
    if option.default is REQUIRED:
        return "required"
    return "" if option.default is None else f"`{json.dumps(option.default)}`"


def _example(name: str, examples: Mapping[str, Any]) -> str:
    from zoo.proposals.writing import to_inline

    return f"`{name} = {to_inline(examples[name])}`"
