"""``zoo classify``: what is on pictures."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Generator
from typing import Any

import click

import zoo
from zoo.backend.choose import DTYPES, prefer, request_dtype
from zoo.config import settings
from zoo.data.inputs import NamedInputs
from zoo.errors import UsageError
from zoo.inference.model import BATCH
from zoo.parts.base import Classifier
from zoo.parts.results import Classification
from zoo_cli.models import model_or_bundle
from zoo_cli.options import FORMATS, Verbosity, common_options, complete_model, note
from zoo_cli.output import opened, write_records
from zoo_cli.resume import Done, already_done
from zoo_weights import printable


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-m", "--model", shell_complete=complete_model, help="Model to ask.")
@click.option("--top", type=click.IntRange(min=1), default=1, help="How many classes to name.")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Output format.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.")
@click.option("--batch-size", type=click.IntRange(1, 4096), help="Pictures computed at once.")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", help="What to compute in.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first bad input.")
@click.option("--resume", is_flag=True, help="Leave out what FILE has; add the rest to it.")
@common_options
def command(
    inputs: tuple[str, ...],
    model: str | None,
    top: int,
    weights: str | None,
    form: str,
    output: str | None,
    batch_size: int | None,
    dtype: str,
    fail_fast: bool,
    resume: bool,
) -> int:
    """Classify images: files, folders, globs, URLs, or - for standard input.

    OpenVINO computes where it is installed, unless --backend, KERAS_BACKEND or the configuration
    name another backend, or --device a GPU. A long job that is begun with --resume, -o FILE and
    --format jsonl or csv can be stopped at any time and goes on when it is begun again.
    """
    prefer("openvino")
    request_dtype(dtype)
    chosen = _model(model or settings().classify_model, weights)
    return run(
        chosen, inputs, top=top, form=form, output=output, batch_size=batch_size,
        fail_fast=fail_fast, resume=resume,
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
    resume: bool = False,
) -> int:
    """Classify the inputs, write the results as they come, and return the exit status."""
    with already_done(model, output, form, top=top) if resume else _nothing() as done:
        items = NamedInputs(inputs, done.inputs)
        found = len(list(itertools.islice(items, 2)))
        if not found and not done.inputs:
            msg = f"{', '.join(inputs)}: no picture there"
            raise UsageError(msg)
        results = model.stream(items, top=top, batch_size=batch_size or BATCH)
        tally = _Tally(results, fail_fast=fail_fast)
        many = found > 1 or bool(done.inputs)
        shown = _with_bar(tally, items, done) if many and _bar_is_seen(output) else iter(tally)
        with opened(output, append=resume) as file, contextlib.closing(shown):
            write_records(
                (result.to_dict() for result in shown),
                file,
                form,
                lines=lambda record: _lines(record, many=many),
                rows=_rows,
                at_once=resume,
            )
    return 1 if tally.failed or done.failed else 0


def _nothing() -> contextlib.nullcontext[Done]:
    return contextlib.nullcontext(Done())


def _bar_is_seen(output: str | None) -> bool:
    """Whether somebody watches, and the results do not scroll past already."""
    to_file = output is not None and output != "-"
    return sys.stderr.isatty() and not Verbosity.quiet and (to_file or not sys.stdout.isatty())


def _with_bar(tally: _Tally, items: NamedInputs, done: Done) -> Generator[Classification]:
    """Pass results on and show how many there are."""
    from zoo.progress import images_bar

    before = sum(done.inputs.values())
    with images_bar(before + sum(1 for _ in items), done=before) as advance:
        for result in tally:
            yield result
            advance()


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

    def __init__(self, results: Generator[Classification], *, fail_fast: bool) -> None:
        self.results = results
        self.fail_fast = fail_fast
        self.failed = 0

    def __iter__(self) -> Generator[Classification]:
        with contextlib.closing(self.results):  # its threads end with it
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
