"""``zoo list``: the registered models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from zoo.errors import UsageError, did_you_mean
from zoo.registry.registry import list_models, registry
from zoo_cli.help import Command
from zoo_cli.options import common_options, json_option, note
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.command(name="list", cls=Command)
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option("--task", help="Only models for this task.")
@click.option("--tag", help="Only models with this tag.")
@click.option("--plugin", help="Only models of this plugin.")
@click.option("--licence", help="Only models with this licence.")
@json_option
@common_options
def command(
    patterns: tuple[str, ...],
    task: str | None,
    tag: str | None,
    plugin: str | None,
    licence: str | None,
    as_json: bool,
) -> None:
    """List all models, or those with PATTERN in name, summary, task or tags, or names like 'vgg*'.

    "here" says what is on this machine already: a model's weights, or the data of its recipe, so
    that it can be trained. A terminal cuts long lines; pipes and --json have all of them.
    """
    filters = {"task": task, "tag": tag, "plugin": plugin, "licence": licence}
    names = list_models(*patterns, search=True, **filters)
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
    if not records:
        hint = _hint(patterns, filters)
        note("no model matches" + (f".{hint}" if hint else ""))
        return
    for line in _table(names, records):
        echo(line)


def _table(names: list[str], records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table, by task."""
    rows = [("  model", "here", "parameters", "summary")]
    pairs = sorted(zip(names, records, strict=True), key=lambda pair: pair[1]["task"])
    for name, record in pairs:
        count = f"{record['parameters']:,}" if record["parameters"] else ""
        rows.append((f"  {name}", _presence(name), count, record["summary"]))
    head, *lines = align(rows, right=2)
    yield head
    task = None
    for (_, record), line in zip(pairs, lines, strict=True):
        if record["task"] != task:
            task = record["task"]
            yield task
        yield line


def _presence(name: str) -> str:
    """Return what of a model is here; ``"?"`` where a wrong configuration hides it."""
    from zoo.data.presence import what_is_here

    try:
        return what_is_here(registry().find_model(name)[0]) or "-"
    except UsageError:
        return "?"


def _hint(patterns: tuple[str, ...], filters: dict[str, str | None]) -> str:
    """Return which names or values are close to those that nothing matches."""
    models = registry().match_models()
    values = {
        "task": [entry.value.task for entry in models],
        "tag": [tag for entry in models for tag in entry.value.tags],
        "plugin": [entry.owner.name for entry in models],
        "licence": [entry.value.licence for entry in models],
    }
    for name, value in filters.items():
        if value is not None and (hint := did_you_mean(value, values[name])):
            return hint
    return next(filter(None, (did_you_mean(p, list_models()) for p in patterns)), "")
