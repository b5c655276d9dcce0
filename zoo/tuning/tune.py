"""``zoo.tune``: compare settings of a model, and train the best ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import isnan
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import chosen_backend, keras
from zoo.data.stream import Stream
from zoo.display import html_table, one_line, to_frame
from zoo.errors import OtherTraining, TrainingError, UsageError, report_damage, require
from zoo.inference.model import Model
from zoo.inference.rows import load_data
from zoo.parts.settings import resolve_recipe, with_settings
from zoo.registry.registry import spec_and_base
from zoo.runs.folder import fresh_folder, own_folder
from zoo.runs.run import START_AGAIN, Run, draw_later
from zoo.spec.files import spec_to_data
from zoo.spec.model import ModelSpec, Training
from zoo.spec.watch import Mode
from zoo.training.train import choose_seed, train
from zoo.tuning.board import RESULTS, Board, Result, leaderboard, read_record
from zoo.tuning.engines import check_engine, open_engine
from zoo.tuning.space import Range, Space, Values
from zoo.tuning.suggest import suggest
from zoo.tuning.work import Work

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Tuning:
    """The outcome of a tuning.

    Attributes
    ----------
    path
        Its folder, with ``leaderboard.csv`` and the best run in ``best``.
    metric
        The figure that was compared: its mean over the folds, on the held-out rows.
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

    def __repr__(self) -> str:
        count, figure = len(self.results), f"{self.metric} {self.best.mean(self.metric):.4g}"
        results = f"{count} result{'s' * (count != 1)}"
        return one_line(self, repr(str(self.path)), results, f"best {figure}: {self.best.text()}")

    def to_pandas(self) -> pd.DataFrame:
        """Return the leaderboard as a frame, the best first.

        Raises
        ------
        UsageError
            If pandas is missing.
        """
        return to_frame(self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows(), title=repr(self))

    def _rows(self) -> list[dict[str, Any]]:
        head, *rows = leaderboard(self.results, self.metric)
        return [dict(zip(head, row, strict=True)) for row in rows]


