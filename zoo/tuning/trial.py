"""``Trial``: one training of a configuration, on one fold with one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zoo.backend.seeding import seeded
from zoo.inference.model import Model
from zoo.training.fit import prepared
from zoo.training.rows import InMemory


@dataclass(frozen=True)
class Trial:
    """A training of a configuration, on one fold with one seed.

    Attributes
    ----------
    model
        Its spec, with fitted preprocessing; its network is built here.
    data
        Its rows, those that are held out among them. Trials may share them.
    seed
        Seed of initial weights and order.
    """

    model: Model
    data: InMemory
    seed: int

    @property
    def shapes(self) -> str:
        """The shapes of what its network takes and gives."""
        return repr((self.model.preprocessor.shape, self.model.decoder.units))

    @property
    def start(self) -> str:
        """What decides how its network starts: of several that are equal, one is built."""
        spec, training = self.model.spec, self.data.training
        fields = (spec.architecture, training.optimizer, training.weights, training.freeze)
        return repr((*fields, self.shapes, self.seed))

    def network(self) -> Any:
        """Return the network before its first step, compiled with the recipe."""
        with seeded(self.seed):
            return prepared(self.model, self.data)
