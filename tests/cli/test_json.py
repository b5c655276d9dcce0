"""``--json``: every command that prints records or tables prints them for programs as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import pytest
from places import MUG

from zoo_cli.main import COMMANDS
from zoo_cli.main import cli as group

if TYPE_CHECKING:
    from conftest import Cli

PRINTS_NO_RECORDS = {
    "init",  # TOML
    "weights add", "weights where", "data add", "data where",  # a sentence or a path
    "runs plot", "runs remove",
}  # fmt: skip


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Yield every built-in command that does something, with its name in full."""
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {child}", inner) for child, inner in command.commands.items())
        else:
            yield name, command


def test_every_command_that_prints_records_takes_json() -> None:
    without = {
        name
        for name, command in leaves()
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == PRINTS_NO_RECORDS


@pytest.mark.parametrize(
    "command",
    [
        ["list", "mlp-pima"],
        ["show", "mlp-pima"],
        ["summary", "mlp-pima"],
        ["weights", "list"],
        ["weights", "verify", "efficientnet-lite0"],
        ["data", "list"],
        ["data", "verify", "pima"],
        ["plugins", "list"],
    ],
    ids=" ".join,
)
def test_it_is_json(cli: Cli, command: list[str]) -> None:
    done = cli(*command, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)


def test_json_is_short_for_the_format(cli: Cli) -> None:
    long, short = cli("classify", MUG, "--format", "json"), cli("classify", MUG, "--json")
    assert short.out == long.out
    assert json.loads(short.out)[0]["error"] is None


def test_trainings_as_json(cli: Cli) -> None:
    """A script finds the folder and the figures without parsing sentences."""
    done = json.loads(cli("train", "mlp-pima", "--epochs", "1", "--json").out)
    assert done["path"].startswith("runs/mlp-pima/")
    assert done["metrics"]["train"]["loss"] > 0
    tune = cli("tune", "mlp-pima", "--grid", "epochs=1,2", "--folds", "2", "-o", "t", "--json")
    tuning = json.loads(tune.out)
    assert tuning["metric"] == "accuracy"
    assert [len(result["figures"]["accuracy"]) for result in tuning["results"]] == [2, 2]
    assert tuning["run"] == "t/best"
