"""``zoo tune``: a model with many settings, and the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

import zoo
from zoo_cli.options import common_options, complete_model, note
from zoo_cli.output import columns

if TYPE_CHECKING:
    from zoo.tuning.board import Board, Result
    from zoo.tuning.tune import Tuning

SHOWN = 10
"""Results on the terminal; the file has all."""


@click.command()
@click.argument("model", metavar="MODEL|SPEC.toml", shell_complete=complete_model)
@click.option("--grid", metavar="KEY=A,B,...", multiple=True, required=True,
              help="Values to try; A..B or A..B:log is a range to draw from.")  # fmt: skip
@click.option("--random", "draws", metavar="N", type=click.IntRange(1),
              help="Try N combinations drawn at random, not all.")  # fmt: skip
@click.option("--optuna", "suggestions", metavar="N", type=click.IntRange(1),
              help="Try N combinations that Optuna suggests.")  # fmt: skip
@click.option("--folds", type=click.IntRange(2), default=3, show_default=True,
              help="Into how many parts the rows are cut.")  # fmt: skip
@click.option("--seeds", metavar="N", type=click.IntRange(1), default=1, show_default=True,
              help="Train each combination with N seeds.")  # fmt: skip
@click.option("--metric", metavar="NAME", help="What is compared; the recipe's first metric.")
@click.option("--mode", type=click.Choice(["min", "max"]),
              help="Which of it is best, where Keras does not say.")  # fmt: skip
@click.option("--data", metavar="FILE|FOLDER",
              help="CSV or parquet file, or one subfolder per class.")  # fmt: skip
@click.option("--target", metavar="COLUMN", help="Column to learn.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True,
              help="Change any field of the spec for all; may be repeated.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Makes the tuning repeatable.")
@click.option("--engine", metavar="NAME", default="local", show_default=True,
              help="local, or ray to spread the work over a Ray cluster.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on where a tuning was ended.")
@click.option("-o", "--output", metavar="DIR", help="The tuning's folder.")
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
    target: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    engine: str,
    resume: bool,
    output: str | None,
) -> int:
    """Train MODEL with all combinations of values, and keep the best.

    Each is judged by the mean over folds of the rows; the best is trained once more on all of
    them. Prints the best combinations; the folder has all of them in leaderboard.csv, a picture,
    and the run of the best.
    """
    tuning = zoo.tune(
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
        finished=_tell,
    )
    for line in columns(list(_rows(tuning))):
        click.echo(line)
    for text in tuning.run.notes:
        note(text)
    click.echo(f"leaderboard: {tuning.path / 'leaderboard.csv'}")
    click.echo(f"run: {tuning.run.path}")
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
            msg = f"--grid {key.strip()}: is given twice; put all values into one"
            raise UsageError(msg)
        axes[key.strip()] = values
    return axes


def _tell(result: Result, board: Board, total: int) -> None:
    mean = "" if result.problem else f"{board.metric} {result.mean(board.metric or ''):.4f}"
    said = result.problem or mean + (" (given up)" if result.state == "pruned" else "")
    note(f"{len(board.results)}/{total} {result.text()}: {said}")


def _rows(tuning: Tuning) -> list[list[str]]:
    from zoo.numeric import deviation

    keys = list(dict.fromkeys(key for result in tuning.results for key in result.settings))
    rows = [["", tuning.metric, "deviation", *keys]]
    from zoo.tuning.space import written

    for rank, result in enumerate(tuning.results[:SHOWN], 1):
        values = result.figures.get(tuning.metric, [])
        figures = [f"{result.mean(tuning.metric):.4f}" if values else result.state]
        figures += [f"{deviation(values):.4f}" if len(values) > 1 else ""]
        rows.append([str(rank), *figures, *(written(result.settings.get(key, "")) for key in keys)])
    if len(tuning.results) > SHOWN:
        rows.append(["..."])
    return [row + [""] * (len(rows[0]) - len(row)) for row in rows]
