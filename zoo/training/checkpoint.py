"""``checkpoint.h5``: everything a killed training needs to go on as if nothing had happened."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backend.choose import keras
from zoo.runs.run import CHECKPOINT
from zoo.training.identity import check_same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo_weights import Slot

SHARE = 0.05
"""How much of the training's time may go into checkpoints."""

MIN_SECONDS = 1.0
"""Seconds between two checkpoints, at least."""


@dataclass
class Progress:
    """Where a training stands after a whole epoch.

    Attributes
    ----------
    epochs
        Epochs that are over.
    history
        Keras's logs so far.
    stopping
        State of early stopping.
    """

    epochs: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    stopping: dict[str, Any] = field(default_factory=dict)


class Checkpoint:
    """Writes checkpoints of a network in training, and reads them back.

    Parameters
    ----------
    folder
        The run folder; without one nothing is written, and only the best weights are kept.
    network
        The compiled network.
    identity
        What has to be the same when training goes on, see `zoo.training.identity`.

    Attributes
    ----------
    warnings
        What differs from what a restored training was begun with, and may.
    """

    def __init__(self, folder: Path | None, network: Any, identity: dict[str, Any]) -> None:
        self.path = folder / CHECKPOINT if folder else None
        self.network = network
        self.identity = identity
        self.best: list[Any] = []
        self.warnings: list[str] = []
        self._last = time.monotonic()
        self._cost = 0.0

    def save(self, progress: Progress, *, now: bool = False) -> None:
        """Write a checkpoint, unless one was written recently."""
        from zoo_weights import write_bundle

        numpy = keras().ops.convert_to_numpy
        begin = time.monotonic()
        if self.path is None or (
            not now and begin - self._last < max(MIN_SECONDS, self._cost / SHARE)
        ):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        headers = {
            "identity": json.dumps(self.identity),
            "progress": json.dumps(vars(progress)),
            "best": json.dumps(bool(self.best)),
        }
        write_bundle(self.path, headers, [(slot, numpy(value)) for slot, value in self._values()])
        self._last = time.monotonic()
        self._cost = self._last - begin

    def restore(self, *, exact: bool = False) -> Progress:
        """Read the checkpoint into the network; nothing happens where there is none.

        Raises
        ------
        UsageError
            If the checkpoint belongs to another training.
        """
        from zoo_weights import read_headers, read_weights

        if self.path is None or not self.path.is_file():
            return Progress()
        headers = read_headers(self.path)
        before = json.loads(headers["identity"])
        self.warnings = check_same(self.path, before, self.identity, exact=exact)
        progress = Progress(**json.loads(headers["progress"]))
        if headers["best"] == "true":
            self.best = [variable.value for variable in self.network.weights]
        slots = [slot for slot, _ in self._values()]
        variables = self._variables()
        for position, array in read_weights(self.path, slots, format="bundle"):
            if position < len(variables):
                variables[position].assign(array)
            else:
                self.best[position - len(variables)] = array
        return progress

    def remember_best(self) -> None:
        """Keep a copy of the present weights as the best so far."""
        numpy = keras().ops.convert_to_numpy
        self.best = [numpy(variable.value).copy() for variable in self.network.weights]

    def restore_best(self) -> None:
        """Give the network the best weights, where some were kept."""
        for variable, value in zip(self.network.weights, self.best, strict=False):
            variable.assign(value)

    def remove(self) -> None:
        """Remove the checkpoint of a training that is over."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _variables(self) -> list[Any]:
        # `variables` holds what `weights` does not: the state of dropout's random numbers.
        return [*self.network.variables, *self.network.optimizer.variables]

    def _values(self) -> Iterator[tuple[Slot, Any]]:
        from zoo_weights import Slot

        training = [(variable, variable.value) for variable in self._variables()]
        best = zip(self.network.weights, self.best, strict=False)
        for group, pairs in (("training", training), ("best", best)):
            for index, (variable, value) in enumerate(pairs):
                shape, place = tuple(variable.shape), f"{group}/vars/{index}"
                yield Slot(group, index, variable.path, shape, str(variable.dtype), place), value


def seed_in(path: Path) -> int:
    """Return the seed of a checkpoint's training."""
    from zoo_weights import read_headers

    return int(json.loads(read_headers(path)["identity"])["seed"])
