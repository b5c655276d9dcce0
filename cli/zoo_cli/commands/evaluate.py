"""``zoo evaluate``: loss and metrics of a trained model, and what it gets right and wrong."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_cli.models import model_or_bundle
from zoo_cli.options import common_options, complete_model, note
from zoo_cli.output import print_json


@click.command()
@click.argument("model", metavar="MODEL|BUNDLE", shell_complete=complete_model)
@click.option("--data", metavar="DATASET|FILE|FOLDER",
              help="Labelled data; if not given, what was held out of its training.")  # fmt: skip
@click.option("--target", metavar="COLUMN", help="Column that holds the truth.")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@click.option("--report", is_flag=True, help="Also precision and recall by class, or errors.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path),
              help="Draw a confusion matrix, or predicted against true values.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common_options
def command(
    model: str,
    data: str | None,
    target: str | None,
    weights: str | None,
    report: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL, or a trained BUNDLE or run folder, on labelled data.

    Without --data it is measured on the rows held out of its training: the test part of its
    dataset, else the recipe's validation rows. Where there are none, it says so.
    """
    if plot is not None:
        from zoo.plots.style import check_picture

        check_picture(plot)
    subject, found = model_or_bundle(model, weights), None
    if report or plot is not None:
        from zoo.training.report import examine

        values, found = examine(subject, data, target)
    else:
        values = subject.evaluate(data, target=target)
    if plot is not None and found is not None:
        note(f"drawn: {found.draw(plot, f'{subject.spec.name}, {values.words}')}")
    scale = getattr(subject.decoder, "scale", "none")
    if as_json:
        told = {**values, "rows": values.rows, "count": values.count}
        told |= {"scale": scale} if scale != "none" else {}
        print_json({**told, "report": found.data()} if report and found else told)
        return
    for name, value in values.items():
        click.echo(f"{name} {value:.4f}")
    click.echo(f"of {values.words}")
    if scale != "none":  # there is no unit to say
        click.echo(f"in the scale of the network, {scale}; --report prints errors in the real one")
    if report and found is not None:
        click.echo()
        for line in found.lines():
            click.echo(line)
