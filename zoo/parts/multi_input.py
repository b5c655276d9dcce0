"""``Inputs``: a preprocessor for networks that take several inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo.backend.runner import drop_rows, map_arrays
from zoo.data.table import Table
from zoo.errors import InputError
from zoo.parts.base import Preprocessor
from zoo.parts.construct import construct
from zoo.registry.registry import registry
from zoo.spec.component import component_from_data

if TYPE_CHECKING:
    from zoo.backend.runner import Shape, Tensors


class PreprocessorGroup(Preprocessor):
    """Several preprocessors side by side: their tensors by name, from the same raw inputs."""

    parts: dict[str, Preprocessor]

    def inputs_for(self, raws: Sequence[Any], name: str) -> Sequence[Any]:
        """Return the raw inputs of a part: all of them, unchanged."""
        return raws

    @property
    def shape(self) -> dict[str, Shape]:
        """Shape of one sample of each input, by name."""
        return _flatten({name: part.shape for name, part in self.parts.items()})

    def fit(self, raws: Sequence[Any]) -> None:
        """Fit each part to the training inputs."""
        for name, part in self.parts.items():
            part.fit(self.inputs_for(raws, name))

    def one(self, raw: Any) -> Tensors:
        """Return the tensors of one raw input, by name."""
        tensors, errors = self.many([raw])
        if errors[0]:
            raise errors[0]
        return map_arrays(lambda array: array[0], tensors)  # type: ignore[no-any-return]

    def many(self, raws: Sequence[Any]) -> tuple[Tensors, list[InputError | None]]:
        """Return the tensors that every part can make, and the first part's error elsewhere."""
        made = {n: part.many(self.inputs_for(raws, n)) for n, part in self.parts.items()}
        problems = getattr(raws, "problems", {})
        errors = [
            InputError(problems[row], kind="bad-row") if row in problems
            else next((error for error in row_errors if error), None)
            for row, row_errors in enumerate(zip(*(e for _, e in made.values()), strict=True))
        ]  # fmt: skip
        bad = {row for row, error in enumerate(errors) if error}
        return _flatten({n: drop_rows(t, e, bad) for n, (t, e) in made.items()}), errors

    def outside(self, raws: Sequence[Any]) -> list[str]:
        """Return the sentences of all parts, each once."""
        sentences = (part.outside(self.inputs_for(raws, n)) for n, part in self.parts.items())
        return list(dict.fromkeys(text for texts in sentences for text in texts))

    def state(self) -> dict[str, Any]:
        """Return what each part learnt."""
        return {name: part.state() for name, part in self.parts.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what each part learnt."""
        for name, part in self.parts.items():
            part.restore(state[name])


class Inputs(PreprocessorGroup):
    """Several inputs, each made from the same row of a table by its own preprocessor.

    A preprocessor of tables receives the complete row; one of texts, images or arrays receives the
    cell of the column named like the input.

    Parameters
    ----------
    parts
        The preprocessor of each input, by the input's name: a registered name, or a table with it
        under ``uses`` and its options.
    """

    kind: ClassVar[Literal["table"]] = "table"

    def __init__(self, parts: dict[str, Any]) -> None:
        if len(parts) < 2:
            msg = f"parts must name at least two inputs, received {', '.join(parts) or '{}'}"
            raise ValueError(msg)
        self.parts = {}
        for name, plain in parts.items():
            component = component_from_data(plain)
            part = registry().resolve("preprocessors", component)
            self.parts[name] = construct(part, component, what=f"input.parts.{name}")

    def inputs_for(self, raws: Sequence[Any], name: str) -> Sequence[Any]:
        """Return the complete rows, or the cells of the column named like the part."""
        table = Table.of(raws)
        return table if self.parts[name].kind == "table" else table.column(name)


def _flatten(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return one dictionary, also where parts have several inputs themselves."""
    flat: dict[str, Any] = {}
    for name, part in parts.items():
        own = part if isinstance(part, Mapping) else {"": part}
        flat.update({f"{name}.{inner}".removesuffix("."): value for inner, value in own.items()})
    return flat
