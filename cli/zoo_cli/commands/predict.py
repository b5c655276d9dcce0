"""``zoo predict``: rows of tables, texts, or images."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo.data.inputs import NamedInputs, name_fields, name_from_fields, text_name
from zoo.errors import InputError, UsageError
from zoo.files import STANDARD_INPUT_NAMES, require_regular, standard_input
from zoo.parts.base import Classifier, Decoder, Regressor
from zoo.parts.multi_output import Outputs
from zoo.parts.results import RowResult
from zoo_cli.commands import classify
from zoo_cli.help import Command
from zoo_cli.options import (
    FailureLog,
    common_options,
    complete_file,
    complete_model,
    format_of,
    format_option,
    max_pixels_option,
    model_or_bundle,
    set_option,
)
from zoo_cli.output import open_output, write_records

_TAKES = {
    "image": "images", "table": "a CSV or parquet file", "text": "a file with one text per line",
    "sequence": "a file with one sequence per line", "array": "an npz, npy, CSV or parquet file",
}  # fmt: skip


@click.command(cls=Command)
@click.argument("model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model)
@click.argument("inputs", metavar="[INPUT]...", nargs=-1, shell_complete=complete_file)
@click.option("--text", "texts", metavar="TEXT", multiple=True, help="A text (text models only).")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@set_option
@format_option
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.")
@max_pixels_option
@common_options
def command(
    model: str,
    inputs: tuple[str, ...],
    texts: tuple[str, ...],
    weights: str | None,
    settings: tuple[str, ...],
    form: str | None,
    output: str | None,
) -> int:
    """Predict each INPUT with MODEL, or with a trained BUNDLE or run folder.

    An INPUT is a CSV or parquet file for table models, also an npz or npy file for array models,
    a file with one text per line for text models; for image models an image, a folder or glob of
    them, or a URL; - is standard input.
    Image models that classify print what `zoo classify` prints.
    """
    if bool(inputs) == bool(texts):
        received = "both" if inputs else "neither"
        msg = f"pass INPUT... or --text TEXT, received {received}"
        raise UsageError(msg)
    form = format_of(form, output)
    subject = model_or_bundle(model, weights, settings)
    kind = subject.preprocessor.kind
    if texts and kind not in ("text", "sequence"):
        msg = f"--text is for text models; {subject.spec.name} takes {_TAKES[kind]}"
        raise UsageError(msg)
    if kind == "image" and isinstance(subject.decoder, Classifier) and subject.decoder.one_class:
        return classify.run(subject, inputs, top=1, form=form, output=output)
    sources: list[tuple[str, Any]] = [("--text", list(texts))] if texts else []
    if kind == "image":
        images = list(NamedInputs(inputs))
        if not images:
            msg = f"{', '.join(inputs)}: no images found"
            raise UsageError(msg)
        sources = [("", images)]
        inputs = ()
    sources += [(name, _open_source(name, _TAKES[kind])) for name in inputs]
    subject.check_weights()
    columns, failures = _columns_of(subject.decoder), FailureLog()

    def results(name: str, source: Any) -> Iterator[RowResult]:
        """Yield the results of one source; one that cannot be read does not end the others."""
        result = None
        try:
            for result in subject.stream_rows(source):
                yield result
        except InputError as error:
            if len(sources) == 1:
                raise
            failures.add(name, error.message.removeprefix(f"{name}: "))
        else:
            if result is None:
                failures.add(name, "has no rows")

    def records() -> Iterator[dict[str, Any]]:
        rows = itertools.count()
        for name, source in sources:
            for result in results(name, source):
                record = {**result.to_dict(), "row": next(rows)}
                where = f"{name}: row {result.row}"
                if kind == "image":
                    del record["row"]
                    where = source[result.row].name
                    record = {**name_fields(where), **record}
                if result.error:
                    failures.add(where, result.error.message)
                yield record

    with open_output(output) as file, failures:
        rows = functools.partial(_rows, columns=columns)
        write_records(records(), file, form, lines=_lines, rows=rows)
    return 1 if failures.count else 0


def _open_source(name: str, expected: str) -> Any:
    """Return a file's path, or standard input."""
    if name in STANDARD_INPUT_NAMES:
        return standard_input()
    if not os.path.lexists(name):
        msg = f"{name}: no such file; expected {expected}, or - for standard input"
        raise UsageError(msg)
    try:
        require_regular(name, f"{expected}, or - for standard input")
    except InputError as error:
        raise UsageError(error.message) from None
    return Path(name)


def _lines(record: dict[str, Any]) -> list[str]:
    name = record.get("input", record.get("row"))
    if "error" in record:
        return [f"{name}: error"]
    outputs = record.get("outputs", {})
    parts = [f"{output} {_answer(part)}" for output, part in outputs.items()] or [_answer(record)]
    return [f"{name}: {', '.join(parts)}"]


def _answer(record: dict[str, Any]) -> str:
    if "value" in record:
        return _value(record["value"])
    if "score" not in record:
        return str(record["prediction"])
    return f"{record['prediction']} ({record['score']:.1%})"


def _value(value: Any) -> str:
    """Return a number or a class, or several with spaces between them."""
    if isinstance(value, list):
        return " ".join(map(_value, value))
    return value if isinstance(value, str) else f"{value:.6g}"


def _columns_of(decoder: Decoder) -> dict[str, tuple[str, ...]]:
    """Return the columns of a CSV row, each with its place in the record."""
    if isinstance(decoder, Outputs):
        return {
            f"{name}_{column}": ("outputs", name, *place)
            for name, part in decoder.parts.items()
            for column, place in _columns_of(part).items()
        }
    names = ["prediction", "score"] if isinstance(decoder, Classifier) else ["value"]
    if not isinstance(decoder, Classifier | Regressor):  # a text, or lists
        names = ["prediction", "value"]
    return {name: (name,) for name in names}


def _rows(record: dict[str, Any], *, columns: dict[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Return the CSV row of a record; all rows of a model have the same columns."""
    if "input" in record:
        first = {"input": text_name(name_from_fields(record))}
    else:
        first = {"row": record["row"]}
    cells = {}
    for name, place in columns.items():
        cell: Any = record
        for key in place:
            cell = cell.get(key, {})
        cells[name] = "" if cell == {} else cell
    error = record.get("error", {}).get("message", "")
    return [{**first, **cells, "error": error}]
