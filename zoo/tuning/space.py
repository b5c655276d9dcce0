"""What is tried: the values of each setting, every combination of them, or some drawn at random."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.errors import UsageError
from zoo.spec.override import parsed

Values = Sequence[Any] | str
"""The values of a setting; a text is read as the command line does."""

MAX_COMBINATIONS = 100_000
"""Combinations of a grid, at most: somebody meant fewer values, or a draw."""

_RANGE = re.compile(r"([-+.\w]+)\.\.([-+.\w]+?)(:log)?")


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, for draws; whole ones where both ends are.

    Attributes
    ----------
    log
        Whether every power of ten is as likely.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            bound = "above 0 and " if self.log else ""
            msg = f"{self}: a range goes from a number {bound}below its end"
            raise UsageError(msg)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}{':log' if self.log else ''}"

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: random.Random) -> float:
        """Return a number of the range."""
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = rng.uniform(self.low, self.high)
        return round(value) if self.whole else value


class Space:
    """The settings that are tried.

    Parameters
    ----------
    grid
        Values of each setting, by dotted path or its last part: a list, or a text as the command
        line takes it: ``"rmsprop,adam"``, ``"[16],[32,16]"``, ``"0.0001..0.1:log"``.

    Raises
    ------
    UsageError
        If a setting has no values, or a range is no range.
    """

    def __init__(self, grid: Mapping[str, Values | Range]) -> None:
        self.axes: dict[str, list[Any] | Range] = {}
        if not grid:
            msg = "nothing to try; give settings with their values, such as epochs=50,100"
            raise UsageError(msg)
        for key, values in grid.items():
            axis = _read(values) if isinstance(values, str) else values
            self.axes[key] = axis if isinstance(axis, Range) else list(axis)
            if not self.axes[key]:
                msg = f"{key}: there are no values to try"
                raise UsageError(msg)

    def __len__(self) -> int:
        """Return the number of combinations."""
        return math.prod(len(axis) for axis in self._listed().values())

    def all(self) -> Iterator[dict[str, Any]]:
        """Yield every combination, those of the last setting next to each other.

        Raises
        ------
        UsageError
            If a setting has a range, or there are far too many.
        """
        axes = self._listed()
        if len(self) > MAX_COMBINATIONS:
            msg = f"the grid has {len(self):,} combinations, at most {MAX_COMBINATIONS:,}; "
            msg += "draw with --random N"
            raise UsageError(msg)
        for values in itertools.product(*axes.values()):
            yield dict(zip(axes, values, strict=True))

    def draw(self, count: int, seed: int) -> list[dict[str, Any]]:
        """Return so many different combinations, drawn at random; all, where there are fewer."""
        rng = random.Random(seed)
        if not any(isinstance(axis, Range) for axis in self.axes.values()):
            if count >= len(self):
                return list(self.all())
            places = rng.sample(range(len(self)), count)
            return [self._at(place) for place in sorted(places)]
        return [
            {
                key: axis.draw(rng) if isinstance(axis, Range) else rng.choice(axis)
                for key, axis in self.axes.items()
            }
            for _ in range(count)
        ]

    def _at(self, place: int) -> dict[str, Any]:
        chosen = {}
        for key, axis in reversed(self._listed().items()):
            place, index = divmod(place, len(axis))
            chosen[key] = axis[index]
        return {key: chosen[key] for key in self.axes}

    def _listed(self) -> dict[str, list[Any]]:
        listed = {}
        for key, axis in self.axes.items():
            if isinstance(axis, Range):
                msg = f"{key}={axis}: a range is drawn from; say how often with --random or "
                raise UsageError(msg + "--optuna, or list its values")
            listed[key] = axis
        return listed

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain data."""
        return {k: str(axis) if isinstance(axis, Range) else axis for k, axis in self.axes.items()}


def _read(text: str) -> list[Any] | Range:
    """Read values from text: cut at commas that stand outside of brackets and quotes."""
    found = _RANGE.fullmatch(text.strip())
    if found:
        low, high = parsed(found[1]), parsed(found[2])
        if all(isinstance(end, int | float) for end in (low, high)):
            return Range(low, high, log=found[3] is not None)
    parts = re.findall(r"""(?:[^,\[\]{}"']|\[[^\]]*\]|\{[^}]*\}|"[^"]*"|'[^']*')+""", text)
    return [parsed(part.strip()) for part in parts if part.strip()]


def written(value: Any) -> str:
    """Return a value as ``--set`` takes it."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(written(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
