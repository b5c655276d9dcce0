"""Training a spec: from its data to its run folder."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from zoo.data.labelled import Labelled
from zoo.data.split import divide, folds
from zoo.data.stream import Stream
from zoo.errors import TrainingError, UsageError
from zoo.figures import deviation
from zoo.heads import with_head
from zoo.runtime.backend import chosen_backend, devices, keras, require_training
from zoo.spec.model import ModelSpec
from zoo.spec.override import override
from zoo.spec.training import Training
from zoo.training.checkpoint import identity_of
from zoo.training.data import parts
from zoo.training.fit import InMemory, fit
from zoo.training.recipe import options_at
from zoo.training.run import CHECKPOINT, Run, environment, run_folder, whole
from zoo.training.streamed import Streamed

if TYPE_CHECKING:
    from zoo.model import Model


def train_spec(
    spec: ModelSpec,
    data: Any = None,
    *,
    target: str | None = None,
    seed: int | None = None,
    weights: str | PathLike[str] | None = "default",
    settings: Sequence[str] = (),
    fold_count: int | None = None,
    output: Path | None = None,
    resume: bool = False,
    base: Path | None = None,
) -> Run:
    """Train a spec and write its run folder; the arguments are those of `zoo.train`.

    An interruption (Ctrl-C) during training ends it early: what is trained so far is saved, and
    the run says so in its notes.

    Raises
    ------
    UsageError
        If the spec has no recipe, a setting is wrong, or the run folder is already one.
    TrainingError, InputError
        If the data cannot be used.
    """
    require_training()
    for assignment in settings:  # one at a time: a new optimizer brings new options
        spec = override(spec, [assignment], options_at(spec))
    if spec.training is None:
        msg = f"{spec.name} has no training recipe"
        raise UsageError(msg)
    if target is not None:  # the run knows what it learnt
        spec = replace(spec, training=replace(spec.training, target=target))
    spec, start = starting(spec, weights)
    training = cast("Training", spec.training)
    path = run_folder(spec.name, output, resume=resume)
    if resume and whole(path):
        return Run.read(path)
    keras()
    if seed is None:
        seed = seed_of(training, path)

    trainer = _Trainer(spec, start, base, seed)
    model = trainer.model()
    content = parts(model.preprocessor, training, data, target)
    run = Run(path, spec, seed, environment=environment(chosen_backend(), devices(), seed))
    count = fold_count or training.folds
    if isinstance(content["train"], Stream):
        if training.carry_state:
            msg = (
                f"{content['train'].source} is streamed; a state is carried through rows in memory"
            )
            raise TrainingError(msg)
        if count:
            msg = f"{content['train'].source} is streamed, which cannot be cut into folds"
            raise UsageError(msg)
        fit(run, model, Streamed(model, _divided(content, training, seed), seed))
        return run
    if training.steps_per_epoch is not None:
        msg = (
            f"training.steps_per_epoch={training.steps_per_epoch} is for rows that are streamed; "
            f"{content['train'].source} is read whole, and an epoch is all of it"
        )
        raise TrainingError(msg)
    if count:
        run.metrics["folds"] = trainer.cross_validate(content["train"], count, path)
    if training.validation is not None and not count:
        rows = content["train"]
        kept, held = divide(len(rows), training.validation, seed=seed, labels=rows.labels)
        content["train"], content["validation"] = rows.take(kept), rows.take(held)
    fit(run, model, InMemory(model, content, seed))
    return run


def _divided(content: dict[str, Any], training: Training, seed: int) -> dict[str, Stream]:
    """Hold out the validation rows of a stream."""
    if training.validation is None:
        return content
    train, held = content["train"].divide(training.validation, seed)
    return {**content, "train": train, "validation": held}


class _Trainer:
    """Makes fresh models of one spec, and trains those of the folds."""

    def __init__(
        self, spec: ModelSpec, start: str | PathLike[str] | None, base: Path | None, seed: int
    ) -> None:
        self.spec = spec
        self.start = start
        self.base = base
        self.seed = seed

    def model(self) -> Model:
        """Return a model that nothing was fitted to yet."""
        from zoo.model import Model

        return Model(self.spec, weights=self.start, base=self.base)

    def cross_validate(self, rows: Labelled, count: int, path: Path) -> dict[str, Any]:
        """Train once without each fold, and return its figures: each, mean and deviation.

        Preprocessing is fitted to the rows that are trained on, anew for each fold. The runs lie
        in the folder of the whole, as ``fold-1`` and so on.
        """
        each: dict[str, list[float]] = {}
        for number, (kept, held) in enumerate(folds(len(rows), count), 1):
            model = self.model()
            content = {"train": rows.take(kept), "validation": rows.take(held)}
            run = Run(path / f"fold-{number}", self.spec, self.seed)
            if whole(run.path):
                run = Run.read(run.path)  # done before an interruption
            else:
                run.environment = environment(chosen_backend(), devices(), self.seed)
                fit(run, model, InMemory(model, content, self.seed))
                if run.environment.get("interrupted"):
                    msg = f"interrupted in fold {number} of {count}; go on with --resume"
                    raise TrainingError(msg)
            for name, value in run.metrics["validation"].items():
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
    """Return the seed of the training that is resumed, the recipe's first one, or a random one.

    It is none of those that were used already.
    """
    if path is not None and (path / CHECKPOINT).is_file():
        return int(identity_of(path / CHECKPOINT)["seed"])
    seeds = [seed for seed in training.seeds.get(chosen_backend(), ()) if seed not in used]
    return seeds[0] if seeds else secrets.randbelow(2**31)
