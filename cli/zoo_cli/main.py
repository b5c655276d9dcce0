"""The entry point: the command group, loaded command by command, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Any

import click

from zoo_cli.options import State, common_options

COMMANDS = {
    "list": "List the models.",
    "show": "Show a model's declaration.",
    "summary": "Print a model's layers.",
    "classify": "Say what is on pictures.",
    "predict": "Predict rows of a table, or pictures.",
    "train": "Train a model by its recipe.",
    "evaluate": "Measure a trained model on labelled data.",
    "weights": "Fetch, add, verify and remove weights files.",
    "plugins": "Show the plugins and what is wrong with them.",
    "doctor": "Show backends, devices, folders and plugins.",
}
"""Built-in commands with their short help, so that `zoo --help` imports none of them."""


class ZooGroup(click.Group):
    """Commands of this package, imported when used, and those that plugins registered."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *self._from_plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = import_module(f"zoo_cli.commands.{cmd_name}")
            command: click.Command = module.command
            return command
        plugin_commands = self._from_plugins()
        if cmd_name in plugin_commands:
            from zoo.registry.registry import load_reference

            found: click.Command = load_reference(plugin_commands[cmd_name])
            return found
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from zoo.errors import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx)) or " See `zoo --help`."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            rows = list(COMMANDS.items())
            rows += [(name, "(from a plugin)") for name in self._from_plugins()]
            formatter.write_dl(rows)

    def _from_plugins(self) -> dict[str, Any]:
        from zoo.registry.registry import registry

        return {
            entry.name: entry.value for entry in registry().commands if entry.name not in COMMANDS
        }


@click.group(cls=ZooGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="keras-zoo", prog_name="zoo")
@common_options
def cli() -> None:
    """Keras models by name: list, train, ask and share them.

    \b
    zoo classify mug.png          what is on a picture
    zoo train mlp-pima            train a model by its recipe
    zoo list 'vgg*'               what there is
    """


def main() -> None:
    """Run the command line and exit with the status that the contract names."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    warnings.showwarning = _show_warning
    try:
        result = cli.main(arguments, prog_name="zoo", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("zoo: interrupted", err=True)
        return 130
    except BrokenPipeError:
        # The reader has gone (`zoo list | head`); Python would complain again while exiting.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if State.verbosity >= 2:
            raise
        return _report(error)


def _report(error: Exception) -> int:
    """Print an error as one sentence; one that nobody foresaw says how to see more."""
    from zoo.errors import ZooError, is_expected

    if is_expected(error):
        click.echo(f"zoo: {error}", err=True)
    else:
        text = " ".join(str(error).split())
        click.echo(f"zoo: {type(error).__name__}: {text} (-vv shows where)", err=True)
    return error.exit_status if isinstance(error, ZooError) else 1


def _show_warning(message: Any, category: Any, *_: Any, **__: Any) -> None:
    """Print what concerns the user (a renamed model) as a line; the rest only under ``-v``."""
    if issubclass(category, FutureWarning) or State.verbosity:
        click.echo(f"zoo: {message}", err=True)
