"""``zoo init``: a spec for data that nobody has described yet."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.errors import UsageError
from zoo_cli.help import Command
from zoo_cli.options import common_options, complete_file, note, target_option
from zoo_cli.terminal import echo
from zoo_weights.files import atomic_write


@click.command(cls=Command)
@click.argument("data", metavar="DATA", shell_complete=complete_file)
@target_option("Column to learn (one named like a target, or the last)")
@click.option("-o", "--output", metavar="SPEC.toml", help="File to write (standard output).")
@common_options
def command(data: str, target: str | tuple[str, ...] | None, output: str | None) -> None:
    """Look at DATA, a CSV, parquet or npz file or a folder of images, and write a spec for it."""
    if output is not None and Path(output).exists():
        msg = f"{output} exists already; name another file, or delete it"
        raise UsageError(msg)
    from zoo.proposals.propose import propose

    proposal = propose(data, target)
    for text in proposal.notes:
        note(text)
    if output is None:
        echo(proposal.to_toml(), breaks="\n", end="")
        return
    with atomic_write(Path(output)) as temporary:
        temporary.write_text(proposal.to_toml(), encoding="utf-8")
    note(f"wrote {output}; train it with: zoo train {output} --data {data}")
