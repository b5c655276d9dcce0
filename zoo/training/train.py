"""``zoo.train``: train a model on its data and write the run folder."""

from __future__ import annotations

import functools
import secrets
import statistics
from collections.abc import Callable, Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from zoo.backend.choose import chosen_backend, keras, require_training
from zoo.data import split
from zoo.data.labelled import LabelledRows
from zoo.data.stream import Stream
from zoo.errors import TrainingError, UsageError
from zoo.inference.model import Model
from zoo.inference.rows import load_data, source_of
from zoo.numeric import deviation
from zoo.parts.heads import with_head
from zoo.parts.settings import assignments, resolve_recipe
from zoo.registry.registry import spec_and_base
from zoo.runs.folder import run_folder
from zoo.runs.run import CHECKPOINT, Run, is_complete
from zoo.spec.model import ModelSpec, Training
from zoo.training.checkpoint import read_seed
from zoo.training.fit import fit
from zoo.training.photos import rows_in_memory
from zoo.training.streamed import Streamed


def train(
    model: str | PathLike[str] | ModelSpec,
    data: Any = None,
    *,
    target: str | Sequence[str] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    seed: int | None = None,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
    folds: int | None = None,
    resume: bool = False,
    exact: bool = False,
    fail_fast: bool = False,
    callbacks: Sequence[Any] = (),
    output: str | PathLike[str] | None = None,
    base: Path | None = None,
) -> Run:
    """Train a model and write its run folder.

    Ctrl-C ends training early: the weights so far are saved, and the run says so in its notes.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    data
        Name of a dataset; CSV or parquet file, which may name the files of images; npz or npy
        file; folder with one subfolder of images per class; pandas or polars frame; pair of inputs
        and targets ``(X, y)``, each an array, a list or a frame, or several by name; or a function
        that generates pieces of a table (frames, lists of dicts), the same ones at every call. The
        dataset that the spec names if not given.
    target
        Column of a table or array of an npz file to learn, or several: a vector.
    epochs, batch_size
        Instead of the recipe's.
    steps_per_epoch
        Steps of an epoch, where `data` never ends.
    seed
        Seed of initial weights, shuffling and splits; the spec's `picked_seed` for the
        backend, or a random one, if not given. The run records it.
    weights
        The initial weights: a tag, a weights file, None for random ones; the recipe's if not given.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    folds
        Number of folds to cross-validate with before training on all rows.
    resume
        Continue from the checkpoint in `output` (without `output`, the last unfinished training);
        a finished one is returned as it is. Other data, another spec, seed or backend are an
        error; other versions are a note.
    exact
        Whether other versions are an error as well.
    fail_fast
        Whether a damaged photo is an error, instead of being left out and named in the notes.
    callbacks
        Keras callbacks, besides those of the recipe. They see the whole network; one that acts in
        each step makes training slower. Folds call them one after the other.
    output
        The run folder; ``runs/MODEL/TIME`` under the current folder if not given.
    base
        Where relative paths of a spec start, if `model` is one.

    Returns
    -------
    Run
        With ``path``, ``history``, ``metrics`` and ``model``.

    Raises
    ------
    UsageError
        If the spec has no recipe, a setting is wrong, or the run folder is not empty.
    TrainingError, InputError
        If the data cannot be used.
    """
    spec, spec_base = spec_and_base(model)
    base = base or spec_base
    require_training()
    options = {"epochs": epochs, "batch_size": batch_size, "steps_per_epoch": steps_per_epoch}
    spec, training = resolve_recipe(spec, assignments(settings, **options))
    if target is not None:  # the run records its target
        spec = replace(spec, training=training.with_target(target))
    spec, start = resolve_start(spec, weights)
    training = cast("Training", spec.training)
    with run_folder(spec.name, output, resume=resume) as path:
        keras()
        if seed is None:
            seed = choose_seed(training, path)
        make_model = functools.partial(Model, spec, weights=start, base=base)
        instance = make_model()
        content = load_data(instance.preprocessor, training, data, target)
        run = Run.begin(path, spec, seed)
        source = source_of(training, data)
        trained_on = run.environment["trained_on"] = {"data": [source] if source else []}
        rows, count = content["train"], folds or training.folds
        if isinstance(rows, Stream):
            if training.carry_state:
                msg = f"{rows.source} is streamed; carry_state needs rows in memory"
                raise TrainingError(msg)
            if count:
                msg = f"{rows.source} is streamed and cannot be cut into folds"
                raise UsageError(msg)
            content = _hold_out_validation(content, run)
            streamed = Streamed(instance, content, seed, fail_fast=fail_fast)
            return fit(run, instance, streamed, callbacks=callbacks, exact=exact)
        if training.steps_per_epoch is not None:
            msg = (
                f"training.steps_per_epoch={training.steps_per_epoch} is for streamed rows; "
                f"{rows.source} is in memory, and an epoch is all of it"
            )
            raise TrainingError(msg)
        trained_on["rows"] = len(rows)
        if count:
            run.metrics["folds"] = _cross_validate(
                make_model, run, rows, count, callbacks, exact=exact, fail_fast=fail_fast
            )
        else:
            content = _hold_out_validation(content, run)
        held = rows_in_memory(instance, content, seed, fail_fast=fail_fast)
        return fit(run, instance, held, callbacks=callbacks, exact=exact)


