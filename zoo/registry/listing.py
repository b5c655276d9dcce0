"""``ModelNames``: what `zoo.list_models` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.display import html_table, to_frame

if TYPE_CHECKING:
    import pandas as pd

    from zoo.spec.model import ModelSpec


class ModelNames(list[str]):
    """Names of models: a list that a notebook shows as a table.

    Parameters
    ----------
    specs
        The models by name.
    """

    def __init__(self, specs: Mapping[str, ModelSpec]) -> None:
        super().__init__(specs)
        self._specs = specs

    def to_pandas(self) -> pd.DataFrame:
        """Return what the specs say as a frame: a row for each model.

        Raises
        ------
        UsageError
            If pandas is missing.
        """
        return to_frame(self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "task": spec.task,
                "parameters": spec.parameters,
                "weights": [record.tag for record in spec.weights],
                "licence": spec.licence,
                "summary": spec.summary,
            }
            for name, spec in self._specs.items()
        ]
