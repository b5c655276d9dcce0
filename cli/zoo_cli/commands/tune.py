"""``zoo tune``: a model trained with many settings, and the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from zoo_cli.help import Command
from zoo_cli.options import (
    common_options,
    complete_data,
    complete_model,
    json_option,
    note,
    target_option,
)
from zoo_cli.output import align, print_json
from zoo_cli.terminal import echo

if TYPE_CHECKING:
    from zoo.tuning.board import Board, Result
    from zoo.tuning.tune import Tuning

SHOWN = 10
"""Results to print; the file has all."""


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|SPEC.toml", shell_complete=complete_model)
@click.option("--grid", metavar="KEY=A,B,...", multiple=True, required=True,
              help="Values to try; A..B or A..B:log is a range to draw from.")  # fmt: skip
@click.option("--random", "draws", metavar="N", type=click.IntRange(1),
              help="Try N combinations drawn at random instead of all.")  # fmt: skip
@click.option("--optuna", "suggestions", metavar="N", type=click.IntRange(1),
              help="Try N combinations that Optuna suggests.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=3, show_default=True,
              help="Number of cross-validation folds.")  # fmt: skip
@click.option("--seeds", metavar="N", type=click.IntRange(1), default=1, show_default=True,
              help="Train each combination with N seeds.")  # fmt: skip
@click.option("--metric", metavar="NAME", help="Metric to compare; else the recipe's first one.")
@click.option("--mode", type=click.Choice(["min", "max"]),
              help="Whether less or more of it is better, if Keras does not say.")  # fmt: skip
@click.option("--data", metavar="FILE|FOLDER", shell_complete=complete_data,
              help="CSV or parquet file, or folder with class subfolders.")  # fmt: skip
@target_option("Column to learn")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True,
              help="Change any spec field for all combinations; may be repeated.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Makes the tuning repeatable.")
@click.option("--engine", metavar="NAME", default="local", show_default=True,
              help="local, or ray to spread the work over a Ray cluster.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue a tuning that was stopped.")
@click.option("-o", "--output", metavar="DIR", help="The tuning's folder.")
@json_option
@common_options
def command(
    model: str,
    grid: tuple[str, ...],
    draws: int | None,
    suggestions: int | None,
    folds: int,
    seeds: int,
    metric: str | None,
    mode: Literal["min", "max"] | None,
    data: str | None,
    target: str | tuple[str, ...] | None,
    settings: tuple[str, ...],
    seed: int | None,
    engine: str,
    resume: bool,
    output: str | None,
    as_json: bool,
) -> int:
    """Train MODEL with all combinations of values, and keep the best.

    Each is judged by its mean over the folds; the best is trained once more on all rows. Prints
    the best combinations; the folder has all of them in leaderboard.csv, a plot of them, and the
    run of the best.
    """
    from zoo.tuning.tune import tune

    tuning = tune(
        model,
        _axes(grid),
        data,
        target=target,
        folds=folds,
        random=draws,
        optuna=suggestions,
        metric=metric,
        mode=mode,
        seed=seed,
        seeds=seeds,
        settings=settings,
        engine=engine,
        resume=resume,
        output=output,
        finished=_note_result,
    )
    for text in tuning.run.notes:
        note(text)
    if as_json:
        print_json(_record(tuning))
    else:
        for line in align(_rows(tuning)):
            echo(line)
        echo(f"leaderboard: {tuning.path / 'leaderboard.csv'}")
        echo(f"run: {tuning.run.path}")
    interrupted = tuning.run.environment.get("interrupted")
    return 130 if interrupted else int(any(r.state == "failed" for r in tuning.results))


def _axes(grid: tuple[str, ...]) -> dict[str, str]:
    from zoo.errors import UsageError

    axes: dict[str, str] = {}
    for text in grid:
        key, equals, values = text.partition("=")
        if not equals or not key.strip():
            msg = f"--grid takes KEY=A,B,C, for instance epochs=50,100; received {text!r}"
            raise UsageError(msg)
        if key.strip() in axes:
            msg = f"--grid {key.strip()} is given twice; put all values into one"
            raise UsageError(msg)
        axes[key.strip()] = values
    return axes


def _note_result(result: Result, board: Board, total: int) -> None:
    mean = "" if result.problem else f"{board.metric} {result.mean(board.metric or ''):.4f}"
    outcome = result.problem or mean + (" (pruned)" if result.state == "pruned" else "")
    note(f"{len(board.results)}/{total} {result.text()}: {outcome}")


def _record(tuning: Tuning) -> dict[str, Any]:
    results = [
        {"settings": result.settings, "state": result.state, "figures": result.figures,
         "problem": result.problem} for result in tuning.results
    ]  # fmt: skip
    return {
        "path": str(tuning.path), "metric": tuning.metric, "results": results,
        "run": str(tuning.run.path), "metrics": tuning.run.metrics,
    }  # fmt: skip


def _rows(tuning: Tuning) -> list[list[str]]:
    from zoo.numeric import deviation

    keys = list(dict.fromkeys(key for result in tuning.results for key in result.settings))
    rows = [["", tuning.metric, "deviation", *keys]]
    from zoo.tuning.space import format_value

    for rank, result in enumerate(tuning.results[:SHOWN], 1):
        values = result.figures.get(tuning.metric, [])
        figures = [f"{result.mean(tuning.metric):.4f}" if values else result.state]
        figures += [f"{deviation(values):.4f}" if len(values) > 1 else ""]
        rows.append(
            [str(rank), *figures, *(format_value(result.settings.get(key, "")) for key in keys)]
        )
    if len(tuning.results) > SHOWN:
        rows.append(["..."])
    return [row + [""] * (len(rows[0]) - len(row)) for row in rows]
