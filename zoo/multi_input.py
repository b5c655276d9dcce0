"""``Inputs``: a preprocessor for networks that take several inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo.components import Preprocessor
from zoo.construct import construct
from zoo.data.table import Table
from zoo.errors import InputError
from zoo.registry.registry import registry
from zoo.spec.component import component_from
from zoo.tensors import each, without

if TYPE_CHECKING:
    from zoo.tensors import Shape, Tensors


class Inputs(Preprocessor):
    """Several inputs, each made from the same row of a table by a preprocessor of its own.

    One of tables is handed the whole row; one of texts, pictures or arrays the cell of the column
    that is called like the input.

    Parameters
    ----------
    parts
        The preprocessor of each input, by the input's name: a registered name, or a table with it
        under ``uses`` and its options.
    """

    kind: ClassVar[Literal["table"]] = "table"

    def __init__(self, parts: dict[str, Any]) -> None:
        if len(parts) < 2:
            msg = f"several inputs need parts for at least two, received {', '.join(parts) or '{}'}"
            raise ValueError(msg)
        self.parts: dict[str, Preprocessor] = {}
        for name, plain in parts.items():
            component = component_from(plain)
            part = registry().resolve("preprocessors", component)
            self.parts[name] = construct(part, component, what=f"input.parts.{name}")

    @property
    def shape(self) -> dict[str, Shape]:
        """Shape of one sample of each input, by name."""
        shapes: dict[str, Any] = {name: part.shape for name, part in self.parts.items()}
        return shapes

    def fit(self, raws: Sequence[Any]) -> None:
        """Let each part learn from the training rows."""
        table = Table.of(raws)
        for name, part in self.parts.items():
            part.fit(self._raws(table, name))

    def one(self, raw: Any) -> Tensors:
        """Return one row, a mapping of column to cell, as an array for each input."""
        tensors, errors = self.many(Table.of([raw]))
        if errors[0]:
            raise errors[0]
        return each(lambda array: array[0], tensors)  # type: ignore[no-any-return]

    def many(self, raws: Sequence[Any]) -> tuple[Tensors, list[InputError | None]]:
        """Return the rows that every part can use, and for the others the first part's error."""
        table = Table.of(raws)
        made = {name: part.many(self._raws(table, name)) for name, part in self.parts.items()}
        return merged(made, table.problems)

    def outside(self, raws: Sequence[Any]) -> list[str]:
        """Return what any part says."""
        table = Table.of(raws)
        each_part = (part.outside(self._raws(table, name)) for name, part in self.parts.items())
        return [text for texts in each_part for text in texts]

    def _raws(self, table: Table, name: str) -> Sequence[Any]:
        return table if self.parts[name].kind == "table" else table.column(name)

    def state(self) -> dict[str, Any]:
        """Return what each part learnt."""
        return {name: part.state() for name, part in self.parts.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what each part learnt."""
        for name, part in self.parts.items():
            part.restore(state[name])


def merged(
    made: Mapping[str, tuple[Tensors, Sequence[InputError | None]]],
    problems: Mapping[int, str] | None = None,
) -> tuple[dict[str, Any], list[InputError | None]]:
    """Return the tensors of the inputs that every part could use, and an error or None per input.

    Parameters
    ----------
    made
        What `Preprocessor.many` of each part returned for the same inputs.
    problems
        Inputs that cannot be used whatever the parts say, by position, with the reason.
    """
    problems = problems or {}
    errors = [
        InputError(problems[row], kind="bad-row") if row in problems
        else next((error for error in found if error), None)
        for row, found in enumerate(zip(*(errors for _, errors in made.values()), strict=True))
    ]  # fmt: skip
    bad = {row for row, error in enumerate(errors) if error}
    return {name: without(tensors, own, bad) for name, (tensors, own) in made.items()}, errors
