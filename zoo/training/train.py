"""``zoo.train``: from a model and its data to its run folder."""

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
from zoo.data.labelled import Labelled
from zoo.data.stream import Stream
from zoo.errors import TrainingError, UsageError
from zoo.inference.model import Model
from zoo.inference.rows import parts, source_of
from zoo.numeric import deviation
from zoo.parts.heads import with_head
from zoo.parts.settings import assignments, trainable
from zoo.registry.registry import spec_and_base
from zoo.runs.run import CHECKPOINT, Run, run_folder, whole
from zoo.spec.model import ModelSpec
from zoo.spec.training import Training
from zoo.training.checkpoint import seed_in
from zoo.training.fit import fit
from zoo.training.rows import InMemory
from zoo.training.streamed import Streamed


def train(
    model: str | PathLike[str] | ModelSpec,
    data: Any = None,
    *,
    target: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
    seed: int | None = None,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
    folds: int | None = None,
    resume: bool = False,
    exact: bool = False,
    output: str | PathLike[str] | None = None,
    base: Path | None = None,
) -> Run:
    """Train a model and write its run folder.

    An interruption (Ctrl-C) during training ends it early: what is trained so far is saved, and
    the run says so in its notes.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    data
        Name of a dataset, CSV or parquet file, folder with one subfolder of pictures per class, a
        pandas or polars frame, or a function that generates pieces of a table (frames, lists of
        dicts), the same ones at every call; the dataset that the spec names if not given.
    target
        Column to learn, for tables.
    epochs, batch_size
        Instead of the recipe's.
    steps_per_epoch
        Steps of an epoch, where `data` generates rows without an end.
    seed
        Seed of initial weights, shuffling and splits; the spec's `picked_seed` for the
        backend, or a random one, if not given. The run records it.
    weights
        Where training starts: a tag, a weights file, None for random weights; the recipe's if not
        given.
    settings
        ``KEY=VALUE`` strings, as ``--set`` takes them.
    folds
        Cross-validate with so many folds before the whole is trained.
    resume
        Go on with the training that `output` holds a checkpoint of (without `output`, the last
        one that was not finished); a finished one is returned as it is. Other data, another spec,
        seed or backend are refused; other versions are a note.
    exact
        Whether to refuse other versions as well.
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
        If the spec has no recipe, a setting is wrong, or the run folder is already one.
    TrainingError, InputError
        If the data cannot be used.
    """
    spec, found = spec_and_base(model)
    base = base or found
    require_training()
    given = {"epochs": epochs, "batch_size": batch_size, "steps_per_epoch": steps_per_epoch}
    spec, training = trainable(spec, assignments(settings, **given))
    if target is not None:  # the run knows what it learnt
        spec = replace(spec, training=replace(training, target=target))
    spec, start = starting(spec, weights)
    training = cast("Training", spec.training)
    path = run_folder(spec.name, output, resume=resume)
    keras()
    if seed is None:
        seed = seed_of(training, path)
    make = functools.partial(Model, spec, weights=start, base=base)
    new = make()
    content = parts(new.preprocessor, training, data, target)
    run = Run.begin(path, spec, seed)
    source = source_of(training, data)
    told = run.environment["trained_on"] = {"data": [source] if source else []}
    rows, count = content["train"], folds or training.folds
    if isinstance(rows, Stream):
        if training.carry_state:
            msg = f"{rows.source} is streamed; a state is carried through rows in memory"
            raise TrainingError(msg)
        if count:
            msg = f"{rows.source} is streamed, which cannot be cut into folds"
            raise UsageError(msg)
        streamed = Streamed(new, _divided(content, run), seed)
        return fit(run, new, streamed, exact=exact)
    if training.steps_per_epoch is not None:
        msg = (
            f"training.steps_per_epoch={training.steps_per_epoch} is for rows that are streamed; "
            f"{rows.source} is read whole, and an epoch is all of it"
        )
        raise TrainingError(msg)
    told["rows"] = len(rows)
    if count:
        run.metrics["folds"] = _cross_validate(make, run, rows, count, exact=exact)
    else:
        content = _divided(content, run)
    return fit(run, new, InMemory(new, content, seed), exact=exact)


def _divided(content: dict[str, Any], run: Run) -> dict[str, Any]:
    """Hold the validation rows of the recipe out, and note in the run which they are."""
    asked = cast("Training", run.spec.training).validation
    if asked is None:
        return content
    drawn = split.drawn(asked, run.seed)
    run.environment["trained_on"]["held"] = msgspec.to_builtins(drawn)
    train, held = content["train"].divide(drawn, run.seed)
    return {**content, "train": train, "validation": held}


def _cross_validate(
    make: Callable[[], Model], run: Run, rows: Labelled, count: int, *, exact: bool
) -> dict[str, Any]:
    """Train once without each fold, and return the figures: each, mean and deviation.

    Preprocessing is fitted to the rows that are trained on, anew for each fold. The runs lie in
    the folder of the whole, as ``fold-1`` and so on; what looks wrong with them is noted there.
    """
    each: dict[str, list[float]] = {}
    worries = run.environment["worries"] = []
    for number, (kept, held) in enumerate(split.folds(len(rows), count), 1):
        model = make()
        content = {"train": rows.take(kept), "validation": rows.take(held)}
        told = {**run.environment["trained_on"], "held": [number, count]}
        place = run.path / f"fold-{number}"
        fold = Run.begin(place, run.spec, run.seed, trained_on=told)
        fold = fit(fold, model, InMemory(model, content, run.seed), exact=exact)
        if fold.environment.get("interrupted"):
            msg = f"interrupted in fold {number} of {count}; go on with --resume"
            raise TrainingError(msg)
        worries += [f"fold {number}: {text}" for text in fold.environment.get("worries", [])]
        for name, value in fold.metrics["validation"].items():
            each.setdefault(name, []).append(value)
    figures: dict[str, Any] = {name: statistics.fmean(values) for name, values in each.items()}
    for name, values in each.items():
        figures[f"{name}_deviation"] = deviation(values)
        figures[f"{name}_each"] = values
    return figures


def starting(
    spec: ModelSpec, weights: str | PathLike[str] | None
) -> tuple[ModelSpec, str | PathLike[str] | None]:
    """Return the spec with its head and start written down, and the weights to start from."""
    spec = with_head(spec)
    training = cast("Training", spec.training)
    if weights == "default":
        weights = training.weights
    name = "none" if weights is None else str(weights)
    spec = replace(spec, training=replace(training, weights=name))
    return spec, None if name == "none" else weights


def seed_of(training: Training, path: Path | None = None, used: Collection[int] = ()) -> int:
    """Return the seed of the training that is resumed, the one that was picked, or a random one.

    It is none of those that were used already.
    """
    if path is not None and (path / CHECKPOINT).is_file():
        return seed_in(path / CHECKPOINT)
    if path is not None and whole(path):
        return Run.read(path).seed
    backend = chosen_backend()
    listed = training.seeds.get(backend, ())
    if backend in training.picked_seed:
        listed = (training.picked_seed[backend], *range(1, len(used) + 2))
    return next((seed for seed in listed if seed not in used), secrets.randbelow(2**31))
