"""``zoo data``: the datasets that recipes train on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo.config import store
from zoo.registry.entries import Entry
from zoo.registry.registry import registry
from zoo.spec.dataset import Dataset
from zoo_cli.help import CommandGroup
from zoo_cli.options import common_options, complete_data, json_option, note_orphans
from zoo_cli.output import align, print_json, print_records
from zoo_cli.terminal import echo


@click.group(name="data", cls=CommandGroup)
def command() -> None:
    """List, show, add and verify datasets."""


def _entries(names: tuple[str, ...]) -> list[Entry[Dataset]]:
    table = registry().datasets
    return [table.find(name) for name in names or table.names()]


@command.command("list")
@json_option
@common_options
def list_data(as_json: bool) -> None:
    """List datasets and which of them are here."""
    from zoo.data.presence import is_present

    records: list[dict[str, Any]] = [
        {
            "name": entry.value.name,
            "kind": entry.value.kind,
            "plugin": entry.owner.name,
            "summary": entry.value.summary,
            "here": is_present(entry),
            "licence": entry.value.licence,
        }
        for entry in _entries(())
    ]
    if as_json:
        print_json(records)
        return
    rows = [(r["name"], "here" if r["here"] else "-", r["kind"], r["summary"]) for r in records]
    for line in align(rows):
        echo(line)


@command.command()
@click.argument("name", shell_complete=complete_data)
@json_option
@click.option("--plot", metavar="FILE", help="Draw a sheet of samples (images only).")
@common_options
def show(name: str, as_json: bool, plot: str | None) -> None:
    """Show a dataset: columns or images, ranges, labels, licence, sources."""
    from zoo.data.describe import describe, draw_samples, report_lines

    entry = registry().datasets.find(name)
    report = describe(entry)
    if plot is not None:
        draw_samples(entry, Path(plot))
    if as_json:
        print_json(report)
        return
    for line in report_lines(report):
        echo(line)


@command.command()
@click.argument("name", shell_complete=complete_data)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@common_options
def add(name: str, file: Path) -> int:
    """Add a FILE (or a folder of IDX files) that holds the content of the dataset NAME."""
    from zoo.data import datasets

    result = datasets.add(registry().datasets.find(name), file)
    if result.path is not None:
        echo(f"{file} is {name}: {result.path}")
        return 0
    echo(
        f"zoo: {file} is not {name}: expected the content {result.expected}, received "
        f"{result.got}; nothing was stored, to train on the file itself pass --data {file}",
        err=True,
    )
    return 1


@command.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_data)
@json_option
@common_options
def verify(names: tuple[str, ...], as_json: bool) -> int:
    """Compare the content of the datasets that are here with their records."""
    from zoo.data import datasets
    from zoo.data.presence import is_present

    note_orphans(store("data"))
    states = []

    def verified() -> Iterator[dict[str, Any]]:
        for entry in _entries(names):
            state, expected, received = "not here", None, None
            if is_present(entry):
                result = datasets.verify(entry)
                state = "wrong" if result.path is None else "ok"
                expected, received = result.expected, result.got
            elif not names:
                continue
            states.append(state)
            yield {
                "name": entry.value.name, "state": state,
                "expected": expected, "received": received,
            }  # fmt: skip

    print_records(verified(), _verdict, as_json=as_json)
    return int(any(state != "ok" for state in states))


def _verdict(record: dict[str, Any]) -> str:
    wrong = f", expected {record['expected']}, received {record['received']}"
    return f"{record['name']}: {record['state']}{wrong if record['state'] == 'wrong' else ''}"


@command.command()
@click.argument("name", shell_complete=complete_data)
@common_options
def where(name: str) -> None:
    """Print the path of a dataset's file."""
    from zoo.data.presence import content_path

    echo(content_path(registry().datasets.find(name)))
