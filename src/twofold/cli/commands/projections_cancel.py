"""``twofold projections cancel``: what is being built is given up, and what serves goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json
from twofold.cli.stores import opened_app
from twofold.errors import NotFoundError
from twofold.projections.generations import Generation

HELP = """Give up what is being built of a read model, wherever it is built: its tables are removed, and what serves goes on.

Its code is not built again unless twofold projections rebuild asks for it.
"""


@common
@click.command("cancel", short_help="Give up what is being built.", help=HELP)
@click.argument("name", metavar="NAME")
@settings_of
def command(settings: Settings, name: str) -> None:
    app = app_for(settings)

    async def cancel() -> list[Generation]:
        async with opened_app(app) as started:
            rollout = started.rollout
            subscription = rollout.group(name)
            wished = await started.control.unwish_rebuild(subscription)
            with suppress(*([NotFoundError] if wished else [])):  # No worker has begun it.
                return await rollout.cancel(subscription)
            return []

    given_up = asyncio.run(cancel())
    if settings.json:
        write_json([{"name": each.subscription, "generation": each.number, "state": each.dropped} for each in given_up])
        return
    if not given_up:
        note(f"No worker is asked to build {name} any more.", as_json=False)
    for each in given_up:
        note(f"Generation {each.number} of {each.subscription} is given up.", as_json=False)
