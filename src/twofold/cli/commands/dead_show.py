"""``twofold dead show``: one parked key, why it is parked, and the events that it has not taken."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.dead import facts_of, plain_key, the_one
from twofold.cli.events import shown, write_event
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write, write_fields, write_json
from twofold.cli.stores import opened_app
from twofold.projections import Parked
from twofold.store.port import Row


@common
@click.command("show", help="Show a parked key with its events. KEY is written as dead ls shows it, or as JSON.")
@click.argument("read_model")
@click.argument("key")
@settings_of
def command(settings: Settings, read_model: str, key: str) -> None:
    app = app_for(settings)

    async def look() -> tuple[Parked, list[Row]]:
        async with opened_app(app) as started:
            parked = await the_one(started.dead_letters, key, read_model)
            return parked, [row async for row in started.dead_letters.rows(parked)]

    parked, rows = asyncio.run(look())
    if settings.json:
        write_json(facts_of(parked) | {"letters": [shown(row) for row in rows]})
    else:
        show(parked, rows)


def show(parked: Parked, rows: list[Row]) -> None:
    """The facts, and then each event on a line."""
    write_fields(
        {
            "read model": parked.read_model,
            "key": plain_key(parked.key),
            "since": parked.since,
            "event type": parked.event_type,
            "error": parked.reason,
            "place": parked.place or None,
            "group": parked.group,
            "letters": len(rows),
        }
    )
    write("")
    for row in rows:
        write_event(row, as_json=False)
