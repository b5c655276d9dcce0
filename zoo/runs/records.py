"""Finding runs below a folder; reading, distinguishing and removing them, without Keras."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any, TypedDict

from zoo.errors import UsageError, ZooError
from zoo.files import read_json
from zoo.inference.base import BUNDLE
from zoo.inference.origin import Environment, lineage_in
from zoo.numeric import replace_nonfinite
from zoo.plots.curves import History
from zoo.runs.history import read_history
from zoo.runs.run import CHECKPOINT, ENVIRONMENT, MEMBER, METRICS, Identity, best_epoch
from zoo.spec.files import read_json_headers, read_spec, spec_from_data, spec_to_data
from zoo.spec.model import METADATA, ModelSpec

INNER_RUNS = rf"fold-\d+|{MEMBER}"
"""Names of the runs inside a run folder that belong to it."""

MAX_TIME = 2**37
"""A time in the year 6325: some file systems know later ones, which no date can say."""

_SEPARATE_FIELDS = {"weights", "training.picked_seed", "training.seeds", "training.starts"}
"""Fields of a spec that a run reports by itself: its initial weights and its seed."""


class _Progress(TypedDict):
    """What is read of the progress in a checkpoint."""

    history: dict[str, list[float | None]]


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder records it.

    Attributes
    ----------
    path
        The folder.
    model
        Name of the model; None if the folder is damaged.
    state
        ``"finished"``; ``"interrupted"``, ended early with the training so far saved;
        ``"unfinished"``, still in training or killed; or ``"damaged"``.
    resumable
        Whether ``zoo train --resume`` can continue it.
    time
        When it was last written, ISO 8601 in local time.
    seed, epochs, spec, history, metrics, environment
        As in `zoo.Run`; the history of an unfinished run is its checkpoint's.
    problem
        Why the folder is damaged.
    """

    path: Path
    model: str | None
    state: str
    resumable: bool
    time: str
    seed: int | None = None
    spec: ModelSpec | None = None
    history: History = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @property
    def epochs(self) -> int:
        """Number of completed epochs."""
        return len(self.history.get("loss", ()))

    @property
    def planned(self) -> int | None:
        """Number of epochs in the recipe; None for an ensemble, which is not trained."""
        if self.members:
            return None
        return self.spec.training.epochs if self.spec and self.spec.training else None

    @property
    def identity(self) -> str | None:
        """The id that stays when the folder is moved; None for runs older than ids."""
        identity = self.environment.get("id")
        return str(identity) if identity else None

    @property
    def members(self) -> int:
        """Number of networks of an ensemble; 0 for every other run."""
        return len(lineage_in(self.environment).get("members", ()))

    @property
    def best(self) -> int | None:
        """The best epoch, from 1; None if it is not known which is better."""
        try:
            return best_epoch(self.history, self.spec.training if self.spec else None)
        except UsageError:
            return None

    def data(self) -> dict[str, Any]:
        """Return the record as plain data for JSON; numbers that are not finite become None."""
        record = {
            "path": str(self.path),
            "id": self.identity,
            "model": self.model,
            "state": self.state,
            "resumable": self.resumable,
            "time": self.time,
            "seed": self.seed,
            "epochs": self.epochs,
            "planned_epochs": self.planned,
            "best_epoch": self.best,
            "backend": self.environment.get("backend"),
            "metrics": self.metrics,
            "lineage": self.environment.get("lineage"),
            "problem": self.problem,
        }
        cleaned: dict[str, Any] = replace_nonfinite(record)
        return cleaned


def is_run(path: Path) -> bool:
    """Whether a path is a run folder: not a link, with a bundle and its spec, or a checkpoint."""
    if path.is_symlink() or not path.is_dir():
        return False
    has_bundle = (path / BUNDLE).is_file() and (path / "spec.toml").is_file()
    return has_bundle or (path / CHECKPOINT).is_file()


