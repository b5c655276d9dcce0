"""The entry point: the command group, which loads commands on demand, and the report of errors."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import threading
import traceback
import warnings
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem, shell_complete

from zoo_cli.help import CommandGroup
from zoo_cli.options import Verbosity, common_options
from zoo_cli.terminal import ESCAPE, echo
from zoo_weights.text import printable

GROUPS = {
    "Find models": {
        "list": "List models.",
        "show": "Show a model's spec.",
        "summary": "Print a model's layers.",
    },
    "Use models": {
        "classify": "Classify images.",
        "predict": "Predict table rows, texts or images.",
        "generate": "Continue a sequence.",
        "evaluate": "Measure a trained model on labelled data.",
    },
    "Train models": {
        "init": "Write a spec for your own data.",
        "train": "Train a model.",
        "tune": "Train with many settings and keep the best.",
        "retrain": "Update a trained model with new rows.",
        "ensemble": "Combine trained models into one.",
        "reproduce": "Train from scratch and compare with published figures.",
    },
    "Look after files": {
        "runs": "List, show, compare, plot and remove runs.",
        "data": "List, show, add and verify datasets.",
        "weights": "Fetch, add, verify and remove weights files.",
        "plugins": "List plugins and diagnose their problems.",
        "doctor": "Show backends, devices, folders and plugins.",
    },
}
"""Built-in commands by the headings of `zoo --help`, which imports none of them."""

COMMANDS = {name: text for commands in GROUPS.values() for name, text in commands.items()}


class ZooGroup(CommandGroup):
    """Commands of this package, imported when used, and those that plugins registered."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *self._plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = import_module(f"zoo_cli.commands.{cmd_name}")
            command: click.Command = module.command
            return command
        return self._load(cmd_name) if cmd_name in self._plugin_commands() else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # click would import every command for its help text, even a plugin's broken one.
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS.get(name)) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        plugins = dict.fromkeys(self._plugin_commands(), "")
        width = max(map(len, (*COMMANDS, *plugins)))
        for head, commands in (*GROUPS.items(), ("From plugins", plugins)):
            if commands:
                with formatter.section(head):
                    formatter.write_dl([(n.ljust(width), text) for n, text in commands.items()])

    def _plugin_commands(self) -> list[str]:
        """Return the names of plugins' commands, in full where a bare one is taken."""
        from zoo.registry.registry import registry

        commands = registry().commands
        return [
            commands.find(name).full_name if name in COMMANDS else name for name in commands.names()
        ]

    def _load(self, name: str) -> click.Command:
        from zoo.errors import PluginError
        from zoo.registry.entries import load_reference
        from zoo.registry.registry import registry

        entry = registry().commands.find(name)
        try:
            command = load_reference(entry.value)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            msg = f"command {name!r} of {entry.owner.origin} cannot be loaded, {reason}"
            raise PluginError(msg) from error
        if not isinstance(command, click.Command):
            msg = f"command {name!r} of {entry.owner.origin} "
            msg += f"is not a click command, received {command!r}"
            raise PluginError(msg)
        return command


@click.group(cls=ZooGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="keras-zoo", prog_name="zoo")
@common_options
def cli() -> None:
    """Keras models by name: list, train, use and share them.

    \b
    zoo classify mug.png          classify an image
    zoo train mlp-pima            train a model by its recipe
    zoo list 'vgg*'               list models
    """


def main() -> None:
    """Run the command line and exit with its status."""
    # What a framework's import creates stays: collecting garbage in it takes an eighth of the
    # import, and another half second at the end. The system frees all of it at once.
    gc.set_threshold(100_000)
    if sys.stdout is None or sys.stderr is None:  # closed (`zoo list >&-`)
        nowhere = open(os.devnull, "w")  # noqa: SIM115
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    threading.excepthook = lambda event: _print_error(event.exc_value)
    sys.excepthook = lambda kind, error, trace: _print_error(error)  # not even an `Exception`
    sys.unraisablehook = _show_unraisable
    status = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends the end, without a word
    gc.freeze()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):  # what its encoding lacks must not end a command
        sys.stdout.reconfigure(errors=ESCAPE)
    if any(argument.startswith("-vv") for argument in arguments):  # also where the usage is wrong
        Verbosity.verbosity = 2
    try:
        result = _invoke(arguments)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:
        return _report(error)


def _invoke(arguments: list[str]) -> Any:
    """Do what `cli.main` does, except that errors come out as they are."""
    completion = "_ZOO_COMPLETE"
    if instruction := os.environ.get(completion):
        return shell_complete(cli, {}, "zoo", completion, instruction)
    with cli.make_context("zoo", arguments) as context:
        return cli.invoke(context)


def _report(error: BaseException) -> int:
    """Print an error as one sentence, under ``-vv`` with its traceback, and return the status."""
    _drop_output()
    if isinstance(error, BrokenPipeError):  # the reader is gone (`zoo list | head`)
        return 0
    if isinstance(error, click.Abort | KeyboardInterrupt):
        with contextlib.suppress(OSError):
            print(file=sys.stderr)  # closes the line of the terminal's ^C
        _print("interrupted")
        return 130
    _print_error(error)
    status: int = getattr(error, "exit_status", getattr(error, "exit_code", 1))
    return status


def _print_error(error: BaseException | None) -> None:
    from zoo.errors import describe

    if isinstance(error, click.ClickException):
        text = printable(error.format_message(), None)
        shown = click.UsageError(text, error.ctx) if isinstance(error, click.UsageError) else error
        shown.show()
    elif error is not None:
        _print(describe(error, "standard output"))
    if error is not None and Verbosity.verbosity >= 2:
        import traceback

        for part in traceback.format_exception(error):
            echo(part, err=True, breaks="\n", end="")


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # the status still tells it
        echo(f"zoo: {text}", err=True, breaks="\n  ")  # of a table in it


def _drop_output() -> None:
    """Drop what cannot be written to standard output; Python would complain again while exiting."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _show_unraisable(event: Any) -> None:
    """Show what an object could not raise while it was freed, under ``-vv``."""
    if Verbosity.verbosity >= 2:
        sys.__unraisablehook__(event)


def _show_warning(message: Any, category: Any, *_: Any, **__: Any) -> None:
    """Print a warning to the user (a renamed model) as a line; others only under ``-v``."""
    if issubclass(category, FutureWarning) or Verbosity.verbosity:
        echo(f"zoo: {message}", err=True)


def _show_traceback(kind: type[BaseException], error: BaseException, _: Any) -> None:
    """Print a traceback; its messages may hold anything."""
    for part in traceback.format_exception(error):
        echo(part, err=True, breaks="\n", end="")
