"""``zoo show``: a model's spec."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.config import store
from zoo_cli.help import Command
from zoo_cli.options import common_options, complete_model, model_or_bundle
from zoo_cli.output import line_width, print_json, size_text
from zoo_cli.terminal import echo
from zoo_weights.text import printable

if TYPE_CHECKING:
    from zoo.inference.model import Model
    from zoo_weights.records import WeightsRecord

INPUTS = {
    "image": "photo.png", "tabular": "rows.csv", "text": "--text TEXT", "sequence": "--text TEXT",
    "array": "rows.npz",
}  # fmt: skip
"""What `zoo predict` takes, by the first word of a task."""


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--toml", "form", flag_value="toml", help="Print TOML, as `zoo train` accepts it.")
@common_options
def command(model: str, form: str | None) -> None:
    """Show the spec of MODEL: task, network, preprocessing, weights, recipe and figures.

    For a trained BUNDLE or run folder, show what was trained. The last line is a command to try.
    """
    from zoo.spec.files import spec_to_data, spec_to_toml

    subject = model_or_bundle(model)
    if form == "toml":
        print(spec_to_toml(subject.spec), end="")  # its strings are escaped as TOML
        return
    data = spec_to_data(subject.spec)
    if form == "json":
        print_json(data)
        return
    if not _is_bundle(subject):
        for record, shown in zip(subject.spec.weights, data.get("weights", ()), strict=True):
            shown.pop("bytes", None)
            shown["size"] = _size(record, subject.base)
    if "parameters" in data:
        data["parameters"] = f"{data['parameters']:,}"
    for line in _lines(dict(_flat(data, ""))):
        echo(line)
    echo(f"\nTry: {_next_command(subject, model)}", breaks="\n")


def _lines(fields: dict[str, str]) -> Iterator[str]:
    """Yield lines of a name and a value; what a terminal has no room for goes on below."""
    from textwrap import wrap

    indent = max(map(len, fields)) + 2
    room = max(20, line_width() - indent)
    for name, text in fields.items():
        # An address stays in one piece, so that it can be copied.
        first, *more = wrap(
            printable(text, None), room, break_long_words=False, break_on_hyphens=False
        ) or [""]
        yield f"{printable(name, None):{indent}}{first}".rstrip()
        yield from (" " * indent + line for line in more)


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{number}")
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield path, text


def _is_bundle(model: Model) -> bool:
    """Whether a model has weights of its own: those of a file, not of a record."""
    name = model.weights_name
    return name is not None and model.spec.record(name) is None


def _size(record: WeightsRecord, base: Path | None) -> str:
    """Return how large a weights file is, and where it is."""
    if record.file and base is not None and (base / record.file).is_file():
        place = "part of the package"
    else:
        place = "here" if store().has(record, base=base) else "not here yet"
    return f"{size_text(record.bytes)}, {place}" if record.bytes else place


def _next_command(model: Model, name: str) -> str:
    """Return what to type next: to use the model where it has weights, else to train it."""
    spec, typed = model.spec, shlex.quote(name)
    record = spec.record()
    if _is_bundle(model) or (record is not None and not record.lacks):
        if spec.task == "image-classification":
            return f"zoo classify photo.png -m {typed}"
        return f"zoo predict {typed} {INPUTS.get(spec.task.partition('-')[0], 'INPUT')}"
    if spec.training is None:
        return f"zoo summary {typed}"
    return f"zoo train {typed}" + ("" if spec.training.dataset else " --data FOLDER")
