"""Components: a part's name and its options, plain data and nothing else."""

from __future__ import annotations

import copy
import pickle

import pytest

from zoo.spec.component import Component, component_from_data, component_to_data


def test_from_and_to_plain_data():
    """A bare name stays a string in TOML; options make it a table."""
    assert component_from_data("adam") == Component("adam")
    assert component_to_data(Component("adam")) == "adam"
    table = {"uses": "sgd", "momentum": 0.9, "self": 1}
    assert component_to_data(component_from_data(table)) == table
    assert component_from_data(Component("a")) == Component("a")
    assert repr(component_from_data(table)) == "Component('sgd', momentum=0.9, self=1)"


def test_a_component_never_changes():
    """A registered spec is shared by everyone in the process."""
    part = Component("mlp", hidden=[3])
    assert part.with_options(hidden=[4], rate=0.5) == Component("mlp", hidden=[4], rate=0.5)
    assert part.renamed("tabular/mlp") == Component("tabular/mlp", hidden=[3])
    assert copy.deepcopy(part) == pickle.loads(pickle.dumps(part)) == part
    assert part != Component("mlp", hidden=[4])
    assert part != "mlp"
    with pytest.raises(
        AttributeError, match=r"cannot be changed; use \.with_options\(uses=\.\.\.\)"
    ):
        part.uses = "other"
    with pytest.raises(TypeError, match="item assignment"):
        part.config["hidden"] = [5]
    given = [3]
    shared = Component("mlp", hidden=given)
    given.append(4)
    assert shared.config["hidden"] == [3]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": None}, "'mlp': option 'size' must be a number, text, boolean, list or table"),
        ({"sizes": [1, {2}]}, r"'mlp': option 'sizes' must be .*, received \{2\}"),
        ({"table": {1: 2}}, r"'mlp': option 'table' must be .*, received \{1: 2\}"),
        ({"function": len}, "received <built-in function len>"),
        ({"uses": "other"}, "'mlp': 'uses' is the part's name and cannot be an option"),
    ],
)
def test_options_are_plain_data(options, told):
    """What TOML cannot hold would be lost when the run is saved, so it never gets in."""
    with pytest.raises(ValueError, match=told):
        Component("mlp", **options)


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_component_has_a_name(name):
    """A plugin's slip shows where it is made."""
    with pytest.raises(ValueError, match="a component needs a name under 'uses', received"):
        Component(name)