def _hold_out_validation(content: dict[str, Any], run: Run) -> dict[str, Any]:
    """Hold out the recipe's validation rows, and record the split in the run."""
    validation = cast("Training", run.spec.training).validation
    if validation is None or "validation" in content:  # the data may have such a part
        return content
    drawn = split.resolve_split(validation, run.seed)
    run.environment["trained_on"]["held"] = msgspec.to_builtins(drawn)
    train, held = content["train"].divide(drawn, run.seed)
    return {**content, "train": train, "validation": held}


def _cross_validate(
    make_model: Callable[[], Model],
    run: Run,
    rows: LabelledRows,
    count: int,
    callbacks: Sequence[Any],
    *,
    exact: bool,
    fail_fast: bool,
) -> dict[str, Any]:
    """Train once without each fold, and return the figures: values, mean and deviation.

    Preprocessing is fitted to the training rows of each fold. The folds' runs are in the run
    folder, as ``fold-1`` and so on; the run records what looks wrong with them.
    """
    by_name: dict[str, list[float]] = {}
    worries = run.environment["worries"] = []
    for number, (train_rows, held) in enumerate(split.folds(len(rows), count), 1):
        model = make_model()
        content = {"train": rows.take(train_rows), "validation": rows.take(held)}
        trained_on = {**run.environment["trained_on"], "held": [number, count]}
        folder = run.path / f"fold-{number}"
        fold = Run.begin(folder, run.spec, run.seed, trained_on=trained_on)
        held_rows = rows_in_memory(model, content, run.seed, fail_fast=fail_fast)
        fold = fit(fold, model, held_rows, callbacks=callbacks, exact=exact)
        if fold.environment.get("interrupted"):
            msg = f"interrupted in fold {number} of {count}; continue with --resume"
            raise TrainingError(msg)
        worries += [f"fold {number}: {text}" for text in fold.environment.get("worries", [])]
        for name, value in fold.metrics["validation"].items():
            by_name.setdefault(name, []).append(value)
    figures: dict[str, Any] = {name: statistics.fmean(values) for name, values in by_name.items()}
    for name, values in by_name.items():
        figures[f"{name}_deviation"] = deviation(values)
        figures[f"{name}_each"] = values
    return figures


def resolve_start(
    spec: ModelSpec, weights: str | PathLike[str] | None
) -> tuple[ModelSpec, str | PathLike[str] | None]:
    """Return the spec with its head and initial weights filled in, and those weights."""
    spec = with_head(spec)
    training = cast("Training", spec.training)
    if weights == "default":
        weights = training.weights
    name = "none" if weights is None else str(weights)
    spec = replace(spec, training=replace(training, weights=name))
    return spec, None if name == "none" else weights


def choose_seed(training: Training, path: Path | None = None, used: Collection[int] = ()) -> int:
    """Return the seed of a resumed training, else an unused listed seed, else a random one."""
    if path is not None and (path / CHECKPOINT).is_file():
        return read_seed(path / CHECKPOINT)
    if path is not None and is_complete(path):
        return Run.read(path).seed
    backend = chosen_backend()
    listed = training.seeds.get(backend, ())
    if backend in training.picked_seed:
        listed = (training.picked_seed[backend], *range(1, len(used) + 2))
    return next((seed for seed in listed if seed not in used), secrets.randbelow(2**31))
