"""``zoo runs``: the run folders of trainings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from zoo_cli.help import CommandGroup
from zoo_cli.options import common_options, json_option, note
from zoo_cli.output import align, print_json, size_text
from zoo_cli.terminal import echo

if TYPE_CHECKING:
    from zoo.runs.records import RunRecord

RUNS = click.argument(
    "folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)


@click.group(name="runs", cls=CommandGroup)
def command() -> None:
    """List, show, compare, plot and remove runs."""


@command.command("list")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("-m", "--model", metavar="M", help="Only runs of this model, or of a pattern.")
@click.option("--since", metavar="DATE", help="Only runs written then or later, as 2026-11-21.")
@click.option("--where", metavar="FIGURE", multiple=True,
              help="Only runs that reach it, as accuracy>=0.9; may be repeated.")  # fmt: skip
@click.option("--sort", metavar="METRIC", help="Sort best first: accuracy, or train.accuracy.")
@click.option("--mode", type=click.Choice(["min", "max"]),
              help="Whether less or more of it is better, if Keras does not say.")  # fmt: skip
@json_option
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
    """List the runs under FOLDER (runs/ if not given), the latest last."""
    from zoo.runs.lineage import with_members
    from zoo.runs.records import find_runs
    from zoo.runs.search import filter_runs

    place = folder or Path("runs")
    all_runs = find_runs(place) if folder or place.is_dir() else []
    of_model = find_runs(place, model) if all_runs and model else all_runs
    runs = filter_runs(of_model, since=since, where=where, sort=sort, mode=mode)
    if as_json:
        print_json([run.data() for run in runs])
        return
    if not runs and of_model:
        note(f"none of the {len(of_model)} runs under {place} matches --since and --where")
    elif not runs:
        of = f" of {model}" if model else ""
        note(f"no runs{of} under {place}; name another folder, or train one with `zoo train`")
    candidates = with_members(all_runs)
    for line in align([_row(run, candidates) for run in runs]):
        echo(line)


@command.command()
@RUNS
@json_option
@common_options
def compare(folders: tuple[Path, ...], as_json: bool) -> None:
    """Show runs side by side: their origin, settings and figures."""
    from zoo.runs.records import read_run
    from zoo.runs.search import compare_runs, resolve_folder

    runs = [read_run(folder) for folder in dict.fromkeys(map(resolve_folder, folders))]
    if as_json:
        print_json([run.data() for run in runs])
        return
    for line in align(compare_runs(runs)):
        echo(line)


@command.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@json_option
@common_options
def show(folder: Path, as_json: bool) -> None:
    """Show a run: its model, epochs, figures, changed settings and origin."""
    from zoo.runs.records import changed_settings, read_run
    from zoo.runs.search import resolve_folder

    run = read_run(resolve_folder(folder))
    changed = changed_settings(run)
    if as_json:
        more = {"changed": changed, "environment": run.environment, "history": run.history}
        print_json({**run.data(), **more})
        return
    for line in (*_lines(run, changed), *_lineage_lines(run)):
        echo(line)


@command.command()
@RUNS
@click.option("-o", "--output", metavar="FILE", required=True, type=click.Path(path_type=Path),
              help="File to write, .png or .svg.")  # fmt: skip
@click.option("--metric", metavar="NAME",
              help="Draw only NAME or val_NAME; loss and a metric if not given.")  # fmt: skip
@common_options
def plot(folders: tuple[Path, ...], output: Path, metric: str | None) -> None:
    """Plot the learning curves of runs, each labelled by what distinguishes it."""
    from zoo.plots.overlay import draw_overlay
    from zoo.plots.style import check_path
    from zoo.runs.records import distinct_labels, read_run

    check_path(output)
    runs = [read_run(folder) for folder in dict.fromkeys(folders)]
    names = distinct_labels(runs) if len(runs) > 1 else [f"seed {runs[0].seed}"]
    models = dict.fromkeys(str(run.model) for run in runs)
    title = next(iter(models)) if len(models) == 1 else ""
    series = [(name, run.history) for name, run in zip(names, runs, strict=True)]
    note(f"plot: {draw_overlay(series, output, title=title, metric=metric)}")


@command.command()
@RUNS
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@common_options
def remove(folders: tuple[Path, ...], yes: bool) -> int:
    """Remove run folders and everything in them."""
    from zoo.runs.records import check_removable, remove_run, size_of

    unique = list({folder.resolve(): folder for folder in folders}.values())
    for folder in folders:  # one wrong name, and nothing is removed
        check_removable(folder)
    if not yes:
        if not sys.stdin.isatty():
            msg = "not a terminal; pass --yes to remove without confirmation"
            raise click.UsageError(msg)
        for folder in unique:
            files, size = size_of(folder)
            echo(f"{folder}: {files} files, {size_text(size)}", err=True)
        if not click.confirm("Remove?", err=True):
            note("nothing was removed")
            return 1
    for folder in unique:
        if folder.exists():  # a fold goes with its run
            remove_run(folder)
            echo(f"removed {folder}")
    return 0


def _row(run: RunRecord, runs: Sequence[RunRecord]) -> list[str]:
    from zoo.runs.lineage import describe_origin

    if run.problem:
        moment = run.time.replace("T", " ")
        return [str(run.path), "-", moment, "-", "-", "damaged", run.problem, ""]
    return [
        str(run.path),
        str(run.model),
        run.time.replace("T", " "),
        f"{run.members} members" if run.members else f"{run.epochs}/{run.planned} epochs",
        "-" if run.members else f"seed {run.seed}",
        _state(run),
        _main_metrics(run),
        describe_origin(run, runs),
    ]


def _state(run: RunRecord) -> str:
    if run.state == "finished" and run.planned and run.epochs < run.planned:
        return "stopped early"
    return f"{run.state}, can be resumed" if run.resumable else run.state


def _main_metrics(run: RunRecord) -> str:
    from zoo.runs.run import PARTS

    part = next((part for part in PARTS if part in run.metrics), None)
    if part is not None:
        return f"{part}: {_figures(run.metrics[part])}"
    last = {name: values[-1] for name, values in run.history.items() if values}
    return f"last epoch: {_figures(last)}" if last else ""


def _figures(values: dict[str, Any]) -> str:
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    return ", ".join(
        f"{name} {f'{value:.4f}' if isinstance(value, float) else value}"
        for name, value in numbers.items()
    )


def _lines(run: RunRecord, changed: dict[str, str]) -> Iterator[str]:
    environment = run.environment
    keras = (environment.get("versions") or {}).get("keras")
    devices = ", ".join(str(device) for device in environment.get("devices", ()))
    where = f"{environment.get('backend', '?')}{f' on {devices}' if devices else ''}"
    best = f", best {run.best}" if run.best else ""
    yield f"{run.path}: {run.model}, {_state(run)}"
    yield f"written: {run.time.replace('T', ' ')}"
    if run.identity:
        yield f"identity: {run.identity}"
    yield f"trained: seed {run.seed}, {where}{f', Keras {keras}' if keras else ''}"
    if run.members:
        yield f"members: {run.members}"
    else:
        yield f"epochs: {run.epochs} of {run.planned}{best}"
    for part, values in run.metrics.items():
        yield f"{part}: {_figures(values)}"
    if not run.metrics and (text := _main_metrics(run)):
        yield text
    if changed:
        yield "changed: " + ", ".join(f"{key}={value}" for key, value in changed.items())


def _lineage_lines(run: RunRecord) -> Iterator[str]:
    """Yield what a run came from and what came from it, wherever the folders are now."""
    from zoo.runs.lineage import (
        ancestors,
        children,
        describe_origin,
        resolve_reference,
        with_members,
    )
    from zoo.runs.records import find_runs

    places = {path.resolve(): path for path in (run.path.parent, Path("runs")) if path.is_dir()}
    by_path = {other.path.resolve(): other for path in places.values() for other in find_runs(path)}
    runs = with_members(by_path.values())
    if text := describe_origin(run, runs):
        yield f"from: {text}"
    for reference in ancestors(run):
        if resolve_reference(reference, runs) is None and not reference.get("weights"):
            yield f"not found: {reference.get('path')} ({reference.get('id')})"
    for child in children(run, runs):
        yield f"led to: {child.path}, {describe_origin(child, runs)}"
