"""``Run``: one training and its folder, written so that no partial file has a final name."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import platform
import secrets
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Required, TypedDict, cast

from zoo.backend.choose import chosen_backend, devices
from zoo.display import html_table, inline_svg, one_line, to_frame
from zoo.errors import report_damage
from zoo.inference.base import BUNDLE
from zoo.inference.origin import Environment
from zoo.numeric import replace_nonfinite, to_json
from zoo.plots.curves import History, draw_curves
from zoo.registry.registry import registry
from zoo.spec.files import read_json_headers, spec_from_data, spec_to_data, spec_to_toml
from zoo.spec.model import ModelSpec, Training
from zoo.spec.watch import EarlyStopping
from zoo_weights.files import atomic_write, make_folder
from zoo_weights.text import csv_line, printable

if TYPE_CHECKING:
    import pandas as pd

    from zoo.inference.model import Model

START_AGAIN = "delete its folder and start again, or pass another -o DIR"
"""What to do about a run that cannot be resumed."""

CHECKPOINT = "checkpoint.h5"
"""File in a run folder from which training resumes."""


class Identity(TypedDict, total=False):
    """What must be the same when a training resumes, and its versions."""

    spec: Required[dict[str, Any]]
    seed: Required[int]
    backend: Required[str]
    versions: dict[str, str]
    data: dict[str, str]


METRICS = dict[str, dict[str, float | list[float | None] | None]]
"""Figures by part of the data and name; those of folds are lists."""

HEADERS = {
    "spec": dict[str, Any],
    "history": dict[str, list[float | None]],
    "metrics": METRICS,
    "environment": Environment,
}
"""What the bundle of a run tells of it, and its types."""

ENVIRONMENT = "environment.json"
"""File in a run folder with versions and machine; the first that is written."""

PARTS = ("test", "validation", "folds", "train")
"""Parts of the data, the most telling first."""

MEMBER = "member"
"""Folder inside an ensemble's run folder: the run of the member trained for it."""


