"""``zoo predict``: rows of tables, texts, or pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zoo.errors import UsageError
from zoo_cli.commands import classify
from zoo_cli.models import model_or_bundle
from zoo_cli.options import FORMATS, common_options, complete_model, note
from zoo_cli.output import opened, write_records
from zoo_weights import printable

_TAKES = {
    "image": "pictures", "table": "a CSV or parquet file", "text": "a file with one text per line",
    "sequence": "a file with one sequence per line", "array": "arrays",
}  # fmt: skip


@click.command()
@click.argument("model", metavar="MODEL|BUNDLE", shell_complete=complete_model)
@click.argument("inputs", metavar="[INPUT]...", nargs=-1)
@click.option("--text", "texts", metavar="TEXT", multiple=True, help="A text (text models only).")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Output format.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.")
@common_options
def command(
    model: str,
    inputs: tuple[str, ...],
    texts: tuple[str, ...],
    weights: str | None,
    form: str,
    output: str | None,
) -> int:
    """Predict each INPUT with MODEL, or with a trained BUNDLE or run folder.

    An INPUT is a CSV or parquet file for table models, a file with one text per line for text
    models (- for standard input), a picture for image models.
    """
    if bool(inputs) == bool(texts):
        received = "both" if inputs else "neither"
        msg = f"give INPUT... or --text TEXT, received {received}"
        raise UsageError(msg)
    chosen = model_or_bundle(model, weights)
    kind = chosen.preprocessor.kind
    if texts and kind not in ("text", "sequence"):
        msg = f"--text is for text models; {chosen.spec.name} takes {_TAKES[kind]}"
        raise UsageError(msg)
    if kind == "image":
        return classify.run(chosen, inputs, top=1, form=form, output=output)
    for name in inputs:
        if name != "-" and not Path(name).is_file():
            msg = f"{name}: no such file; expected {_TAKES[kind]}, or - for standard input"
            raise UsageError(msg)
    chosen.check_weights()
    failed = 0
    sources: list[tuple[str, Any]] = [("--text", list(texts))] if texts else []
    for name in inputs:
        sources.append((name, sys.stdin.buffer if name == "-" else Path(name)))

    def records() -> Iterator[dict[str, Any]]:
        nonlocal failed
        row = 0
        for name, source in sources:
            for result in chosen.stream_rows(source):
                record = {**result.to_dict(), "row": row}
                row += 1
                if result.error:
                    failed += 1
                    note(f"{name}: row {result.row}: {result.error.message}")
                yield record

    with opened(output) as file:
        write_records(records(), file, form, lines=_lines, rows=_rows)
    return 1 if failed else 0


def _lines(record: dict[str, Any]) -> list[str]:
    if "error" in record:
        return [f"{record['row']}: error"]
    if "value" in record:
        return [f"{record['row']}: {record['value']:.6g}"]
    return [f"{record['row']}: {printable(record['prediction'])} ({record['score']:.1%})"]


def _rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    error = record.get("error", {}).get("message", "")
    if "value" in record:
        return [{"row": record["row"], "value": record["value"], "error": error}]
    return [
        {
            "row": record["row"],
            "prediction": record.get("prediction", ""),
            "score": record.get("score", ""),
            "error": error,
        }
    ]
