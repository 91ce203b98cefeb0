"""``twofold streams show``: the events of one stream."""

from __future__ import annotations

import asyncio

import click

from twofold.cli import parameters
from twofold.cli.events import write_event
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.stores import opened_log
from twofold.cli.streams import no_stream
from twofold.store.limits import checked_stream
from twofold.store.port import EventStore

PAGE_MAX = 1000


@common
@click.command("show", help="Print a stream's events, one on a line (with --json: one document on a line).")
@click.argument("stream")
@click.option("--after", metavar="N", type=parameters.after, default="0", help="Only after this version.")
@click.option("--limit", metavar="N", type=parameters.count, help="At most so many.")
@click.option("--backwards", is_flag=True, help="The newest first.")
@settings_of
def command(settings: Settings, stream: str, after: int, limit: int | None, backwards: bool) -> None:
    app = app_for(settings)
    checked_stream(stream)

    async def show() -> None:
        async with opened_log(app) as log:
            if not (await log.read_stream(stream, count_max=1)).rows:
                raise no_stream(stream, app)
            await print_stream(log, stream, after, limit, backwards=backwards, as_json=settings.json)

    asyncio.run(show())


async def print_stream(
    log: EventStore, stream: str, after: int, limit: int | None, *, backwards: bool, as_json: bool
) -> None:
    """Print page after page, until the stream or the limit ends."""
    until: int | None = None
    left = limit
    while left is None or left > 0:
        page = await log.read_stream(
            stream, after=after, until=until, backwards=backwards, count_max=min(left or PAGE_MAX, PAGE_MAX)
        )
        for row in page.rows:
            write_event(row, as_json=as_json)
        if not page.full:
            return
        left = left - len(page.rows) if left is not None else None
        after, until = (after, page.reached - 1) if backwards else (page.reached, None)
