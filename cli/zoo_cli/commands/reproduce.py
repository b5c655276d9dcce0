"""``zoo reproduce``: measured figures next to the published ones."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from zoo.errors import InputError, UsageError
from zoo_cli.help import Command
from zoo_cli.options import common_options, complete_model, format_options, note, set_option
from zoo_cli.output import ROWS, align, print_json
from zoo_cli.terminal import echo

if TYPE_CHECKING:
    from zoo.runs.run import Run
    from zoo.training.reproduce import Reproduction

HEAD = ("figure", "published", "bound", "median", "range", "")
"""Columns of both tables of figures; one of them adds the model."""


@click.command(cls=Command)
@click.argument("models", metavar="MODEL...", nargs=-1, shell_complete=complete_model)
@click.option("--all", "every", is_flag=True, help="Every model with figures whose data is here.")
@click.option("--seeds", metavar="N", type=click.IntRange(1),
              help="Seeds 1 to N; 5, or as the spec says, if not given.")  # fmt: skip
@set_option
@format_options(forms=("text", "json", "markdown"))
@common_options
def command(
    models: tuple[str, ...],
    every: bool,
    seeds: int | None,
    settings: tuple[str, ...],
    form: str | None,
) -> int:
    """Train MODEL from scratch by its recipe and compare its figures with the published ones.

    The median over all seeds is judged, dead starts included; exit 1 if one is out of bounds.
    """
    from zoo.training.reproduce import reproduce, reproducible_models

    if every == bool(models):
        msg = "name the models to reproduce, or pass --all"
        raise UsageError(msg)
    done: list[Reproduction] = []
    for name in reproducible_models() if every else models:
        try:
            result = reproduce(name, seeds=seeds, settings=settings, finished=_note_run)
        except InputError as error:
            if not every or error.kind != "not-here":
                raise
            note(f"{name}: skipped, {error}")
            continue
        done.append(result)
        if form in (None, "text"):
            for line in _lines(result.to_dict()):
                echo(line)
    records = [result.to_dict() for result in done]
    if form == "json":
        print_json(records)
    elif form == "markdown":
        echo(markdown(records), breaks="\n", end="")
    return 0 if all(result.passed for result in done) else 1


def _note_run(run: Run) -> None:
    for text in (str(run.path), *run.notes):
        note(f"{run.spec.name}, seed {run.seed}: {text}")


def markdown(records: Iterable[dict[str, Any]]) -> str:
    """Return a Markdown table of reproductions, one row per figure.

    Parameters
    ----------
    records
        What `zoo.training.reproduce.Reproduction.to_dict` returns; no backend and no values, where
        nothing was measured.
    """
    head = ("model", *HEAD, "seeds", "dead", "backend")
    rows = [head, ["---"] * len(head)]
    for record in records:
        model = record["model"]
        if record["settings"]:
            model += f" `{' '.join(f'--set {shlex.quote(text)}' for text in record['settings'])}`"
        seeds = ", ".join(map(str, record["seeds"]))
        dead = ", ".join(map(str, record["dead"])) if "dead" in record else "?"
        ends = (seeds or "-", dead or "-", _versions(record) if record["backend"] else "-")
        rows += [(model, *cells, *ends) for cells in _cells(record)]
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _cells(record: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for figure in record["figures"]:
        values, bounds = figure["values"], _bounds(figure)
        numbers = [value for value in values if value is not None]
        verdict = "-"
        if not values:
            verdict = "not measured" + (f": needs {figure['needs']}" if figure["needs"] else "")
        elif bounds and "dead" in record:
            verdict = "ok" if figure["passed"] else "OUT"
        elif bounds:  # measured with seeds chosen otherwise: not by the rule that judges
            verdict = "not by this rule"
        yield (
            f"{'best ' if figure['best'] else ''}{figure['on']} {figure['metric']}",
            "-" if figure["published"] is None else f"{figure['published']:g}",
            bounds or "-",
            _number(figure["median"]) if values else "-",
            f"{min(numbers):.4f} to {max(numbers):.4f}" if len(numbers) > 1 else "-",
            verdict,
        )


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4f}"


def _bounds(figure: dict[str, Any]) -> str:
    low, high = figure["at_least"], figure["at_most"]
    parts = [f">= {low:g}"] if low is not None else []
    parts += [f"<= {high:g}"] if high is not None else []
    return ", ".join(parts)


def _versions(record: dict[str, Any]) -> str:
    backend, versions = record["backend"], record["versions"]
    return f"{backend} {versions[backend]}, Keras {versions['keras']}"


def _lines(record: dict[str, Any]) -> Iterator[str]:
    seeds, dead = (", ".join(map(str, record[name])) for name in ("seeds", "dead"))
    yield f"{record['model']} on {record['backend']}, seeds {seeds}"
    yield from align([HEAD, *_cells(record)])
    for figure in record["figures"]:
        values = ", ".join(map(_number, figure["values"]))
        rows = f" ({ROWS[figure['on']]})" if figure["on"] in ROWS else ""
        yield f"  {figure['on']} {figure['metric']}{rows} by seed: {values}"
        if figure["source"]:
            yield f"  source: {figure['source']}"
    yield f"  dead starts: {len(record['dead'])} of {len(record['seeds'])}" + (
        f", seeds {dead}" if dead else ""
    )
    yield f"  measured with: {_versions(record)}"
    for path in record["runs"]:
        yield f"  run: {path}"
