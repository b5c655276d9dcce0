"""``zoo weights``: the files that models compute with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo.config import store
from zoo.errors import UsageError
from zoo.registry.registry import find_spec, registry
from zoo.spec.model import ModelSpec, check_record_licence
from zoo_cli.help import CommandGroup
from zoo_cli.options import common_options, complete_model, json_option, note_orphans
from zoo_cli.output import align, print_json, print_records, size_text
from zoo_cli.terminal import echo
from zoo_weights.records import WeightsRecord


@click.group(name="weights", cls=CommandGroup)
def command() -> None:
    """Fetch, add, verify and remove weights files."""


ModelWeights = tuple[ModelSpec, Path, WeightsRecord]
"""A model, the folder that its paths are relative to, and one of its weights records."""


def _records(names: tuple[str, ...]) -> Iterator[ModelWeights]:
    """Yield the records of the models that names or patterns match; ``model.tag`` names one."""
    for name in names:
        if any(character in name for character in "*?["):
            for entry in registry().match_models(name):
                yield from ((entry.value, entry.base, record) for record in entry.value.weights)
            continue
        spec, base, tag = find_spec(name)
        if not spec.weights:
            msg = f"{name} has no published weights; run `zoo train {name}`"
            raise UsageError(msg)
        for record in spec.weights:
            if tag in (None, record.tag):
                yield spec, base, record


@command.command("list")
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@json_option
@common_options
def list_weights(patterns: tuple[str, ...], as_json: bool) -> None:
    """List weights files and which of them are here."""
    files = store()
    records: list[dict[str, Any]] = [
        {
            "model": spec.name,
            "tag": record.tag,
            "here": files.has(record, base=base),
            "bytes": record.bytes,
            "licence": record.licence,
            "sha256": record.sha256,
            "md5": record.md5,
            "urls": list(record.urls),
        }
        for spec, base, record in _records(patterns or ("*",))
    ]
    if as_json:
        print_json(records)
        return
    rows = [
        (
            f"{r['model']}.{r['tag']}",
            "here" if r["here"] else "-",
            size_text(r["bytes"]) if r["bytes"] else "",
            str(r["licence"]),
        )
        for r in records
    ]
    for line in align(rows):
        echo(line)


@command.command()
@click.argument("models", metavar="MODEL[.TAG]|SPEC.toml...", nargs=-1, required=True,
                shell_complete=complete_model)  # fmt: skip
@click.option("--timeout", metavar="SECONDS", help="Give a file up after so many seconds.")
@json_option
@common_options
def pull(models: tuple[str, ...], timeout: str | None, as_json: bool) -> None:
    """Download weights now instead of on first use."""
    from zoo.progress import download_progress

    files = store(seconds=timeout)

    def pulled() -> Iterator[dict[str, Any]]:
        for spec, base, record in _records(models):
            check_record_licence(spec, record)
            path = files.fetch(record, base=base, progress=download_progress(record.name))
            yield {"model": spec.name, "tag": record.tag, "path": str(path)}

    print_records(pulled(), lambda r: f"{r['model']}.{r['tag']}: {r['path']}", as_json=as_json)


@command.command()
@click.argument("model", metavar="MODEL[.TAG]|SPEC.toml", shell_complete=complete_model)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common_options
def add(model: str, file: Path) -> int:
    """Add a weights FILE from elsewhere, if its hash is the record's."""
    candidates = list(_records((model,)))
    if len(candidates) > 1:
        tags = ", ".join(record.tag for *_, record in candidates)
        msg = f"{model} has several weights files; pass {model}.TAG with a tag of {tags}"
        raise UsageError(msg)
    spec, _, record = candidates[0]
    check_record_licence(spec, record)
    result = store().add(record, file)
    if result.matches:
        echo(f"{file} is {spec.name}.{record.tag} (its hash is the record's): {result.path}")
        return 0
    echo(
        f"zoo: {file} is not {spec.name}.{record.tag}: expected hash {result.expected}, "
        f"received {result.got}; nothing was stored, use the file itself with --weights {file}",
        err=True,
    )
    return 1


@command.command()
@click.argument("models", metavar="[MODEL[.TAG]]...", nargs=-1, shell_complete=complete_model)
@json_option
@common_options
def verify(models: tuple[str, ...], as_json: bool) -> int:
    """Compare the hashes of the weights files that are here with their records."""
    files, states = store(), []
    note_orphans(files)

    def verified() -> Iterator[dict[str, Any]]:
        for spec, base, record in _records(models or ("*",)):
            result, begun = files.verify(record, base=base), files.unfinished(record)
            state = "ok" if result.ok else "wrong" if result.present else "not here"
            if models or result.present:
                states.append(state)
            if models or result.present or begun:
                yield {
                    "model": spec.name, "tag": record.tag, "state": state,
                    "expected": result.expected, "received": result.got, "unfinished": begun,
                }  # fmt: skip

    print_records(verified(), _verdict, as_json=as_json)
    return int(any(state != "ok" for state in states))


def _verdict(record: dict[str, Any]) -> str:
    words = record["state"]
    if words == "wrong":
        words = f"WRONG, expected {record['expected']}, found {record['received']}"
    elif words == "not here" and record["unfinished"]:
        words += f", {record['unfinished']:,} bytes of an unfinished download"
    return f"{record['model']}.{record['tag']}: {words}"


@command.command()
@click.argument("models", metavar="MODEL[.TAG]|SPEC.toml...", nargs=-1, required=True,
                shell_complete=complete_model)  # fmt: skip
@json_option
@common_options
def remove(models: tuple[str, ...], as_json: bool) -> None:
    """Delete downloaded files; they can be fetched again."""
    files = store()
    note_orphans(files)

    def removed() -> Iterator[dict[str, Any]]:
        for spec, _, record in _records(models):
            begun = files.unfinished(record)
            done = files.remove(record)
            yield {"model": spec.name, "tag": record.tag, "removed": done, "unfinished": begun}

    print_records(removed(), _removal, as_json=as_json)


def _removal(record: dict[str, Any]) -> str:
    words = "removed" if record["removed"] else "was not here"
    if record["unfinished"]:
        words += f"; removed {record['unfinished']:,} bytes of an unfinished download"
    return f"{record['model']}.{record['tag']}: {words}"


@command.command()
@click.argument("model", metavar="[MODEL[.TAG]]", required=False, shell_complete=complete_model)
@common_options
def where(model: str | None) -> None:
    """Print the folder of weights files, or the path of a model's."""
    if model is None:
        echo(store().root)
        return
    for _, base, record in _records((model,)):
        echo(store().path(record, base=base))
