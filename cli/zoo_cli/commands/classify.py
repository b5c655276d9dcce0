"""``zoo classify``: what is on pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

import zoo
from zoo.components import Classifier
from zoo.config import settings
from zoo.data.inputs import expand
from zoo.errors import UsageError
from zoo.results import Classification
from zoo_cli.models import model_or_bundle
from zoo_cli.options import FORMATS, common_options, complete_model, note
from zoo_cli.output import opened, write_records
from zoo_weights import printable


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-m", "--model", shell_complete=complete_model, help="Model to ask.")
@click.option("--top", type=click.IntRange(min=1), default=1, help="How many classes to name.")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Output format.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.")
@click.option("--batch-size", type=click.IntRange(1, 4096), help="Pictures computed at once.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first bad input.")
@common_options
def command(
    inputs: tuple[str, ...],
    model: str | None,
    top: int,
    weights: str | None,
    form: str,
    output: str | None,
    batch_size: int | None,
    fail_fast: bool,
) -> int:
    """Say what is on pictures: files, folders, globs, URLs, or - for standard input."""
    chosen = _model(model or settings().classify_model, weights)
    return run(
        chosen, inputs,
        top=top, form=form, output=output, batch_size=batch_size, fail_fast=fail_fast,
    )  # fmt: skip


def run(
    model: zoo.Model,
    inputs: tuple[str, ...],
    *,
    top: int,
    form: str,
    output: str | None,
    batch_size: int | None = None,
    fail_fast: bool = False,
) -> int:
    """Classify the inputs, write the results as they come, and return the exit status."""
    items = list(expand(inputs))
    if not items:
        msg = f"{', '.join(inputs)}: no picture there"
        raise UsageError(msg)
    size = batch_size or min(16, len(items))
    tally = _Tally(model.stream(items, top=top, batch_size=size), fail_fast=fail_fast)
    many = len(items) > 1
    with opened(output) as file:
        write_records(
            (result.to_dict() for result in tally),
            file,
            form,
            lines=lambda record: _lines(record, many=many),
            rows=_rows,
        )
    return 1 if tally.failed else 0


def _model(name: str, weights: str | None) -> zoo.Model:
    """Return the model called `name`, or that of a bundle or run folder."""
    chosen = model_or_bundle(name, weights)
    if chosen.preprocessor.kind != "image" or not isinstance(chosen.decoder, Classifier):
        msg = f"{name} does not classify pictures (its task is {chosen.spec.task}); use zoo predict"
        raise UsageError(msg)
    chosen.check_weights()
    return chosen


class _Tally:
    """Passes results on, counts the failed ones and says so where the text output cannot."""

    def __init__(self, results: Iterable[Classification], *, fail_fast: bool) -> None:
        self.results = results
        self.fail_fast = fail_fast
        self.failed = 0

    def __iter__(self) -> Iterator[Classification]:
        for result in self.results:
            yield result
            if result.error:
                self.failed += 1
                note(f"{result.input}: {result.error.message}")
                if self.fail_fast:
                    return


def _lines(record: dict[str, Any], *, many: bool) -> list[str]:
    prefix = f"{record['input']}: " if many else ""
    return [f"{prefix}{printable(p['label'])} ({p['score']:.1%})" for p in record["predictions"]]


def _rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one CSV row per prediction; a failed input has one row with its error."""
    common = {key: record[key] for key in ("input", "model", "weights")}
    error = record["error"]["message"] if record["error"] else ""
    empty = {"index": "", "id": "", "label": "", "score": ""}
    return [
        {**common, "rank": rank, **(prediction or empty), "error": error}
        for rank, prediction in enumerate(record["predictions"] or [None], 1)
    ]
