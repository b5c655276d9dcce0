"""``zoo summary``: a model's layers."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_cli.options import common_options, complete_model, model_or_bundle, note
from zoo_cli.terminal import echo


@click.command()
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path),
              help="Draw the layers to a .png or .svg file.")  # fmt: skip
@common_options
def command(model: str, plot: Path | None) -> None:
    """Print the layers of MODEL with their shapes and parameters; no weights are needed."""
    if plot is not None:
        from zoo.plots.style import check_path

        check_path(plot)
    from zoo.backend.network import build

    subject = model_or_bundle(model)
    network = build(subject.architecture(), initialise=False)
    if plot is not None:
        from zoo.plots.diagram import draw_diagram

        note(f"plot: {draw_diagram(network, subject.spec.name, plot)}")
    network.summary(print_fn=lambda text, **_: echo(text, breaks="\n"), line_length=100)
