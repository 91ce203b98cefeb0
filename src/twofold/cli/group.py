"""A group of commands that imports a command only when it is called, so that ``--help`` costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

import click

from twofold.cli.exits import USAGE
from twofold.cli.guess import guess


class LazyGroup(click.Group):
    """Its ``entries`` map a command's name to (module, summary); the module holds the command as ``command``."""

    entries: Mapping[str, tuple[str, str]] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            # Nothing was asked, so nothing is the result: the help goes to stderr.
            click.echo(ctx.get_help(), err=True)
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order of a user's journey, not of the alphabet.
        return [*self.entries, *(name for name in self.commands if name not in self.entries)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.entries and cmd_name not in self.commands:
            module, _ = self.entries[cmd_name]
            self.add_command(cast(click.Command, import_module(module).command), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            hint = guess(name, tuple(self.list_commands(ctx)))
            raise click.UsageError(f"No such command: {name}. {hint}".strip(), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summary(ctx, name)) for name in self.list_commands(ctx)])

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in self.entries:
            return self.entries[name][1]
        command = super().get_command(ctx, name)
        return command.get_short_help_str(limit=80) if command else ""


def group(name: str, help: str, entries: Mapping[str, tuple[str, str]]) -> LazyGroup:
    """A group over the commands of ``entries``: name → (module, summary)."""
    made = LazyGroup(name=name, help=help)
    made.entries = entries
    return made
