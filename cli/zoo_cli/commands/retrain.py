"""``zoo retrain``: a trained model updated with new rows."""

from __future__ import annotations

from typing import Any

import click

from zoo_cli.help import Command
from zoo_cli.options import (
    common_options,
    complete_data,
    complete_file,
    json_option,
    note,
    parse_numbers,
    set_option,
    target_option,
)
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo


@click.command(cls=Command)
@click.argument("run", metavar="BUNDLE", shell_complete=complete_file)
@click.option("--data", metavar="DATASET|FILE|FOLDER", shell_complete=complete_data,
              required=True, help="New rows.")  # fmt: skip
@click.option("--old", metavar="DATASET|FILE|FOLDER", shell_complete=complete_data,
              help="Rows it was trained on.")  # fmt: skip
@click.option("--test", metavar="DATASET|FILE|FOLDER", shell_complete=complete_data,
              help="Rows to measure on; otherwise a fifth of each side is held out.")  # fmt: skip
@target_option("Column to learn (the run's own)")
@click.option("--strategy", type=click.Choice(["new", "both"]), default="new",
              help="Train on the new rows only (the default), or on old and new.")  # fmt: skip
@click.option("--ensemble", is_flag=True,
              help="Keep the model, train a new one, and return the mean of both.")  # fmt: skip
@click.option("--member-weights", metavar="W,W", callback=parse_numbers,
              help="How much the old and the new model count.")  # fmt: skip
@click.option("--freeze", metavar="LAYERS",
              help="Do not train these: comma-separated names with *, or a number.")  # fmt: skip
@set_option
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Makes the run repeatable.")
@click.option("--resume", is_flag=True, help="Continue a training that was stopped.")
@click.option("--exact", is_flag=True, help="Refuse to continue with other versions.")
@click.option("-o", "--output", metavar="DIR", help="The run folder.")
@json_option
@common_options
def command(run: str, data: str, as_json: bool, **options: Any) -> int:
    """Train a trained BUNDLE or run folder further, and compare before and after.

    An update continues from its weights, in steps a tenth as large as the recipe's.
    """
    from zoo.updating.retrain import compare_figures, retrain

    done = retrain(run, data, **options)
    for text in done.notes:
        note(text)
    if as_json:
        lineage = done.environment.get("lineage")
        print_json({"path": str(done.path), "metrics": done.metrics, "lineage": lineage})
    else:
        for line in align(compare_figures(done)):
            echo(line)
        echo(f"run: {done.path}")
    return 130 if done.environment.get("interrupted") else 0
