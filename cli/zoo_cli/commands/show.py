"""``zoo show``: a model's spec."""

from __future__ import annotations

from typing import Any

import click

from zoo_cli.options import common_options, complete_model, model_or_bundle
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.command()
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--toml", "form", flag_value="toml", help="Print TOML, as `zoo train` accepts it.")
@common_options
def command(model: str, form: str | None) -> None:
    """Show the spec of MODEL: task, network, preprocessing, weights, recipe and figures.

    For a trained BUNDLE or run folder, show what was trained.
    """
    from zoo.spec.files import spec_to_data, spec_to_toml

    spec = model_or_bundle(model).spec
    if form == "toml":
        print(spec_to_toml(spec), end="")  # its strings are escaped as TOML
        return
    data = spec_to_data(spec)
    if form == "json":
        print_json(data)
        return
    for line in align(list(_flat(data, ""))):
        echo(line)


def _flat(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{number}")
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield path, text
