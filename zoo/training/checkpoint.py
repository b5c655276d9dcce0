"""``checkpoint.h5``: everything a killed training needs to resume as if nothing had happened.

Its identity says what must be the same then: spec, seed, backend and data.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import keras
from zoo.errors import OtherTraining, UsageError, report_damage
from zoo.runs.run import CHECKPOINT, START_AGAIN, Identity, Run
from zoo.spec.files import read_json_headers, spec_to_data
from zoo.spec.model import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo_weights.arrays import Slot


IGNORED = ("picked_seed", "seeds", "starts")
"""Fields of a recipe that change nothing in a training whose seed is known."""

MAX_DIFFERENCES = 5
"""Differences that a message names, at most."""


def identity_of(run: Run) -> dict[str, Any]:
    """Return what must be the same when a training resumes, and its versions."""
    facts = run.environment
    identity = {"spec": spec_to_data(run.spec), "seed": run.seed}
    identity |= {name: facts[name] for name in ("backend", "versions") if name in facts}
    if "data" in facts:
        identity["data"] = {part: content["sha256"] for part, content in facts["data"].items()}
    return identity


def check_same(
    path: Path, before: dict[str, Any], now: dict[str, Any], *, exact: bool = False
) -> list[str]:
    """Compare a training that resumes with its start.

    Parameters
    ----------
    path
        The run folder or file, for the message.
    before, now
        As `identity_of` returns them; entries that `before` lacks are not compared.
    exact
        Whether other versions are an error as well.

    Returns
    -------
    list of str
        A note for the user, if versions differ.

    Raises
    ------
    OtherTraining
        If anything but versions differs.
    UsageError
        If versions differ and `exact` is true.
    """
    before, now = map(_normalise, (before, now))
    versions: list[str] = []
    for name in [name for name in now if name in before]:
        differences = list(_differences(name, before[name], now[name]))
        if name == "versions":
            versions = [text.removeprefix("versions.") for text in differences]
        elif differences:
            shown = "; ".join(differences[:MAX_DIFFERENCES])
            msg = f"{path}: was started differently: {shown}; resume with the same {name}, "
            raise OtherTraining(msg + "or use another folder")
    changed = "; ".join(versions)
    if versions and exact:
        msg = f"{path}: was started with other versions: {changed}; resume without --exact"
        raise UsageError(msg)
    return [f"resumed with other versions than it was started with: {changed}"] if versions else []


def _normalise(identity: dict[str, Any]) -> dict[str, Any]:
    """Return an identity as JSON gives it back, without the ignored fields."""
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    spec = plain.get("spec", {})
    for name in IGNORED:
        spec.get("training", {}).pop(name, None)
    for name in METADATA:
        spec.pop(name, None)
    return plain


def _differences(name: str, before: Any, now: Any) -> Iterator[str]:
    """Yield the differences between two values of plain data, by dotted path."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(f"{name}.{key}", before.get(key), now.get(key))
    elif before != now:
        yield f"{name} was {json.dumps(before)}, now {json.dumps(now)}"


SHARE = 0.05
"""Share of the training's time that checkpoints may take."""

MIN_SECONDS = 1.0
"""Seconds between two checkpoints, at least."""


@dataclass
class Progress:
    """The state of a training after a complete epoch.

    Attributes
    ----------
    epochs
        Number of completed epochs.
    history
        Keras's logs so far.
    stopping, plateau
        State of early stopping, and of lowering the learning rate.
    callbacks
        States of the callbacks that keep one.
    starts
        Number of completed epochs before each phase so far.
    """

    epochs: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    stopping: dict[str, Any] = field(default_factory=dict)
    plateau: dict[str, Any] = field(default_factory=dict)
    callbacks: list[Any] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])

    def begin_phase(self) -> None:
        """Begin the next phase; the best epoch so far stays the best."""
        self.starts.append(self.epochs)
        self.stopping.update(waited=0, stopped=False)
        self.plateau.clear()


HEADERS = {"identity": Identity, "progress": Progress, "best": bool}
"""What a checkpoint tells of its training, and its types."""


