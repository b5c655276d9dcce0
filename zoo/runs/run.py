"""``Run``: one training and its folder, written so that no partial file has a final name."""

from __future__ import annotations

import functools
import json
import os
import platform
import secrets
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Required, TypedDict

from zoo.backend.choose import chosen_backend, devices
from zoo.errors import UsageError, report_damage
from zoo.inference.base import BUNDLE
from zoo.numeric import to_json
from zoo.plots.curves import History
from zoo.registry.registry import registry
from zoo.runs.history import draw_later
from zoo.spec.headers import read_json_headers
from zoo.spec.model import ModelSpec
from zoo.spec.toml import spec_from_data, spec_to_data, spec_to_toml
from zoo_weights import atomic_write, check_folder, csv_line, make_folder

if TYPE_CHECKING:
    from zoo.inference.model import Model

START_AGAIN = "delete its folder and start again, or pass another -o DIR"
"""What to do about a run that cannot be resumed."""

CHECKPOINT = "checkpoint.h5"
"""File in a run folder from which training resumes."""

Figures = dict[str, float | None]


class Environment(TypedDict, total=False):
    """What is read of a run's environment."""

    seed: Required[int]
    worries: list[str]


HEADERS = {
    "spec": dict[str, Any],
    "history": dict[str, list[float | None]],
    "metrics": dict[str, Figures],
    "environment": Environment,
}
"""What the bundle of a run tells of it, and its types."""

MEMBER = "member"
"""Folder inside an ensemble's run folder: the run of the member trained for it."""


@dataclass
class Run:
    """One training.

    Attributes
    ----------
    path
        The run folder.
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
    def begin(cls, path: Path, spec: ModelSpec, seed: int, **facts: Any) -> Run:
        """Return a new run with the current environment and further facts about it."""
        return cls(path, spec, seed, environment={**_environment(seed), **facts})

    @property
    def dead(self) -> bool:
        """Whether the network, or that of a fold, did not learn; the notes say why."""
        return bool(self.environment.get("worries"))

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
        environment = headers["environment"]
        notes = environment.get("worries", [])
        history, metrics = headers["history"], headers["metrics"]
        return cls(path, spec, environment["seed"], history, metrics, environment, [*notes])

    def save(self, network: Any, state: dict[str, Any]) -> None:
        """Write the run folder: bundle, spec, history, metrics, environment, and curves.

        Parameters
        ----------
        network
            The trained network.
        state
            Fitted state of preprocessor and decoder.
        """
        from zoo.backend.network import weight_arrays
        from zoo_weights import write_bundle

        headers = {
            "spec": json.dumps(spec_to_data(self.spec)),
            "state": json.dumps(state),
            "history": json.dumps(self.history),
            "metrics": json.dumps(self.metrics),
            "environment": json.dumps(self.environment),
        }
        make_folder(self.path)
        write_bundle(self.path / BUNDLE, headers, weight_arrays(network))
        write_text(self.path / "spec.toml", spec_to_toml(self.spec))
        epochs = enumerate(zip(*self.history.values(), strict=True), 1)
        table = [["epoch", *self.history], *([number, *values] for number, values in epochs)]
        write_text(self.path / "history.csv", csv_text(table))
        write_text(self.path / "metrics.json", to_json(self.metrics, indent=2) + "\n")
        write_text(self.path / "environment.json", to_json(self.environment, indent=2) + "\n")
        if self.history:
            draw_later(self.path)


def run_folder(name: str, output: str | PathLike[str] | None, *, resume: bool) -> Path:
    """Return the folder of a new run, or of the run to resume.

    Parameters
    ----------
    name
        Name of the model.
    output
        The folder; ``runs/NAME/TIME`` under the current folder if not given.
    resume
        Whether the folder may hold an earlier run; without `output` it is the last unfinished one.

    Raises
    ------
    UsageError
        If the folder holds something else.
    CannotWrite
        If it cannot be written to.
    """
    if output is None:
        runs = Path("runs") / name
        if resume:
            unfinished = [path.parent for path in runs.glob(f"*/{CHECKPOINT}")]
            unfinished += [
                path.parent for path in runs.glob(f"*/{MEMBER}") if not is_complete(path.parent)
            ]
            if unfinished:
                return max(unfinished, key=lambda path: path.stat().st_mtime)
        return fresh_folder(runs)
    files = (CHECKPOINT, BUNDLE, "fold-1", MEMBER)
    return claim_folder(Path(output), "run", files, resume=resume)


def claim_folder(
    path: Path, kind: str, files: Collection[str] = (), *, resume: bool = False
) -> Path:
    """Return the folder for the results of a command, if it may write there.

    Parameters
    ----------
    path
        The folder; it need not exist.
    kind
        What is written there: ``"run"`` or ``"tuning"``.
    files
        Names of files or folders that show that an earlier one is there.
    resume
        Whether an earlier one may be there.

    Raises
    ------
    UsageError
        If it is not a folder, or holds something else.
    zoo_weights.CannotWrite
        If it cannot be made or written to.
    """
    names = {item.name for item in path.iterdir()} if path.is_dir() else {""}
    earlier = not names.isdisjoint(files)
    if not path.exists() or not names or (resume and earlier):
        check_folder(path)
        return path
    if resume and path.is_dir():
        msg = f"{path}: holds no {kind} to resume"
    else:
        msg = f"{path}: exists and is not an empty folder; "
        msg += "continue with --resume" if earlier else f"a {kind} needs its own folder"
    raise UsageError(msg)


def is_complete(path: Path) -> bool:
    """Whether a run folder holds a finished training."""
    return (path / BUNDLE).is_file() and not (path / CHECKPOINT).is_file()


def fresh_folder(parent: Path, prefix: str = "") -> Path:
    """Return a folder below `parent` that does not exist yet, named by the current time."""
    stamp = prefix + time.strftime("%Y-%m-%d-%H%M%S")
    folder, number = parent / stamp, 1
    while folder.exists():
        number += 1
        folder = parent / f"{stamp}-{number}"
    check_folder(folder)
    return folder


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
