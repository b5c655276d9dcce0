"""Events and commands of guests: a failure costs the guest, not the user."""

from __future__ import annotations

from types import ModuleType

import pytest

import zoo
from zoo.errors import PluginError
from zoo.registry.loading import Plugin
from zoo.registry.registry import Registry


def guest(name: str, **functions: object) -> ModuleType:
    module = ModuleType(name)
    for function, body in functions.items():
        setattr(module, function, zoo.hookimpl(body))
    module.__file__ = __file__
    return module


def test_an_event_that_fails_does_not_end_the_training(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[int] = []

    def broken(epoch: int) -> None:
        msg = "the tracker is down"
        raise RuntimeError(msg)

    def works(epoch: int, logs: dict[str, float]) -> None:
        heard.append(epoch)

    registry = Registry()
    registry.add_plugin(Plugin("broken", "broken"), guest("broken", epoch_ended=broken))
    registry.add_plugin(Plugin("works", "works"), guest("works", epoch_ended=works))
    for epoch in range(3):
        registry.notify("epoch_ended", run=None, epoch=epoch, logs={})
    assert heard == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "plugin 'broken'" in lines[0]
    assert "epoch_ended failed, RuntimeError: the tracker is down" in lines[0]
    assert [problem.plugin.name for problem in registry.problems] == ["broken"]


def test_strict_lets_an_event_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: object) -> None:
        raise ValueError

    registry = Registry()
    registry.add_plugin(Plugin("broken", "broken"), guest("broken", training_finished=broken))
    monkeypatch.setenv("ZOO_STRICT", "1")
    with pytest.raises(PluginError, match="training_finished failed, ValueError"):
        registry.notify("training_finished", run=None)


COMMANDS = """
import zoo

@zoo.hookimpl
def register_commands(register):
    register("greet", "guest_commands:greet")
    register("list", "guest_commands:greet")
    register("broken", "guest_nowhere:command")
    register("odd", "guest_commands:text")
"""

GREET = """
import click

@click.command()
def greet():
    "Say hello."
    click.echo("hello")

text = "no command"
"""


def test_commands_of_guests(guests, zoo_command) -> None:
    guests.install(COMMANDS, files={"guest_commands.py": GREET})
    assert zoo_command("greet", env=guests.env).stdout == "hello\n"
    assert zoo_command("guest/list", env=guests.env).stdout == "hello\n"
    assert "vgg16" in zoo_command("list", "vgg16", env=guests.env).stdout
    done = zoo_command("broken", env=guests.env)
    assert done.returncode == 1
    assert "command 'broken' of" in done.stderr
    assert "No module named 'guest_nowhere'" in done.stderr
    assert (
        "is not a click command, received 'no command'" in zoo_command("odd", env=guests.env).stderr
    )
    completion = {"_ZOO_COMPLETE": "bash_complete", "COMP_WORDS": "zoo ", "COMP_CWORD": "1"}
    offered = zoo_command(env={**guests.env, **completion}).stdout
    assert {"plain,greet", "plain,broken", "plain,guest/list", "plain,list"} <= set(
        offered.splitlines()
    )
