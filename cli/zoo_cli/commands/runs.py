"""``zoo runs``: the trainings that left a run folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from zoo_cli.options import common_options, note
from zoo_cli.output import columns, print_json

if TYPE_CHECKING:
    from zoo.runs.records import RunRecord

RUNS = click.argument(
    "folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)


@click.group(name="runs")
def command() -> None:
    """List, show, compare and remove trainings."""


@command.command("list")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("-m", "--model", metavar="M", help="Only those of this model, or of a pattern.")
@click.option("--since", metavar="DATE", help="Only those written then or later: 2026-11-21.")
@click.option("--where", metavar="FIGURE", multiple=True,
              help="Only those that reach it: accuracy>=0.9; may be repeated.")  # fmt: skip
@click.option("--sort", metavar="METRIC", help="The best first: accuracy, or train.accuracy.")
@click.option("--mode", type=click.Choice(["min", "max"]),
              help="Which of it is best, where Keras does not say.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common_options
def list_runs(
    folder: Path | None,
    model: str | None,
    since: str | None,
    where: tuple[str, ...],
    sort: str | None,
    mode: Literal["min", "max"] | None,
    as_json: bool,
) -> None:
    """List the runs below FOLDER, runs/ if not given; the latest comes last."""
    from zoo.runs.lineage import with_members
    from zoo.runs.records import find_runs
    from zoo.runs.search import chosen

    place = folder or Path("runs")
    everything = find_runs(place) if folder or place.is_dir() else []
    of_model = find_runs(place, model) if everything and model else everything
    found = chosen(of_model, since=since, where=where, sort=sort, mode=mode)
    if as_json:
        print_json([run.data() for run in found])
        return
    if not found and of_model:
        note(f"none of the {len(of_model)} runs below {place} matches --since and --where")
    elif not found:
        of = f" of {model}" if model else ""
        note(f"no runs{of} below {place}; name another folder, or train one with `zoo train`")
    known = with_members(everything)
    for line in columns([_row(run, known) for run in found]):
        click.echo(line)


@command.command()
@RUNS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common_options
def compare(folders: tuple[Path, ...], as_json: bool) -> None:
    """Show runs side by side: where they come from, what was set, what they reached."""
    from zoo.runs.records import read_run
    from zoo.runs.search import folder_of, side_by_side

    runs = [read_run(folder) for folder in dict.fromkeys(map(folder_of, folders))]
    if as_json:
        print_json([run.data() for run in runs])
        return
    from zoo_weights import printable

    for line in columns([[printable(cell) for cell in row] for row in side_by_side(runs)]):
        click.echo(line)


@command.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common_options
def show(folder: Path, as_json: bool) -> None:
    """Show a run: what was trained, how far, how well, and what was set for it."""
    from zoo.runs.records import changes, read_run
    from zoo.runs.search import folder_of

    run = read_run(folder_of(folder))
    changed = changes(run)
    if as_json:
        more = {"changed": changed, "environment": run.environment, "history": run.history}
        print_json({**run.data(), **more})
        return
    for line in (*_lines(run, changed), *_family(run)):
        click.echo(line)


@command.command()
@RUNS
@click.option("-o", "--output", metavar="FILE", required=True, type=click.Path(path_type=Path),
              help="The picture, .png or .svg.")  # fmt: skip
@click.option("--metric", metavar="NAME",
              help="Draw this alone, or val_NAME; loss and a metric if not given.")  # fmt: skip
@common_options
def plot(folders: tuple[Path, ...], output: Path, metric: str | None) -> None:
    """Draw the learning curves of runs into one picture, each named by what sets it apart."""
    from zoo.plots.overlay import draw_overlay
    from zoo.plots.style import check_picture
    from zoo.runs.records import labels, read_run

    check_picture(output)
    runs = [read_run(folder) for folder in dict.fromkeys(folders)]
    names = labels(runs) if len(runs) > 1 else [f"seed {runs[0].seed}"]
    models = dict.fromkeys(str(run.model) for run in runs)
    title = next(iter(models)) if len(models) == 1 else ""
    series = [(name, run.history) for name, run in zip(names, runs, strict=True)]
    note(f"drawn: {draw_overlay(series, output, title=title, metric=metric)}")


@command.command()
@RUNS
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@common_options
def remove(folders: tuple[Path, ...], yes: bool) -> int:
    """Remove run folders with all that lies in them."""
    from zoo.runs.records import check_removable, remove_run, size_of

    unique = list({folder.resolve(): folder for folder in folders}.values())
    for folder in folders:  # one wrong name, and nothing is removed
        check_removable(folder)
    if not yes:
        if not sys.stdin.isatty():
            msg = "not a terminal, so nobody can confirm; pass --yes to remove without asking"
            raise click.UsageError(msg)
        for folder in unique:
            files, size = size_of(folder)
            click.echo(f"{folder}: {files} files, {size / 1e6:.1f} MB", err=True)
        if not click.confirm("Remove?", err=True):
            note("nothing was removed")
            return 1
    for folder in unique:
        if folder.exists():  # a fold goes with its run
            remove_run(folder)
            click.echo(f"removed {folder}")
    return 0


def _row(run: RunRecord, runs: Sequence[RunRecord]) -> list[str]:
    from zoo.runs.lineage import described
    from zoo_weights import printable

    if run.problem:
        moment = run.time.replace("T", " ")
        path = printable(str(run.path))
        return [path, "-", moment, "-", "-", "damaged", printable(run.problem), ""]
    return [
        printable(str(run.path)),
        str(run.model),
        run.time.replace("T", " "),
        f"{run.members} members" if run.members else f"{run.epochs}/{run.planned} epochs",
        "-" if run.members else f"seed {run.seed}",
        _state(run),
        _main_metrics(run),
        printable(described(run, runs)),
    ]


def _state(run: RunRecord) -> str:
    if run.state == "finished" and run.planned and run.epochs < run.planned:
        return "stopped early"
    return f"{run.state}, can be resumed" if run.resumable else run.state


def _main_metrics(run: RunRecord) -> str:
    from zoo.runs.records import PARTS

    part = next((part for part in PARTS if part in run.metrics), None)
    if part is not None:
        return f"{part}: {_figures(run.metrics[part])}"
    last = {name: values[-1] for name, values in run.history.items() if values}
    return f"last epoch: {_figures(last)}" if last else ""


def _figures(values: dict[str, Any]) -> str:
    from zoo_weights import printable

    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    return ", ".join(
        f"{printable(name)} {f'{value:.4f}' if isinstance(value, float) else value}"
        for name, value in numbers.items()
    )


def _lines(run: RunRecord, changed: dict[str, str]) -> Iterator[str]:
    from zoo_weights import printable

    told = run.environment
    keras = (told.get("versions") or {}).get("keras")
    devices = ", ".join(str(device) for device in told.get("devices", ()))
    where = f"{told.get('backend', '?')}{f' on {devices}' if devices else ''}"
    best = f", best {run.best}" if run.best else ""
    yield printable(f"{run.path}: {run.model}, {_state(run)}")
    yield f"written: {run.time.replace('T', ' ')}"
    if run.identity:
        yield printable(f"identity: {run.identity}")
    yield printable(f"trained: seed {run.seed}, {where}{f', Keras {keras}' if keras else ''}")
    if run.members:
        yield f"members: {run.members}"
    else:
        yield f"epochs: {run.epochs} of {run.planned}{best}"
    for part, values in run.metrics.items():
        yield f"{printable(part)}: {_figures(values)}"
    if not run.metrics and (text := _main_metrics(run)):
        yield text
    if changed:
        yield printable("changed: " + ", ".join(f"{key}={value}" for key, value in changed.items()))


def _family(run: RunRecord) -> Iterator[str]:
    """Yield what a run came from and what came from it, wherever the folders lie by now."""
    from zoo.runs.lineage import ancestors, children, described, located, with_members
    from zoo.runs.records import find_runs
    from zoo_weights import printable

    places = {path.resolve(): path for path in (run.path.parent, Path("runs")) if path.is_dir()}
    known = {found.path.resolve(): found for path in places.values() for found in find_runs(path)}
    runs = with_members(known.values())
    if text := described(run, runs):
        yield printable(f"from: {text}")
    for reference in ancestors(run):
        if located(reference, runs) is None and not reference.get("weights"):
            yield printable(f"not found: {reference.get('path')} ({reference.get('id')})")
    for child in children(run, runs):
        yield printable(f"led to: {child.path}, {described(child, runs)}")