class Checkpoint:
    """Writes checkpoints of a network in training, and restores them; `attach` comes first.

    Parameters
    ----------
    folder
        The run folder; without one nothing is written, and only the best weights are kept.
    identity
        What must be the same when training resumes, see `zoo.training.checkpoint`.

    Attributes
    ----------
    warnings
        Differences from the start of a restored training that are allowed: versions.
    """

    def __init__(self, folder: Path | None, identity: dict[str, Any]) -> None:
        self.path = folder / CHECKPOINT if folder else None
        self.identity = identity
        self.best: list[Any] = []
        self.warnings: list[str] = []
        self._last_time = time.monotonic()
        self._seconds = 0.0

    @property
    def phase(self) -> int:
        """Number of the phase that the stored training was in, from 0."""
        if self.path is None or not self.path.is_file():
            return 0
        with report_damage(self.path, START_AGAIN):
            headers = read_json_headers(self.path, {"progress": Progress})
            return len(Progress(**headers["progress"]).starts) - 1

    def attach(self, network: Any, optimizer: Any, *, rows: int) -> None:
        """Set what is trained.

        Parameters
        ----------
        network
            The network, also where only a part of it is trained.
        optimizer
            The optimizer of what is trained.
        rows
            Number of rows of an epoch, which must be the same when training resumes.
        """
        self.network = network
        self.optimizer = optimizer
        self.identity = {**self.identity, "rows": rows}

    def save(self, progress: Progress, *, now: bool = False) -> None:
        """Write a checkpoint, unless one was written recently."""
        from zoo_weights.files import make_folder
        from zoo_weights.writers import write_bundle

        numpy = keras().ops.convert_to_numpy
        start = time.monotonic()
        if self.path is None or (
            not now and start - self._last_time < max(MIN_SECONDS, self._seconds / SHARE)
        ):
            return
        make_folder(self.path.parent)
        headers = {
            "identity": json.dumps(self.identity),
            "progress": json.dumps(vars(progress)),
            "best": json.dumps(bool(self.best)),
        }
        write_bundle(self.path, headers, [(slot, numpy(value)) for slot, value in self._values()])
        self._last_time = time.monotonic()
        self._seconds = self._last_time - start

    def restore(self, *, exact: bool = False) -> Progress:
        """Restore the network from the checkpoint, if there is one.

        Raises
        ------
        UsageError
            If the checkpoint belongs to another training.
        TrainingError
            If it is damaged.
        """
        if self.path is None or not self.path.is_file():
            return Progress()
        with report_damage(self.path, START_AGAIN):
            return self._restore(self.path, exact=exact)

    def _restore(self, path: Path, *, exact: bool) -> Progress:
        from zoo_weights.readers import read_weights

        headers = read_json_headers(path, HEADERS)
        self.warnings = check_same(path, headers["identity"], self.identity, exact=exact)
        progress = Progress(**headers["progress"])
        if headers["best"]:
            self.best = [variable.value for variable in self.network.weights]
        slots = [slot for slot, _ in self._values()]
        variables = self._variables()
        for position, array in read_weights(path, slots, format="bundle"):
            if position < len(variables):
                variables[position].assign(array)
            else:
                self.best[position - len(variables)] = array
        return progress

    def remember_best(self) -> None:
        """Copy the current weights as the best so far."""
        numpy = keras().ops.convert_to_numpy
        self.best = [numpy(variable.value).copy() for variable in self.network.weights]

    def restore_best(self) -> None:
        """Give the network the best weights, if any were remembered."""
        for variable, value in zip(self.network.weights, self.best, strict=False):
            variable.assign(value)

    def remove(self) -> None:
        """Remove the checkpoint of a finished training."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _variables(self) -> list[Any]:
        # `variables` includes what `weights` does not: the state of dropout's random numbers.
        return [*self.network.variables, *self.optimizer.variables]

    def _values(self) -> Iterator[tuple[Slot, Any]]:
        from zoo_weights.arrays import Slot

        training = [(variable, variable.value) for variable in self._variables()]
        best = zip(self.network.weights, self.best, strict=False)
        for group, pairs in (("training", training), ("best", best)):
            for index, (variable, value) in enumerate(pairs):
                shape, place = tuple(variable.shape), f"{group}/vars/{index}"
                yield Slot(group, index, variable.path, shape, str(variable.dtype), place), value


def read_seed(path: Path) -> int:
    """Return the seed of a checkpoint's training."""
    with report_damage(path, START_AGAIN):
        return int(read_json_headers(path, {"identity": Identity})["identity"]["seed"])
