"""``twofold events show``: one event with everything that was recorded with it."""

from __future__ import annotations

import asyncio

import click
import msgspec

from twofold.cli import parameters
from twofold.cli.events import shown
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write_fields, write_json
from twofold.cli.stores import opened_log
from twofold.errors import NotFoundError
from twofold.store.port import EventStore, Row


@common
@click.command("show", help="Show one event with all its metadata.")
@click.argument("position", type=parameters.position)
@settings_of
def command(settings: Settings, position: int) -> None:
    app = app_for(settings)

    async def look() -> Row:
        async with opened_log(app) as log:
            return await event_at(log, position)

    event = shown(asyncio.run(look()))
    if settings.json:
        write_json(event)
    else:
        data, metadata = msgspec.json.decode(event.data), msgspec.json.decode(event.metadata)
        write_fields(msgspec.structs.asdict(event) | {"data": data} | metadata_lines(metadata))


async def event_at(log: EventStore, position: int) -> Row:
    """The event at a position, or ``NotFoundError`` that says where the log ends."""
    page = await log.read(after=position - 1, count_max=1)
    if not page.rows or page.rows[0][0] != position:
        head = await log.head()
        raise NotFoundError("event at position", str(position), remedy=f"The log ends at position {head.position}.")
    return page.rows[0]


def metadata_lines(metadata: dict[str, object]) -> dict[str, object]:
    """The metadata with a name for each line, beside those of the event itself."""
    return {"metadata": "", **{f"  {name}": value for name, value in metadata.items()}}
