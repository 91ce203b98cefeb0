"""``twofold dead export``: parked keys with their events, one JSON document on a line."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.dead import facts_of, of_group
from twofold.cli.events import shown
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write_json
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience


@common
@click.command("export", help="Print parked keys, why, and their events with data: a JSON document on each line.")
@click.option("--group", metavar="GROUP", help="Only what failed alike; dead ls --group names them.")
@settings_of
def command(settings: Settings, group: str | None) -> None:
    app = app_for(settings)

    async def export() -> None:
        async with opened_app(app) as started:
            dead = started.dead_letters
            found = await of_group(dead, group) if group is not None else await dead.parked()
            began = asyncio.get_running_loop().time()
            for done, parked in enumerate(found):
                with patience(f"reading the events of {done + 1} of {len(found)} keys", began):
                    events = [shown(row) async for row in dead.rows(parked)]
                write_json(facts_of(parked) | {"events": events})

    asyncio.run(export())
