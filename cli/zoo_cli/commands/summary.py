"""``zoo summary``: a model's layers."""

from __future__ import annotations

import click

import zoo
from zoo_cli.options import common_options, complete_model


@click.command()
@click.argument("model", shell_complete=complete_model)
@common_options
def command(model: str) -> None:
    """Print the layers of MODEL with their shapes and parameters; no weights are needed."""
    from zoo.runtime.network import build

    network = build(zoo.get_model(model, weights=None).architecture(), initialise=False)
    network.summary(print_fn=lambda text, **_: click.echo(text), line_length=100)
