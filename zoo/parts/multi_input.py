"""``Inputs``: a preprocessor for networks that take several inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo.backend.tensors import each, without
from zoo.data.table import Table
from zoo.errors import InputError
from zoo.parts.base import Preprocessor
from zoo.parts.construct import construct
from zoo.registry.registry import registry
from zoo.spec.component import component_from

if TYPE_CHECKING:
    from zoo.backend.tensors import Shape, Tensors


class Parts(Preprocessor):
    """Several preprocessors side by side: their tensors by name, from the same raw inputs."""

    parts: dict[str, Preprocessor]

    def of_part(self, raws: Sequence[Any], name: str) -> Sequence[Any]:
        """Return what a part is handed of raw inputs: all of them as they are."""
        return raws

    @property
    def shape(self) -> dict[str, Shape]:
        """Shape of one sample of each input, by name."""
        return _flat({name: part.shape for name, part in self.parts.items()})

    def fit(self, raws: Sequence[Any]) -> None:
        """Let each part learn from the training inputs."""
        for name, part in self.parts.items():
            part.fit(self.of_part(raws, name))

    def one(self, raw: Any) -> Tensors:
        """Return the tensors of one raw input, by name."""
        tensors, errors = self.many([raw])
        if errors[0]:
            raise errors[0]
        return each(lambda array: array[0], tensors)  # type: ignore[no-any-return]

    def many(self, raws: Sequence[Any]) -> tuple[Tensors, list[InputError | None]]:
        """Return what every part can use, and for the others the first part's error."""
        made = {n: part.many(self.of_part(raws, n)) for n, part in self.parts.items()}
        problems = getattr(raws, "problems", {})
        errors = [
            InputError(problems[row], kind="bad-row") if row in problems
            else next((error for error in found if error), None)
            for row, found in enumerate(zip(*(errors for _, errors in made.values()), strict=True))
        ]  # fmt: skip
        bad = {row for row, error in enumerate(errors) if error}
        return _flat({n: without(tensors, own, bad) for n, (tensors, own) in made.items()}), errors

    def outside(self, raws: Sequence[Any]) -> list[str]:
        """Return what any part says."""
        each_part = (part.outside(self.of_part(raws, n)) for n, part in self.parts.items())
        return list(dict.fromkeys(text for texts in each_part for text in texts))

    def state(self) -> dict[str, Any]:
        """Return what each part learnt."""
        return {name: part.state() for name, part in self.parts.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what each part learnt."""
        for name, part in self.parts.items():
            part.restore(state[name])


class Inputs(Parts):
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
        self.parts = {}
        for name, plain in parts.items():
            component = component_from(plain)
            part = registry().resolve("preprocessors", component)
            self.parts[name] = construct(part, component, what=f"input.parts.{name}")

    def of_part(self, raws: Sequence[Any], name: str) -> Sequence[Any]:
        """Return the whole rows, or the cells of the column that is called like the part."""
        table = Table.of(raws)
        return table if self.parts[name].kind == "table" else table.column(name)


def _flat(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return one dictionary where some parts have several inputs themselves."""
    flat: dict[str, Any] = {}
    for name, part in parts.items():
        own = part if isinstance(part, Mapping) else {"": part}
        flat.update({f"{name}.{inner}".removesuffix("."): value for inner, value in own.items()})
    return flat
