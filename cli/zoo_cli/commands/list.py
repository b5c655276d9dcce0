"""``zoo list``: the registered models."""

from __future__ import annotations

from typing import Any

import click

from zoo.registry.registry import list_models, registry
from zoo_cli.options import common_options, note
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.command(name="list")
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option("--task", help="Only models for this task.")
@click.option("--tag", help="Only models with this tag.")
@click.option("--plugin", help="Only models of this plugin.")
@click.option("--licence", help="Only models with this licence.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common_options
def command(
    patterns: tuple[str, ...],
    task: str | None,
    tag: str | None,
    plugin: str | None,
    licence: str | None,
    as_json: bool,
) -> None:
    """List the models whose names match a PATTERN (a glob), or all models."""
    names = list_models(*patterns, task=task, tag=tag, plugin=plugin, licence=licence)
    reg = registry()
    records: list[dict[str, Any]] = []
    for name in names:
        entry, _ = reg.find_model(name)
        records.append(
            {
                "name": name,
                "task": entry.value.task,
                "plugin": entry.owner.name,
                "summary": entry.value.summary,
                "parameters": entry.value.parameters,
                "weights": [record.tag for record in entry.value.weights],
                "licence": entry.value.licence,
            }
        )
    if as_json:
        print_json(records)
        return
    rows = [
        (
            record["name"],
            record["task"],
            f"{record['parameters']:,}" if record["parameters"] else "",
            record["summary"],
        )
        for record in records
    ]
    for line in align(rows):
        echo(line)
    if not records:
        note("no model matches")
