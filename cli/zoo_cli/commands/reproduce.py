"""``zoo reproduce``: published figures beside measured ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from zoo.errors import InputError, UsageError
from zoo_cli.options import common_options, complete_model, note
from zoo_cli.output import columns, print_json

if TYPE_CHECKING:
    from zoo.training.reproduce import Measured, Reproduction
    from zoo.training.run import Run


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, shell_complete=complete_model)
@click.option("--all", "every", is_flag=True, help="Every model with figures whose data are here.")
@click.option(
    "--seeds", type=click.IntRange(1), help="How many seeds; the spec's list if not given."
)
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True,
              help="Change any field of the spec; may be repeated.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text",
              help="Output format.")  # fmt: skip
@common_options
def command(
    models: tuple[str, ...], every: bool, seeds: int | None, settings: tuple[str, ...], form: str
) -> int:
    """Train MODEL anew by its recipe and compare its figures with the published ones.

    The median over the seeds is judged; exit 1 if one is out of its bounds.
    """
    from zoo.training.reproduce import reproduce, reproducible

    if every == bool(models):
        msg = "name the models to reproduce, or say --all"
        raise UsageError(msg)
    done: list[Reproduction] = []
    for name in reproducible() if every else models:
        try:
            result = reproduce(name, seeds=seeds, settings=settings, finished=_tell)
        except InputError as error:
            if not every or error.kind != "not-here":
                raise
            note(f"{name}: left out, {error}")
            continue
        done.append(result)
        if form == "text":
            for line in _text(result):
                click.echo(line)
    if form == "json":
        print_json([result.to_dict() for result in done])
    elif form == "markdown":
        for line in _markdown(done):
            click.echo(line)
    return 0 if all(result.passed for result in done) else 1


def _tell(run: Run) -> None:
    note(f"{run.spec.name}, seed {run.seed}: {run.path}")


def _bounds(measured: Measured) -> str:
    low, high = measured.figure.at_least, measured.figure.at_most
    parts = [f">= {low:g}"] if low is not None else []
    parts += [f"<= {high:g}"] if high is not None else []
    return ", ".join(parts)


def _cells(result: Reproduction) -> Iterator[tuple[str, ...]]:
    for measured in result.figures:
        figure = measured.figure
        best = "best " if figure.best else ""
        yield (
            result.model,
            f"{best}{figure.on} {figure.metric}",
            "-" if figure.published is None else f"{figure.published:g}",
            _bounds(measured),
            f"{measured.median:.4f}",
            f"{min(measured.values):.4f} to {max(measured.values):.4f}",
            "ok" if measured.passed else "OUT",
        )


def _text(result: Reproduction) -> Iterator[str]:
    seeds = ", ".join(str(seed) for seed in result.seeds)
    yield f"{result.model} on {result.backend}, seeds {seeds}"
    head = ("figure", "published", "bound", "median", "range", "")
    yield from columns([head, *(cells[1:] for cells in _cells(result))])
    for measured in result.figures:
        values = ", ".join(f"{value:.4f}" for value in measured.values)
        yield f"  {measured.figure.on} {measured.figure.metric} by seed: {values}"
        if measured.figure.source:
            yield f"  source: {measured.figure.source}"
    for path in result.runs:
        yield f"  run: {path}"


def _markdown(results: list[Reproduction]) -> Iterator[str]:
    yield "| model | figure | published | bound | median | range | | seeds |"
    yield "|---|---|---|---|---|---|---|---|"
    for result in results:
        seeds = ", ".join(str(seed) for seed in result.seeds)
        for cells in _cells(result):
            yield f"| {' | '.join(cells)} | {seeds} |"