@dataclass
class Run:
    """One training.

    Attributes
    ----------
    path
        The run folder. A training that writes nothing (a candidate of `zoo tune`, a scikit-learn
        estimator) has None here; only plugins that listen to events see its run.
    spec
        The spec as it was trained, with all overrides.
    seed
        Seed of initial weights, shuffling and splits; for an ensemble, the last one known among
        its members, or 0.
    history
        Keras's logs, a value for each epoch.
    metrics
        Loss and metrics of the final weights on each part of the data (``"train"``,
        ``"validation"``).
    environment
        Versions and machine, to repeat it.
    notes
        What a user should know about the result (a dead network, an interruption).
    """

    path: Path
    spec: ModelSpec
    seed: int
    history: History = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, path: Path | None, spec: ModelSpec, seed: int, **facts: Any) -> Run:
        """Return a new run with the current environment and further facts about it."""
        return cls(cast("Path", path), spec, seed, environment={**_environment(seed), **facts})

    @property
    def dead(self) -> bool:
        """Whether the network, or that of a fold, did not learn; the notes say why."""
        return bool(self.environment.get("worries"))

    def __repr__(self) -> str:
        epochs = len(self.history.get("loss", ()))
        trained = f"{epochs} epoch{'s' * (epochs != 1)}" if epochs else None
        if self.environment.get("interrupted"):
            trained = f"interrupted after {trained or 'no epoch'}"
        return one_line(self, repr(str(self.path)), self.spec.name, trained, *self._figure())

    def _figure(self) -> list[str]:
        """Return the most telling figure in words, if there is one."""
        part = next((part for part in PARTS if self.metrics.get(part)), None)
        if part is None:
            return []
        values = self.metrics[part]
        name = next((name for name in values if name != "loss"), "loss")
        prefix = "val" if part == "validation" else part
        return [f"{prefix}_{name} {values[name]:.4g}"]

    def to_pandas(self) -> pd.DataFrame:
        """Return the history as a frame: a row for each epoch, numbered from 1.

        Raises
        ------
        UsageError
            If pandas is missing.
        """
        epochs = zip(*self.history.values(), strict=True)
        rows = [dict(zip(self.history, values, strict=True)) for values in epochs]
        return to_frame(rows, range(1, len(rows) + 1), "epoch")

    def _repr_html_(self) -> str:
        figures = [{"": part, **self.metrics[part]} for part in self.metrics]
        tables = html_table(figures, title=repr(self))
        notes = html_table([{"notes": note} for note in self.notes])
        return tables + notes + (inline_svg(self._draw) if self.history else "")

    def _draw(self, path: Path) -> Path:
        best = marked_epoch(self.history, self.spec.training)
        history = {printable(name): values for name, values in self.history.items()}
        return draw_curves(path, self.spec.name, history, best)

    @functools.cached_property
    def model(self) -> Model:
        """The trained model, read from the run's bundle."""
        from zoo.inference.model import Model

        return Model.from_bundle(self.path)

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read the run of a complete folder."""
        with report_damage(path / BUNDLE, START_AGAIN):
            headers = read_json_headers(path / BUNDLE, HEADERS)
            spec = spec_from_data(headers["spec"], where=str(path))
            environment, seed = headers["environment"], headers["environment"]["seed"]
        notes = environment.get("worries", [])
        history, metrics = (
            replace_nonfinite(headers[part], nan) for part in ("history", "metrics")
        )
        return cls(path, spec, seed, history, metrics, environment, [*notes])

    def save(self, network: Any, state: dict[str, Any]) -> None:
        """Write the run folder: environment, spec, history, metrics, bundle, and curves.

        The bundle is the last but for the picture: a folder that holds it is complete.

        Parameters
        ----------
        network
            The trained network.
        state
            Fitted state of preprocessor and decoder.
        """
        from zoo.backend.network import weight_arrays
        from zoo_weights.writers import write_bundle

        headers = {
            "spec": json.dumps(spec_to_data(self.spec)),
            "state": json.dumps(state),
            "history": json.dumps(self.history),
            "metrics": json.dumps(self.metrics),
            "environment": json.dumps(self.environment),
        }
        make_folder(self.path)
        write_text(self.path / ENVIRONMENT, to_json(self.environment, indent=2) + "\n")
        write_text(self.path / "spec.toml", spec_to_toml(self.spec))
        epochs = enumerate(zip(*self.history.values(), strict=True), 1)
        table = [["epoch", *self.history], *([number, *values] for number, values in epochs)]
        write_text(self.path / "history.csv", csv_text(table))
        write_text(self.path / "metrics.json", to_json(self.metrics, indent=2) + "\n")
        write_bundle(self.path / BUNDLE, headers, weight_arrays(network))
        if self.history:
            draw_later(self.path)


def best_epoch(history: History, training: Training | None = None) -> int | None:
    """Return the best epoch, from 1; None if no figure is finite.

    It is the best by the early-stopping rule, if there is one; else the one with the lowest
    validation loss (or loss, without validation).
    """
    rule = training.early_stopping if training else None
    if rule is None or rule.monitor not in history:
        monitor = "val_loss" if "val_loss" in history else "loss"
        rule = EarlyStopping(patience=1, monitor=monitor)
    best = best_number = None
    for epoch, value in enumerate(history.get(rule.monitor, ()), 1):
        if rule.improves(value, best, *([training] if training else [])):
            best, best_number = value, epoch
    return best_number


def marked_epoch(history: History, training: Training | None = None) -> int | None:
    """Return the best epoch where it tells something, else None.

    It does if rows were held out, or if the training stops early by a figure of its history.
    """
    rule = training.early_stopping if training else None
    watched = "val_loss" in history or (rule is not None and rule.monitor in history)
    return best_epoch(history, training) if watched else None


def draw_later(folder: Path, module: str = "zoo.runs.history") -> None:
    """Start drawing the picture of a folder; do nothing if matplotlib is missing.

    A separate process draws it: importing matplotlib and drawing take longer than many a training
    here, and training does not wait for them.

    Parameters
    ----------
    folder
        A run folder, or another one that `module` can draw.
    module
        The module that draws when run with the folder as its argument.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return
    command = [sys.executable, "-m", module, str(folder.absolute())]
    null = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, stdin=null, stdout=null, stderr=null, start_new_session=True
        )
    except OSError as error:  # no memory or no process left
        warnings.warn(f"cannot draw {folder}: {error}", stacklevel=2)
        return
    # The thread waits, so that no zombie stays in a long-lived program; as a daemon it does not
    # keep a short one alive.
    threading.Thread(target=process.wait, daemon=True).start()


def is_complete(path: Path) -> bool:
    """Whether a run folder holds a finished training."""
    return (path / BUNDLE).is_file() and not (path / CHECKPOINT).is_file()


def _environment(seed: int) -> dict[str, Any]:
    """Return a random id for a new run, which stays when the folder is moved, and its environment.

    That is what the result may depend on: versions, backend, devices, machine, seed.
    """
    backend = chosen_backend()
    names = ("keras-zoo", "keras", "jax", "jaxlib", "tensorflow", "torch", "numpy", "h5py")
    versions = {name: number for name in names if (number := _version(name))}
    versions |= {p.distribution: p.version for p in registry().plugins if p.distribution}
    if backend in sys.modules:  # the module's version: TensorFlow's package has several names
        versions[backend] = sys.modules[backend].__version__
    return {
        "id": secrets.token_hex(6),
        "backend": backend,
        "devices": devices(),
        "seed": seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "versions": versions,
        "arguments": sys.argv,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows of cells as CSV, numbers with all their digits, and no formulas."""
    return "".join(map(csv_line, rows))


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