def find_runs(folder: Path, model: str | None = None) -> list[RunRecord]:
    """Return the runs below a folder, the oldest first; links are not followed.

    Parameters
    ----------
    folder
        Where to look; it may be a run itself. Folds are part of their run and not listed.
    model
        Name of a model, or a pattern.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    if not folder.is_dir():
        msg = f"{folder}: is not a folder; pass one with runs below it"
        raise UsageError(msg)
    runs = (_read_record(path) for path in _run_folders(folder))
    matches = [run for run in runs if model is None or fnmatch.fnmatchcase(run.model or "", model)]
    return sorted(matches, key=lambda run: (run.time, str(run.path)))


def _run_folders(folder: Path) -> Iterator[Path]:
    for root, folders, _ in os.walk(folder):
        if is_run(Path(root)):
            yield Path(root)
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def read_run(path: Path) -> RunRecord:
    """Read the run of a folder.

    Raises
    ------
    UsageError
        If it is not a run folder, or is damaged.
    """
    check_run(path)
    run = _read_record(path)
    if run.problem:
        msg = f"{path}: is damaged: {run.problem}"
        raise UsageError(msg)
    return run


def check_run(path: Path) -> None:
    """Raise `UsageError` unless a path is a run folder."""
    if not is_run(path):
        what = "is a link; name the folder itself" if path.is_symlink() else "is not a run folder"
        if not path.exists():
            what = "there is no such folder"
        msg = f"{path}: {what}; `zoo runs list` shows the runs"
        raise UsageError(msg)


def _read_record(path: Path) -> RunRecord:
    bundle, checkpoint = path / BUNDLE, path / CHECKPOINT
    done, resumable = bundle.is_file(), checkpoint.is_file()
    modified = (bundle if done else checkpoint).stat().st_mtime
    modified = min(max(modified, 0), MAX_TIME)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(modified))
    try:
        fields = _read_finished(path) if done else _read_checkpoint(checkpoint)
    except Exception as error:
        # One damaged folder must not hide the others.
        problem = " ".join(str(error).split()) or type(error).__name__
        return RunRecord(path, None, "damaged", resumable, moment, problem=problem)
    state = "finished" if done else "unfinished"
    if done and (resumable or fields.get("environment", {}).get("interrupted")):
        state = "interrupted"
    return RunRecord(path, fields["spec"].name, state, resumable, moment, **fields)


def _read_finished(path: Path) -> dict[str, Any]:
    metrics = read_json(path / "metrics.json", METRICS)
    environment = read_json(path / ENVIRONMENT, Environment)
    return {
        "spec": read_spec(path / "spec.toml"),
        "seed": environment.get("seed"),
        "history": read_history(path / "history.csv"),
        "metrics": replace_nonfinite(metrics, nan),
        "environment": environment,
    }


def _read_checkpoint(path: Path) -> dict[str, Any]:
    kinds = {"identity": Identity, "progress": _Progress}
    identity, progress = read_json_headers(path, kinds).values()
    return {
        "spec": spec_from_data(identity["spec"], where=str(path)),
        "seed": identity["seed"],
        "history": replace_nonfinite(progress["history"], nan),
        "environment": {"backend": identity["backend"]},
    }


# Distinguishing runs


def changed_settings(run: RunRecord) -> dict[str, str]:
    """Return the settings in which a run's spec differs from the installed model of its name.

    Keys and values are as ``--set`` takes them; empty if no such model is installed.
    """
    from zoo.registry.registry import get_spec

    if run.spec is None:
        return {}
    try:
        declared = get_spec(run.spec.name)
    except ZooError:
        return {}
    return differences([declared, run.spec])[1]


def differences(specs: Sequence[ModelSpec]) -> list[dict[str, str]]:
    """Return, for each spec, the values of the settings that differ between the specs.

    Keys are dotted paths, the last part alone where that is unique; a setting that a spec leaves
    at its default is missing there.
    """
    flat = [dict(_flatten(spec_to_data(spec))) for spec in specs]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    keys = [key for key in keys if len({values.get(key) for values in flat}) > 1]
    ends = Counter(key.rpartition(".")[2] for key in keys)
    short = {key: end if ends[end := key.rpartition(".")[2]] == 1 else key for key in keys}
    return [{short[key]: values[key] for key in keys if key in values} for values in flat]


def _flatten(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        path = prefix.rstrip(".") if name == "uses" else prefix + name
        if path in {"name", *METADATA} | _SEPARATE_FIELDS:
            continue
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}.")
        else:
            yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_text(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def distinct_labels(runs: Sequence[RunRecord]) -> list[str]:
    """Return a label that distinguishes each run: its model, else settings, else seed or path.

    A setting that most of the runs share is shown only for a run that has no other.
    """
    models = Counter(run.model for run in runs)
    texts = []
    for run in runs:
        parts = [str(run.model)] if len(models) > 1 else []
        same = [other for other in runs if other.model == run.model]
        if len(same) > 1:
            settings = differences([other.spec for other in same if other.spec])
            own = settings[same.index(run)]
            others = {key for values in settings for key in values} - own.keys()
            shared = Counter(item for values in settings for item in values.items())
            rare = {key: value for key, value in own.items() if shared[key, value] <= len(same) / 2}
            parts += [f"{key}={value}" for key, value in (rare or own).items()]
            if not own:
                parts += [f"default {key}" for key in sorted(others)]
        texts.append(", ".join(parts))
    for extras in ([f"seed {run.seed}" for run in runs], [str(run.path) for run in runs]):
        counted = Counter(texts)
        texts = [
            ", ".join(part for part in (text, extra) if part) if counted[text] > 1 else text
            for text, extra in zip(texts, extras, strict=True)
        ]
    return texts


# Removing


def check_removable(path: Path) -> None:
    """Raise `UsageError` unless removing a path removes one run and nothing else.

    It must not be a link, nor contain the current folder or runs that do not belong to it.
    """
    check_run(path)
    if Path.cwd().is_relative_to(path.resolve()):
        msg = f"{path}: the current folder is inside it; leave it first"
        raise UsageError(msg)
    for child in sorted(path.iterdir()):
        if child.is_symlink() or not child.is_dir() or re.fullmatch(INNER_RUNS, child.name):
            continue
        other = next(_run_folders(child), None)
        if other is not None:
            msg = f"{path}: another run is inside it, {other}; move or remove that one first"
            raise UsageError(msg)


def size_of(path: Path) -> tuple[int, int]:
    """Return the number and total size in bytes of a folder's files; links are not followed."""
    sizes = [
        os.lstat(os.path.join(root, name)).st_size
        for root, _, names in os.walk(path)
        for name in names
    ]
    return len(sizes), sum(sizes)


def remove_run(path: Path) -> None:
    """Remove a run folder; links inside it are removed, their targets stay."""
    check_removable(path)
    shutil.rmtree(path)
