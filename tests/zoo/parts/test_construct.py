"""Options of parts: names, types and sizes are checked before anything is built."""

from __future__ import annotations

from typing import Any

import pytest

import zoo
from zoo.errors import SpecError
from zoo.parts.construct import MAX_SIDE, construct, options_of
from zoo.spec.component import Component


def net(
    hidden: list[int], activation: str = "relu", rate: float | None = None, sizes: Any = None,
    *, units: int = 1,
) -> dict[str, Any]:  # fmt: skip
    if activation == "none":
        msg = "an activation is needed"
        raise ValueError(msg)
    return {
        "hidden": hidden,
        "activation": activation,
        "rate": rate,
        "sizes": sizes,
        "units": units,
    }


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor


def build(**options: Any) -> Any:
    return construct(net, Component("net", **options), what="architecture", offered={"units": 7})


def test_options_reach_the_function():
    """What the spec says is what the author's function gets, and what zoo offers if it asks."""
    assert build(hidden=[3], rate=1) == {
        "hidden": [3], "activation": "relu", "rate": 1.0, "sizes": None, "units": 7,
    }  # fmt: skip
    assert build(hidden=[], units=2)["units"] == 2  # said in the spec: that stands
    assert build(hidden=[], sizes={"a": [1, {"b": True}]})["sizes"] == {"a": [1, {"b": True}]}
    assert construct(Scale, Component("scale", factor=2), what="input").factor == 2.0
    assert list(options_of(Scale)) == ["factor"]


def test_what_an_author_did_not_annotate_is_handed_over():
    """A plugin without annotations, or with those of a library that is not there, still works."""

    def bare(size, other: "Missing" = None):  # type: ignore[name-defined] # noqa: F821, UP037
        return size, other

    component = Component("bare", size="big", other=[1])
    assert construct(bare, component, what="architecture") == ("big", [1])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hiden": [3]}, ".hiden: 'net' has no option 'hiden'. Did you mean 'hidden'?"),
        (
            {"hidden": [3], "momentum": 1},
            ".momentum: 'net' has no option 'momentum'. "
            "It takes hidden, activation, rate, sizes, units.",
        ),
        ({}, ": 'net' missing a required argument: 'hidden'"),
        ({"hidden": 3}, ".hidden: expected `array`, got `int`, received 3"),
        ({"hidden": [1, "x"]}, ".hidden: expected `int`, got `str`, received [1, 'x']"),
        ({"hidden": [1e9]}, ".hidden: expected `int`, got `float`, received [1000000000.0]"),
        ({"hidden": [True]}, ".hidden: expected `int`, got `bool`, received [True]"),
        ({"hidden": [], "rate": "x"}, ".rate: expected `float`, got `str`, received 'x'"),
        ({"hidden": [10**7]}, ".hidden: at most 1,000,000 is allowed, received 10,000,000"),
        ({"hidden": [-(10**7)]}, ".hidden: at most 1,000,000 is allowed, received -10,000,000"),
        (
            {"hidden": [], "sizes": {"a": [1, {"b": MAX_SIDE + 1}]}},
            ".sizes: at most 1,000,000 is allowed, received 1,000,001",
        ),
        (
            {"hidden": [], "activation": "none"},
            ": 'net' refused its options: an activation is needed",
        ),
        (
            {"\x1b[2J": 1},
            ".\\x1b[2J: 'net' has no option '\\x1b[2J'. "
            "It takes hidden, activation, rate, sizes, units.",
        ),
    ],
)  # fmt: skip
def test_slips(options, told):
    """A wrong option is a sentence with its path, never a layer that fills the memory."""
    with pytest.raises(SpecError) as caught:
        build(**options)
    message = str(caught.value)
    assert message.startswith("architecture")
    assert message.removeprefix("architecture") == told


def test_long_values_are_cut():
    """A list of a thousand sizes does not scroll the reason away."""
    with pytest.raises(SpecError) as caught:
        build(hidden=[*range(1000), "x"])
    assert len(str(caught.value)) < 400


def test_the_largest_side_is_allowed():
    """The bound refuses nonsense, not large models."""
    assert build(hidden=[MAX_SIDE])["hidden"] == [MAX_SIDE]


def test_an_architecture_has_a_bound_of_layers() -> None:
    component = zoo.Component("tabular/mlp", hidden=[1] * 100_000)
    spec = zoo.ModelSpec(
        name="deep", task="tabular-regression", architecture=component,
        input=zoo.Component("tabular/columns", columns=["x"]), output="tabular/value",
    )  # fmt: skip
    with pytest.raises(SpecError, match=r"architecture\.hidden: at most 1,000 items"):
        _ = zoo.get_model(spec, weights=None).keras
