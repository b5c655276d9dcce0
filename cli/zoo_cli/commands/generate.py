"""``zoo generate``: a sequence that a model continues by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from zoo_cli.help import Command
from zoo_cli.options import common_options, complete_model, format_options, model_or_bundle, note
from zoo_cli.output import write_records
from zoo_cli.terminal import echo


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.option("--start", metavar="TEXT", default="", help="Text to start from.")
@click.option("--steps", type=click.IntRange(1), required=True, help="Number of outputs.")
@click.option("--warm", is_flag=True, help="First feed all that precedes TEXT in the alphabet.")
@click.option("--temperature", type=click.FloatRange(0.0), default=0.0,
              help="Draw the outputs: 1 by their probability, less for likelier ones; 0 (the "
              "default) takes the likeliest.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="Seed of the draws.")
@click.option("--session", "file", metavar="FILE", type=click.Path(path_type=Path),
              help="Continue from the state in FILE, and save it there.")  # fmt: skip
@format_options()
@common_options
def command(
    model: str,
    start: str,
    steps: int,
    warm: bool,
    temperature: float,
    seed: int | None,
    file: Path | None,
    form: str | None,
) -> int:
    """Continue a sequence with MODEL, or with a trained BUNDLE: every output is the next input."""
    subject = model_or_bundle(model)
    subject.check_weights()
    session = None
    if file is not None:
        session = subject.load_session(file) if file.exists() else subject.session()
    generated = subject.generate(
        start, steps, warm=warm, temperature=temperature, seed=seed, session=session
    )
    records = (step.to_dict() for step in generated)
    if form in (None, "text"):
        _print_text(records)
    else:
        write_records(records, sys.stdout, form, lines=lambda _: (), rows=lambda record: [record])
    if session is not None and file is not None:
        note(f"session: {session.save(file)}")
    return 0


def _print_text(records: Iterable[dict[str, Any]]) -> None:
    for record in records:
        echo(record["output"], breaks="\n", end="")
    echo()
