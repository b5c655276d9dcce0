"""``zoo evaluate``: loss and metrics of a trained model."""

from __future__ import annotations

import click

from zoo_cli.models import model_or_bundle
from zoo_cli.options import common_options, complete_model
from zoo_cli.output import print_json


@click.command()
@click.argument("model", metavar="MODEL|BUNDLE", shell_complete=complete_model)
@click.option(
    "--data", metavar="FILE|FOLDER", help="Labelled data; the spec's dataset if not given."
)
@click.option("--target", metavar="COLUMN", help="Column that holds the truth.")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common_options
def command(
    model: str, data: str | None, target: str | None, weights: str | None, as_json: bool
) -> None:
    """Measure MODEL, or a trained BUNDLE or run folder, on labelled data."""
    values = model_or_bundle(model, weights).evaluate(data, target=target)
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        click.echo(f"{name} {value:.4f}")
