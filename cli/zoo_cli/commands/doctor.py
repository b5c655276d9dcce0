"""``zoo doctor``: what this installation can do and what it lacks."""

from __future__ import annotations

from typing import Any

import click

from zoo_cli.help import Command
from zoo_cli.options import common_options, json_option
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.command(cls=Command)
@json_option
@common_options
def command(as_json: bool) -> None:
    """Show backends, versions, devices, folders and plugins, and what is missing."""
    from zoo.doctor import examine

    report = examine()
    if as_json:
        print_json(report)
        return
    rows = [("keras", report["keras"], "")]
    for backend in report["backends"]:
        state = backend["version"] or "not installed"
        extra = ", ".join(backend["devices"]) or backend["hint"]
        rows.append((("* " if backend["chosen"] else "  ") + backend["name"], state, extra))
    echo("Backends (* is the one zoo uses)")
    for line in align([(f"  {a}", b, c) for a, b, c in rows]):
        echo(line)
    echo("Folders and settings")
    for line in align([(f"  {key}", _text(value)) for key, value in report["settings"].items()]):
        echo(line)
    echo("Plugins")
    plugins = [
        (f"  {p['plugin']}", f"{p['package']} {p['version']}", f"models {p['models']}")
        for p in report["plugins"]
    ]
    for line in align(plugins):
        echo(line)
    for problem in report["problems"]:
        echo(f"  ! {problem['plugin']} ({problem['package']} {problem['version']}): "
                   f"{problem['reason']} [{problem['file']}]")  # fmt: skip
    for hint in report["hints"]:
        echo(f"Hint: {hint}")


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
