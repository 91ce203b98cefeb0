"""``twofold projections wait``: return when read models have reached the head of the log, or a position."""

from __future__ import annotations

import asyncio

import click

from twofold.cli import parameters
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience

HELP = """Wait until read models have reached the head of the log as it is now, or a position.

Somebody else must run them. Exit code 5: one of them was late.
"""


@common
@click.command("wait", short_help="Wait until read models have reached the head.", help=HELP)
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every read model of the app.")
@click.option("--position", metavar="N", type=parameters.position, help="This position instead of the head.")
@click.option("--timeout", type=parameters.span, default="30s", show_default=True, help="How long at most.")
@settings_of
def command(settings: Settings, names: tuple[str, ...], every: bool, position: int | None, timeout: float) -> None:
    if every == bool(names):
        raise click.UsageError("Name the read models, or say --all.")
    app = app_for(settings)

    async def wait() -> int:
        async with opened_app(app) as started:
            wanted = position or (await started.head()).position
            with patience(f"waiting for position {wanted}"):
                await started.control.wait(*names, position=wanted, timeout_seconds=timeout)
            return wanted

    reached = asyncio.run(wait())
    if settings.json:
        write_json({"reached": reached})
    else:
        note(f"Position {reached} is reached.", as_json=False)
