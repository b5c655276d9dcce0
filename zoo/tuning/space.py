"""The search space: the values of each setting, all combinations of them, or random draws."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo.errors import UsageError
from zoo.parts.settings import parse_value

Values = Sequence[Any] | str
"""The values of a setting; a text is read as on the command line."""

MAX_COMBINATIONS = 100_000
"""Combinations of a grid, at most: more are a mistake, or need random draws."""

_RANGE = re.compile(r"([-+.\w]+)\.\.([-+.\w]+?)(:log)?")


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, to draw from; integers if both ends are.

    Attributes
    ----------
    log
        Whether draws are uniform in the logarithm.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            bound = "above 0 and " if self.log else ""
            msg = f"{self}: the start of a range must be {bound}below its end"
            raise UsageError(msg)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}{':log' if self.log else ''}"

    @property
    def is_integer(self) -> bool:
        """Whether it holds integers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: random.Random) -> float:
        """Return a random number of the range."""
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = rng.uniform(self.low, self.high)
        return round(value) if self.is_integer else value


class Space:
    """The settings to try.

    Parameters
    ----------
    grid
        Values of each setting, by dotted path or its last part: a list, or a text as the command
        line takes it: ``"rmsprop,adam"``, ``"[16],[32,16]"``, ``"0.0001..0.1:log"``.

    Raises
    ------
    UsageError
        If a setting has no values, or a range is not valid.
    """

    def __init__(self, grid: Mapping[str, Values | Range]) -> None:
        self.axes: dict[str, list[Any] | Range] = {}
        if not grid:
            msg = "nothing to try; pass settings with their values, such as epochs=50,100"
            raise UsageError(msg)
        for key, values in grid.items():
            axis = _parse_axis(values) if isinstance(values, str) else values
            self.axes[key] = axis if isinstance(axis, Range) else list(axis)
            if not self.axes[key]:
                msg = f"{key}: no values to try"
                raise UsageError(msg)

    def __len__(self) -> int:
        """Return the number of combinations."""
        return math.prod(len(axis) for axis in self._value_lists().values())

    def all(self) -> Iterator[dict[str, Any]]:
        """Yield all combinations, varying the last setting fastest.

        Raises
        ------
        UsageError
            If a setting has a range, or there are too many combinations.
        """
        axes = self._value_lists()
        if len(self) > MAX_COMBINATIONS:
            msg = f"the grid has {len(self):,} combinations, at most {MAX_COMBINATIONS:,}; "
            msg += "draw some with --random N"
            raise UsageError(msg)
        for values in itertools.product(*axes.values()):
            yield dict(zip(axes, values, strict=True))

    def draw(self, count: int, seed: int) -> list[dict[str, Any]]:
        """Return `count` combinations drawn at random; all of a grid, if it has fewer."""
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
        values = {}
        for key, axis in reversed(self._value_lists().items()):
            place, index = divmod(place, len(axis))
            values[key] = axis[index]
        return {key: values[key] for key in self.axes}

    def _value_lists(self) -> dict[str, list[Any]]:
        lists = {}
        for key, axis in self.axes.items():
            if isinstance(axis, Range):
                msg = f"{key}={axis}: cannot try every value of a range; draw with --random N or "
                raise UsageError(msg + "--optuna N, or list values")
            lists[key] = axis
        return lists

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain data."""
        return {k: str(axis) if isinstance(axis, Range) else axis for k, axis in self.axes.items()}


def _parse_axis(text: str) -> list[Any] | Range:
    """Parse a range, or values separated by commas outside brackets and quotes."""
    match = _RANGE.fullmatch(text.strip())
    if match:
        low, high = parse_value(match[1]), parse_value(match[2])
        if all(isinstance(end, int | float) for end in (low, high)):
            return Range(low, high, log=match[3] is not None)
    braces = r"\{(?:[^{}]|\{[^{}]*\})*\}"  # an optimizer with a schedule has a table in its table
    parts = re.findall(rf"""(?:[^,\[\]{{}}"']|\[[^\]]*\]|{braces}|"[^"]*"|'[^']*')+""", text)
    return [parse_value(part.strip()) for part in parts if part.strip()]


def format_value(value: Any) -> str:
    """Format a value as ``--set`` takes it."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(format_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        parts = ((k, f"'{v}'" if isinstance(v, str) else format_value(v)) for k, v in value.items())
        return "{" + ",".join(f"{key}={text}" for key, text in parts) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
