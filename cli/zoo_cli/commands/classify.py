"""``zoo classify``: the classes of images."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Generator
from typing import Any

import click

import zoo
from zoo.backend.choose import DTYPES, prefer, request_dtype
from zoo.config import settings as configuration
from zoo.data.inputs import NamedInputs, name_from_fields, text_name
from zoo.errors import UsageError
from zoo.inference.model import IMAGE_BATCH
from zoo.parts.base import Classifier
from zoo.parts.results import Classification
from zoo_cli.help import Command
from zoo_cli.options import (
    FailureLog,
    Verbosity,
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
from zoo_cli.resume import WrittenResults, resume_output


@click.command(cls=Command)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, shell_complete=complete_file)
@click.option("-m", "--model", metavar="MODEL|BUNDLE|SPEC.toml", shell_complete=complete_model,
              help="Model to use.")  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), default=1, help="Number of classes to name.")
@click.option("--weights", metavar="TAG|FILE", help="Weights to use.")
@set_option
@format_option
@click.option("-o", "--output", metavar="FILE", help="Write to FILE.")
@click.option("--batch-size", type=click.IntRange(1, 4096), help="Images per batch.")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", help="Type to compute in.")
@max_pixels_option
@click.option("--fail-fast", is_flag=True, help="Stop at the first bad input.")
@click.option("--resume", is_flag=True, help="Skip the inputs in FILE; append the rest.")
@common_options
def command(
    inputs: tuple[str, ...],
    model: str | None,
    top: int,
    weights: str | None,
    settings: tuple[str, ...],
    form: str | None,
    output: str | None,
    batch_size: int | None,
    dtype: str,
    fail_fast: bool,
    resume: bool,
) -> int:
    """Classify images: files, folders, globs, URLs, or - for standard input.

    OpenVINO is used where it is installed, unless --backend, KERAS_BACKEND or the configuration
    names another backend, or --device a GPU. A job with --resume and -o FILE.jsonl (or FILE.csv)
    can be stopped at any time and continues when started again.
    """
    prefer("openvino")
    request_dtype(dtype)
    classifier = _load_classifier(model or configuration().classify_model, weights, settings)
    return run(
        classifier, inputs, top=top, form=format_of(form, output), output=output,
        batch_size=batch_size, fail_fast=fail_fast, resume=resume,
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
    with resume_output(model, output, form, top=top) if resume else _no_results() as done:
        items = NamedInputs(inputs, done.inputs)
        count = len(list(itertools.islice(items, 2)))
        if not count and not done.inputs:
            msg = f"{', '.join(inputs)}: no images found"
            raise UsageError(msg)
        results = model.stream(items, top=top, batch_size=batch_size or IMAGE_BATCH)
        many = count > 1 or bool(done.inputs)
        with open_output(output, append=resume) as file, FailureLog() as failures:
            results = _log_failures(results, failures, fail_fast=fail_fast)
            if many and _is_bar_visible(output):
                results = _with_bar(results, items, done)
            with contextlib.closing(results):
                write_records(
                    (result.to_dict() for result in results),
                    file,
                    form,
                    lines=lambda record: _lines(record, many=many),
                    rows=_rows,
                    at_once=resume,
                )
    return 1 if failures.count or done.failed else 0


def _no_results() -> contextlib.nullcontext[WrittenResults]:
    return contextlib.nullcontext(WrittenResults())


def _is_bar_visible(output: str | None) -> bool:
    """Return whether to show a bar: stderr is a terminal, and the results go elsewhere."""
    to_file = output is not None and output != "-"
    return sys.stderr.isatty() and not Verbosity.quiet and (to_file or not sys.stdout.isatty())


def _with_bar(
    results: Generator[Classification], items: NamedInputs, done: WrittenResults
) -> Generator[Classification]:
    """Pass results on and show their number in a progress bar."""
    from zoo.progress import images_bar

    before = sum(done.inputs.values())
    with images_bar(before + sum(1 for _ in items), done=before) as advance:
        for result in results:
            yield result
            advance()


def _load_classifier(name: str, weights: str | None, settings: tuple[str, ...]) -> zoo.Model:
    """Return an image classifier; see `model_or_bundle`."""
    model = model_or_bundle(name, weights, settings)
    if model.preprocessor.kind != "image" or not isinstance(model.decoder, Classifier):
        msg = f"{name} does not classify images (its task is {model.spec.task}); use zoo predict"
        raise UsageError(msg)
    model.check_weights()
    return model


def _log_failures(
    results: Generator[Classification], failures: FailureLog, *, fail_fast: bool
) -> Generator[Classification]:
    """Pass results on, and report those that failed."""
    with contextlib.closing(results):  # its threads end with it
        for result in results:
            yield result
            if result.error:
                failures.add(result.input, result.error.message)
                if fail_fast:
                    return


def _lines(record: dict[str, Any], *, many: bool) -> list[str]:
    prefix = f"{record['input']}: " if many else ""
    return [f"{prefix}{p['label']} ({p['score']:.1%})" for p in record["predictions"]]


def _rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one CSV row per prediction; a failed input has one row with its error."""
    name = text_name(name_from_fields(record))
    common = {"input": name, "model": record["model"], "weights": record["weights"]}
    error = record["error"]["message"] if record["error"] else ""
    empty = {"index": "", "id": "", "label": "", "score": ""}
    return [
        {**common, "rank": rank, **(prediction or empty), "error": error}
        for rank, prediction in enumerate(record["predictions"] or [None], 1)
    ]
