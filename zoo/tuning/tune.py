"""``zoo.tune``: from a model and settings to a leaderboard and a run of the best one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from os import PathLike
from pathlib import Path
from typing import Any

from zoo.backend.choose import chosen_backend, keras
from zoo.data.stream import Stream
from zoo.errors import OtherTraining, TrainingError, UsageError, require
from zoo.inference.model import Model
from zoo.inference.rows import parts
from zoo.parts.settings import trainable, with_settings
from zoo.registry.registry import spec_and_base
from zoo.runs.history import draw_later
from zoo.runs.run import Run, fresh_folder
from zoo.spec.metrics import Mode
from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_to
from zoo.spec.training import Training
from zoo.training.train import seed_of, train
from zoo.tuning.board import RESULTS, Board, Result, kept_in
from zoo.tuning.engines import check_engine, opened
from zoo.tuning.space import Range, Space, Values
from zoo.tuning.suggest import suggested
from zoo.tuning.work import Work


@dataclass(frozen=True)
class Tuning:
    """What a tuning found.

    Attributes
    ----------
    path
        Its folder, with ``leaderboard.csv`` and the run of the best in ``best``.
    metric
        What was compared: the mean over the folds of this figure on the rows held out.
    results
        All results, the best first.
    run
        The best configuration, trained on all training rows.
    """

    path: Path
    metric: str
    results: tuple[Result, ...]
    run: Run

    @property
    def best(self) -> Result:
        """The best result."""
        return self.results[0]


def tune(
    model: str | PathLike[str] | ModelSpec,
    grid: Mapping[str, Values | Range],
    data: Any = None,
    *,
    target: str | None = None,
    folds: int = 3,
    random: int | None = None,
    optuna: int | None = None,
    metric: str | None = None,
    mode: Mode | None = None,
    seed: int | None = None,
    seeds: int = 1,
    settings: Sequence[str] = (),
    engine: str = "local",
    resume: bool = False,
    output: str | PathLike[str] | None = None,
    finished: Callable[[Result, Board, int], None] = lambda result, board, total: None,
) -> Tuning:
    """Train a model with many settings, and once more with those that do best on held-out rows.

    On JAX, configurations whose networks take the same step are trained together in one compiled
    program, with all their folds and seeds; those that differ in their epochs alone are one
    training, read off on the way.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    grid
        Values to try of each setting, by dotted path or its last part: a list, or a text as
        ``--grid`` takes it (``"0.0001..0.1:log"`` is a range to draw from).
    data, target
        As for `train`.
    folds
        Into how many consecutive parts the rows are cut, at least 2; of classes, each in its share.
    random
        Try so many combinations, drawn at random, instead of all.
    optuna
        Try so many combinations that Optuna suggests; those that fall behind are given up early.
    metric
        What is compared, by Keras's name; the recipe's first metric if not given.
    mode
        Whether the most (``"max"``) or the least (``"min"``) of it is the best, where Keras does
        not say so itself.
    seed
        Seed of all trainings and draws; the spec's `picked_seed` for the backend, or a random one,
        if not given.
    seeds
        With how many seeds each configuration is trained.
    settings
        ``KEY=VALUE`` strings for all configurations, as ``--set`` takes them.
    engine
        ``"local"``, or ``"ray"`` to spread the work over a Ray cluster.
    resume
        Go on with the tuning in `output` (without it, the last one).
    output
        The tuning's folder; ``runs/MODEL/tune-TIME`` under the current folder if not given.
    finished
        Called with each new result when it is on the disk, all so far, and how many there will be.

    Returns
    -------
    Tuning
        With ``results``, the best first, and ``run``, the best one trained on all training rows.

    Raises
    ------
    UsageError
        If a setting or value is wrong, or the folder holds something else.
    TrainingError
        If the data cannot be used, or no configuration can.
    """
    _check_search(folds, random, optuna, engine)
    spec, base = spec_and_base(model)
    spec, training = trainable(spec, settings)
    space = Space(grid)
    path = _folder(spec.name, output, resume=resume)
    chosen = _seeds(training, path, seed, seeds)
    configurations: list[dict[str, Any]] = []
    if not optuna:
        configurations = list(space.all()) if random is None else space.draw(random, chosen[0])
    for configuration in configurations[:1000]:  # a wrong name or value is said before any work
        with_settings(spec, configuration)
    rows = parts(Model(spec, weights=None, base=base).preprocessor, training, data, target)["train"]
    if isinstance(rows, Stream):
        msg = f"{rows.source} is streamed, which cannot be cut into folds"
        raise UsageError(msg)
    identity = {
        "spec": spec_to(spec),
        "grid": space.to_dict(),
        "search": f"random {random}" if random else "optuna" if optuna else "all",
        "folds": folds,
        "seeds": chosen,
        "backend": chosen_backend(),
        "rows": len(rows),
        "data": rows.content()["sha256"],
    }
    work = Work(spec, rows, folds, chosen, base)
    work.cuts(spec)  # too few rows are said before any work
    board = Board(path, identity, metric, mode)
    board.read()
    board.mode  # noqa: B018  # that nobody says which is better is said before any work
    with opened(engine) as solve:
        keras()
        if optuna:
            total, results = optuna, suggested(work, space, board, optuna, chosen[0])
        else:
            left = [settings for settings in configurations if board.of(settings) is None]
            total, results = len(configurations), solve(work, work.groups(left))
        for result in results:
            board.add(result)
            finished(result, board, total)
    ranked = board.ranked()
    if board.metric is None or isnan(ranked[0].mean(board.metric)):
        why = next((result.problem for result in ranked if result.problem), "all figures are NaN")
        msg = f"no configuration could be trained: {why}"
        raise TrainingError(msg)
    best = with_settings(spec, ranked[0].settings)
    place = path / "best"
    train_best = partial(train, best, data, target=target, seed=chosen[0], output=place, base=base)
    try:
        run = train_best(resume=resume)
    except OtherTraining:  # what was the best of fewer results
        shutil.rmtree(place)
        run = train_best()
    draw_later(path, "zoo.tuning.picture")
    return Tuning(path, board.metric, tuple(ranked), run)


def _check_search(folds: int, draws: int | None, suggestions: int | None, engine: str) -> None:
    """Raise `UsageError` unless the options of a search go together."""
    if draws is not None and suggestions is not None:
        msg = "settings are drawn at random or suggested by Optuna, not both"
        raise UsageError(msg)
    if folds < 2:
        msg = f"folds must be at least 2, received {folds}"
        raise UsageError(msg)
    check_engine(engine)
    if suggestions is not None:
        require("optuna", "--optuna needs Optuna", extra="tune")
        if engine != "local":
            msg = "Optuna suggests one configuration after the other; use the engine local"
            raise UsageError(msg)


def _seeds(training: Training, path: Path, seed: int | None, count: int) -> tuple[int, ...]:
    """Return the seeds of each configuration; the first is that of all draws as well."""
    if seed is None:  # that of the tuning which goes on, or a random one may be another
        kept = kept_in(path)
        seed = kept["identity"]["seeds"][0] if kept else seed_of(training)
    listed = training.seeds.get(chosen_backend(), ())
    further = range(seed, seed + count + len(listed))
    return tuple(dict.fromkeys([seed, *listed, *further]))[:count]


def _folder(name: str, output: str | PathLike[str] | None, *, resume: bool) -> Path:
    """Return the folder of a new tuning, or of the one that is to go on."""
    parent = Path("runs") / name
    if output is None:
        files = sorted(parent.glob(f"tune-*/{RESULTS}"), key=lambda path: path.stat().st_mtime)
        return files[-1].parent if resume and files else fresh_folder(parent, "tune-")
    output = Path(output)
    begun = (output / RESULTS).is_file()
    empty = output.is_dir() and not any(output.iterdir())
    if not output.exists() or empty or (resume and begun):
        return output
    what = "holds no tuning to go on with" if resume else "exists and is not an empty folder"
    hint = "; go on with --resume" if begun else ""
    msg = f"{output}: {what}{hint}"
    raise UsageError(msg)
