"""``zoo ensemble``: several trained models combined into one."""

from __future__ import annotations

import click

from zoo_cli.help import Command
from zoo_cli.options import (
    common_options,
    complete_data,
    complete_file,
    json_option,
    model_or_bundle,
    note,
    parse_numbers,
    target_option,
)
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.command(cls=Command)
@click.argument("bundles", metavar="BUNDLE...", nargs=-1, required=True,
                shell_complete=complete_file)  # fmt: skip
@click.option("--member-weights", metavar="W,W,...", callback=parse_numbers,
              help="How much each counts; all the same if not given.")  # fmt: skip
@click.option("--data", metavar="DATASET|FILE|FOLDER", shell_complete=complete_data,
              help="Labelled data to measure them on.")  # fmt: skip
@target_option("Column of the true values")
@click.option("-o", "--output", metavar="DIR", help="The run folder.")
@json_option
@common_options
def command(
    bundles: tuple[str, ...],
    member_weights: list[float] | None,
    data: str | None,
    target: str | tuple[str, ...] | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Combine trained BUNDLEs into one model: its output is the mean of theirs.

    They need the same task, classes and kind of input; networks and preprocessing may differ.
    """
    from zoo.updating.ensemble import ensemble

    models = [model_or_bundle(name) for name in bundles]
    for model in models:
        model.check_weights()
    run = ensemble(models, member_weights=member_weights, data=data, target=target, output=output)
    for text in run.notes:
        note(text)
    if as_json:
        lineage = run.environment["lineage"]
        print_json({"path": str(run.path), "metrics": run.metrics, "lineage": lineage})
        return
    names = [*bundles, "ensemble"]
    rows = [["", *(run.metrics["test"] if run.metrics else ())]]
    for name, values in zip(names, run.metrics.values(), strict=False):
        rows.append([name, *(f"{value:.4f}" for value in values.values())])
    for line in align(rows if run.metrics else []):
        echo(line)
    echo(f"run: {run.path}")
