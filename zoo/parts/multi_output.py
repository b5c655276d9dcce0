"""``Outputs``: a decoder for networks that give several outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.backend.runner import drop_rows
from zoo.data.table import Table
from zoo.errors import InputError
from zoo.parts.base import Decoder
from zoo.parts.construct import construct
from zoo.registry.registry import registry
from zoo.spec.component import component_from_data


class Outputs(Decoder):
    """Several outputs, each with its own decoder.

    The recipe has loss and metrics of each under ``training.outputs``. An output's labels are the
    column, or the array, of its name.

    Parameters
    ----------
    parts
        The decoder of each output, by the output's name: a registered name, or a table with it
        under ``uses`` and its options.
    """

    def __init__(self, parts: dict[str, Any]) -> None:
        if len(parts) < 2:
            msg = f"parts must name at least two outputs, received {', '.join(parts) or '{}'}"
            raise ValueError(msg)
        self.components = {name: component_from_data(plain) for name, plain in parts.items()}
        self.parts: dict[str, Decoder] = {}
        for name, component in self.components.items():
            if not name.replace("_", "").isalnum():  # Keras makes names of figures of it
                msg = f"an output's name must be letters, digits and _, received {name!r}"
                raise ValueError(msg)
            part = registry().resolve("decoders", component)
            self.parts[name] = construct(part, component, what=f"output.parts.{name}")

    @property
    def units(self) -> dict[str, int | None]:
        """Width of each output, by name."""
        return {name: part.units for name, part in self.parts.items()}  # type: ignore[misc]

    def fit(self, labels: Sequence[Any]) -> None:
        """Fit each part to its labels."""
        table = self._table(labels)
        for name, part in self.parts.items():
            part.fit(table.column(name))

    def encode(self, labels: Sequence[Any]) -> tuple[Any, list[InputError | None]]:
        """Return the targets of rows that every part can use, by name, and errors of the others."""
        table = self._table(labels)
        made = {name: part.encode(table.column(name)) for name, part in self.parts.items()}
        errors = [
            next((InputError(f"{name}: {error.message}", kind="bad-target")
                  for name, error in zip(made, row, strict=True) if error), None)
            for row in zip(*(errors for _, errors in made.values()), strict=True)
        ]  # fmt: skip
        bad = {row for row, error in enumerate(errors) if error}
        return {name: drop_rows(targets, own, bad) for name, (targets, own) in made.items()}, errors

    def decode(self, outputs: Any) -> list[Any]:
        """Return the answers for each row, by name, from the network's outputs by name."""
        answers = {name: part.decode(outputs[name]) for name, part in self.parts.items()}
        return [dict(zip(answers, row, strict=True)) for row in zip(*answers.values(), strict=True)]

    def _table(self, labels: Any) -> Table:
        if isinstance(labels, Table):
            return labels
        msg = f"expected a label for each output ({', '.join(self.parts)}), received one of a row"
        raise InputError(msg, kind="bad-target")

    def state(self) -> dict[str, Any]:
        """Return what each part learnt."""
        return {name: part.state() for name, part in self.parts.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what each part learnt."""
        for name, part in self.parts.items():
            part.restore(state[name])
