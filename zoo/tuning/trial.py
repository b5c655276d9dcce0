"""``Trial``: one training of a configuration, on one fold with one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zoo.backend.seeding import temporary_seed
from zoo.inference.model import Model
from zoo.parts.schedules import schedule_of
from zoo.training.fit import prepare_network
from zoo.training.rows import InMemory


@dataclass(frozen=True)
class Trial:
    """A training of a configuration, on one fold with one seed.

    Attributes
    ----------
    model
        The model, with fitted preprocessing; `network` builds its network.
    data
        Its rows, the held-out ones included. Trials may share them.
    seed
        Seed of the initial weights and of the order of the rows.
    """

    model: Model
    data: InMemory
    seed: int

    @property
    def shapes(self) -> str:
        """Shape of the network's input, and number of its output units."""
        return repr((self.model.preprocessor.shape, self.model.decoder.units))

    @property
    def start(self) -> str:
        """Key of the initial network: trials with equal keys share one."""
        spec, training = self.model.spec, self.data.training
        fields = (spec.architecture, training.optimizer, training.weights, training.freeze,
                  training.precision)  # fmt: skip
        length: tuple[int, ...] = ()  # a schedule may depend on it
        if schedule_of(training.optimizer) is not None:
            length = (training.epochs, self.data.steps)
        return repr((*fields, *length, self.shapes, self.seed))

    def network(self) -> Any:
        """Return the network before its first step, compiled with the recipe."""
        with temporary_seed(self.seed):
            return prepare_network(self.model, self.data)