def tune(
    model: str | PathLike[str] | ModelSpec,
    grid: Mapping[str, Values | Range],
    data: Any = None,
    *,
    target: str | Sequence[str] | None = None,
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
    """Train a model with many settings, and once more with those that are best on held-out rows.

    On JAX, configurations whose networks take the same step are trained together in one compiled
    program, with all their folds and seeds; those that differ only in their epochs are one
    training, measured on the way.

    Parameters
    ----------
    model
        Name of a model, path of a ``SPEC.toml``, or a spec.
    grid
        Values to try for each setting, by dotted path or its last part: a list, or a text as
        ``--grid`` takes it (``"0.0001..0.1:log"`` is a range to draw from).
    data, target
        As for `train`.
    folds
        Number of consecutive parts to cut the rows into, at least 2; stratified for a classifier.
    random
        Number of combinations to draw at random, instead of trying all.
    optuna
        Number of combinations that Optuna suggests; those that fall behind are pruned.
    metric
        The figure to compare, by Keras's name; if not given the recipe's first metric, or its loss
        where there are several outputs.
    mode
        Whether the highest (``"max"``) or the lowest (``"min"``) value is the best, where Keras
        does not say.
    seed
        Seed of all trainings and draws; the spec's `picked_seed` for the backend, or a random one,
        if not given.
    seeds
        Number of seeds to train each configuration with.
    settings
        ``KEY=VALUE`` strings for all configurations, as ``--set`` takes them.
    engine
        ``"local"``, or ``"ray"`` to spread the work over a Ray cluster.
    resume
        Continue the tuning in `output` (without `output`, the last one).
    output
        The tuning's folder; ``runs/MODEL/tune-TIME`` under the current folder if not given.
    finished
        Called with each new result once it is on disk, all so far, and the expected total.

    Returns
    -------
    Tuning
        With ``results``, the best first, and ``run``, trained on all training rows with the best.

    Raises
    ------
    UsageError
        If a setting or value is wrong, or the folder holds something else.
    TrainingError
        If the data cannot be used, or no configuration can be trained.
    """
    _check_search(folds, random, optuna, engine)
    spec, base = spec_and_base(model)
    spec, training = resolve_recipe(spec, settings)
    space = Space(grid)
    with _folder(spec.name, output, resume=resume) as path:
        run_seeds = _seeds(training, path, seed, seeds)
        configurations: list[dict[str, Any]] = []
        if not optuna:
            configurations = (
                list(space.all()) if random is None else space.draw(random, run_seeds[0])
            )
        for configuration in configurations[:1000]:  # report wrong names and values before any work
            with_settings(spec, configuration)
        preprocessor = Model(spec, weights=None, base=base).preprocessor
        rows = load_data(preprocessor, training, data, target)["train"]
        if isinstance(rows, Stream):
            msg = f"{rows.source} is streamed and cannot be cut into folds"
            raise UsageError(msg)
        identity = {
            "spec": spec_to_data(spec),
            "grid": space.to_dict(),
            "search": f"random {random}" if random else "optuna" if optuna else "all",
            "folds": folds,
            "seeds": run_seeds,
            "backend": chosen_backend(),
            "rows": len(rows),
            "data": rows.content()["sha256"],
        }
        work = Work(spec, rows, folds, run_seeds, base)
        work.fold_rows(spec)  # report too few rows before any work
        if metric is None and training.outputs:
            metric = "loss"
        board = Board(path, identity, metric, mode)
        board.read()
        board.mode  # noqa: B018  # report an unknown direction before any work
        with open_engine(engine) as solve:
            keras()
            if optuna:
                total, results = optuna, suggest(work, space, board, optuna, run_seeds[0])
            else:
                remaining = [settings for settings in configurations if board.of(settings) is None]
                total, results = len(configurations), solve(work, work.groups(remaining))
            for result in results:
                board.add(result)
                finished(result, board, total)
        ranked = board.ranked()
        if board.metric is None or isnan(ranked[0].mean(board.metric)):
            reason = next((r.problem for r in ranked if r.problem), "all figures are NaN")
            msg = f"no configuration could be trained: {reason}"
            raise TrainingError(msg)
        best = with_settings(spec, ranked[0].settings)
        out = path / "best"
        train_best = partial(
            train, best, data, target=target, seed=run_seeds[0], output=out, base=base
        )
        try:
            run = train_best(resume=resume)
        except OtherTraining:  # the best of an earlier, shorter list of results
            shutil.rmtree(out)
            run = train_best()
        draw_later(path, "zoo.tuning.picture")
        return Tuning(path, board.metric, tuple(ranked), run)


def _check_search(folds: int, draws: int | None, suggestions: int | None, engine: str) -> None:
    """Raise `UsageError` unless the options of a search go together."""
    if draws is not None and suggestions is not None:
        msg = "settings are drawn at random or suggested by Optuna, not both; drop one of them"
        raise UsageError(msg)
    if folds < 2:
        msg = f"folds must be at least 2, received {folds}"
        raise UsageError(msg)
    check_engine(engine)
    if suggestions is not None:
        require("optuna", "--optuna needs Optuna", extra="tune")
        if engine != "local":
            msg = "Optuna suggests one configuration at a time; use the engine local"
            raise UsageError(msg)


def _seeds(training: Training, path: Path, seed: int | None, count: int) -> tuple[int, ...]:
    """Return the seeds of each configuration; the first one also seeds all draws."""
    if seed is None:  # a resumed tuning keeps its seed, which may have been random
        record = read_record(path)
        with report_damage(path / RESULTS, START_AGAIN):
            seed = record["identity"]["seeds"][0] if record else choose_seed(training)
    listed = training.seeds.get(chosen_backend(), ())
    further = range(seed, seed + count + len(listed))
    return tuple(dict.fromkeys([seed, *listed, *further]))[:count]


def _folder(
    name: str, output: str | PathLike[str] | None, *, resume: bool
) -> AbstractContextManager[Path]:
    """Return the folder of a new tuning, or of the one to resume; see `run_folder`."""
    parent = Path("runs") / name
    if output is None:
        files = sorted(parent.glob(f"tune-*/{RESULTS}"), key=lambda path: path.stat().st_mtime)
        if not (resume and files):
            return fresh_folder(parent, "tune-")
        output = files[-1].parent
    return own_folder(Path(output), "tuning", (RESULTS,), resume=resume)
