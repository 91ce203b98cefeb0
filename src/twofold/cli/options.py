"""The options that every command has: which app, which store, and whether programs read the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import click

C = TypeVar("C", bound=click.Command)


@dataclass
class Settings:
    """What the common options said. They may stand before the command or after it; after it wins."""

    app: str | None = None
    store: str | None = None
    reads: str | None = None
    json: bool = False


settings_of = click.make_pass_decorator(Settings, ensure=True)
"""Passes the ``Settings`` as the first argument."""


def _keep(ctx: click.Context, param: click.Parameter, value: str | bool | None) -> None:
    if value and param.name:
        setattr(ctx.ensure_object(Settings), param.name, value)


def common(command: C) -> C:
    """Add ``--app``, ``--store``, ``--reads`` and ``--json`` to a command."""
    command.params.extend(
        [
            click.Option(["--app"], metavar="MODULE:ATTR", expose_value=False, callback=_keep, help="The app to use."),
            click.Option(["--store"], metavar="URL", expose_value=False, callback=_keep, help="Another database."),
            click.Option(["--reads"], metavar="URL", expose_value=False, callback=_keep, help="Read models elsewhere."),
            click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep, help="Print JSON."),
        ]
    )
    return command
