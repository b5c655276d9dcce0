"""``zoo evaluate``: loss and metrics of a trained model, and what it gets right and wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo_cli.help import Command
from zoo_cli.options import (
    FailureLog,
    common_options,
    complete_data,
    complete_model,
    json_option,
    model_or_bundle,
    note,
    set_option,
    target_option,
)
from zoo_cli.output import print_json
from zoo_cli.terminal import echo

if TYPE_CHECKING:
    from zoo.inference.evaluate import Figures
    from zoo.training.report import Report


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.option("--data", metavar="DATASET|FILE|FOLDER", shell_complete=complete_data,
              help="Labelled data; if not given, the rows held out of its training.")  # fmt: skip
@target_option("Column of the true values")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@set_option
@click.option("--report", is_flag=True,
              help="Also print precision and recall by class, errors of numbers, or the answers to "
              "pieces of sequences.")  # fmt: skip
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path),
              help="Draw a confusion matrix, predicted against true values, or the line fitted to "
              "one number.")  # fmt: skip
@json_option
@common_options
def command(
    model: str,
    data: str | None,
    target: str | tuple[str, ...] | None,
    weights: str | None,
    settings: tuple[str, ...],
    report: bool,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Measure MODEL, or a trained BUNDLE or run folder, on labelled data.

    Without --data it is measured on the rows held out of its training: the test part of its
    dataset, else the recipe's validation rows. If there are none, the output says so. A classifier
    of photos without a recipe takes a FOLDER whose subfolders have the names of its classes.
    """
    if plot is not None:
        from zoo.plots.style import check_path

        check_path(plot)
    subject, details = model_or_bundle(model, weights, settings), None
    if report or plot is not None:
        from zoo.training.report import examine

        values, details = examine(subject, data, target)
    else:
        values = subject.evaluate(data, target=target)
    if plot is not None and details is not None:
        note(f"plot: {details.draw(plot, f'{subject.spec.name}, {values.words}')}")
    with FailureLog() as failures:
        for name, message in values.failures:
            failures.add(name, message)
    scales = {
        name: part.scale
        for name, part in getattr(subject.decoder, "parts", {"": subject.decoder}).items()
        if getattr(part, "scale", "none") != "none"
    }
    if as_json:
        record = {**values, "rows": values.rows, "count": values.count}
        record |= {"scale": scales.get("", scales)} if scales else {}
        print_json({**record, "report": details.data()} if report and details else record)
    else:
        _print_text(values, details if report else None, scales)
    return 1 if failures.count else 0


def _print_text(values: Figures, report: Report | None, scales: dict[str, str]) -> None:
    for name, value in values.items():
        echo(f"{name} {value:.4f}")
    echo(f"of {values.words}")
    for name, scale in scales.items():  # such values have no unit
        of = f"{name} " if name else ""
        echo(f"{of}in the scale of the network, {scale}; --report prints errors in the original")
    if report is not None:
        echo()
        for line in report.lines():
            echo(line)
