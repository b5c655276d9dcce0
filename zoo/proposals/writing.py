"""Write a proposal as TOML with comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zoo.parts.base import Choice
from zoo_weights.text import escape_strings, printable


def to_toml(choices: Mapping[str, Choice]) -> str:
    """Return a table of choices as TOML: tables of two levels as sections, deeper ones inline."""
    lines = [_line(key, choice) for key, choice in choices.items() if not _is_table(choice)]
    for key, choice in choices.items():
        if _is_table(choice):
            lines += _section(key, choice)
    return escape_strings("\n".join(lines) + "\n")


def _section(path: str, choice: Choice) -> Iterator[str]:
    inner = {k: c for k, c in choice.value.items() if _is_table(c)}
    if len(inner) < len(choice.value) or not inner:
        yield ""
        if choice.reason:
            yield f"# {printable(choice.reason, None)}"
        yield f"[{path}]"
    yield from (_line(key, c) for key, c in choice.value.items() if key not in inner)
    for key, c in inner.items():
        yield from _section(f"{path}.{key}", c)


def _is_table(choice: Choice) -> bool:
    """Return whether the value is a table of choices, not a plain one."""
    value = choice.value
    return isinstance(value, dict) and all(isinstance(part, Choice) for part in value.values())


def _line(key: str, choice: Choice) -> str:
    shown = key if _is_bare(key) else to_inline(key)
    reason = printable(choice.reason, None)  # with cells in it: no line break may end the comment
    if choice.value is None:
        return f"# {shown}: {reason}"
    text = f"{shown} = {to_inline(choice.value)}"
    return f"{text}  # {reason}" if reason else text


def _is_bare(key: str) -> bool:
    return key.isascii() and key.replace("_", "").replace("-", "").isalnum()


def to_inline(value: Any) -> str:
    """Return a value as TOML in one line."""
    import tomli_w

    if isinstance(value, Mapping):
        parts = (f"{_line(key, Choice(part, ''))}" for key, part in value.items())
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(to_inline, value)) + "]"
    return tomli_w.dumps({"a": value}).removeprefix("a = ").rstrip("\n")
