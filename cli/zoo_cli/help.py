"""Commands and groups whose help is in sections, and that suggest names."""

from __future__ import annotations

import click

COMMON = ("--backend", "--device", "--offline", "--quiet", "--verbose", "--help")
"""Options of every command, in a section of their own."""


class Command(click.Command):
    """A command whose help shows its own options before those that every command has."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                (own if set(parameter.opts).isdisjoint(COMMON) else common).append(record)
        width = max(len(names) for names, _ in (*own, *common))
        for title, records in (("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl([(names.ljust(width), text) for names, text in records])


class CommandGroup(click.Group):
    """A group of such commands; a mistyped one is answered with those that are close."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from zoo.errors import did_you_mean

            names = self.list_commands(ctx)
            hint = did_you_mean(args[0], names) or f" See `{ctx.command_path} --help`."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)
