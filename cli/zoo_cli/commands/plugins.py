"""``zoo plugins``: what each plugin adds, and which were left out."""

from __future__ import annotations

import click

from zoo.registry.registry import registry
from zoo_cli.help import CommandGroup
from zoo_cli.options import common_options, json_option
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.group(name="plugins", cls=CommandGroup)
def command() -> None:
    """List plugins and diagnose their problems."""


@command.command("list")
@json_option
@common_options
def list_plugins(as_json: bool) -> None:
    """List the plugins in use."""
    from zoo.doctor import plugin_records

    records = plugin_records()
    if as_json:
        print_json(records)
        return
    rows = [
        (r["plugin"], f"{r['package']} {r['version']}", f"models {r['models']}") for r in records
    ]
    for line in align(rows):
        echo(line)


@command.command()
@json_option
@common_options
def doctor(as_json: bool) -> int:
    """Show the details of every plugin that has a problem; exit 1 if one has."""
    reg = registry()
    problems = reg.problems
    if as_json:
        print_json([problem.to_dict() for problem in problems])
        return 1 if problems else 0
    for problem in problems:
        plugin = problem.plugin
        echo(f"{plugin.name}: {problem.reason}")
        echo(f"  package  {plugin.distribution or '(unknown)'} {plugin.version}")
        echo(f"  module   {plugin.module}")
        echo(f"  file     {problem.file or '(unknown)'}")
        echo(f"  state    {'left out' if problem.quarantined else 'in use'}")
        for line in problem.detail.rstrip().splitlines():
            echo(f"  | {line}")
    if not problems:
        echo(f"{len(reg.plugins)} plugins, no problems")
    return 1 if problems else 0
