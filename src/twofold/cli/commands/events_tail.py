"""``twofold events tail``: the newest events of the log, and those that come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

import click

from twofold.cli import parameters
from twofold.cli.events import write_event
from twofold.cli.guess import guess
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note
from twofold.cli.stores import opened_log
from twofold.store.criteria import Criteria
from twofold.store.limits import checked_tag
from twofold.store.port import EventStore, Row

WAIT_SECONDS = 30.0


class Tail:
    """The events of one log that match, in order."""

    def __init__(self, log: EventStore, criteria: Criteria, category: str | None) -> None:
        self._log, self._criteria, self._category = log, criteria, category

    async def after(self, position: int, *, follow: bool) -> AsyncIterator[Row]:
        """All that match after a position; when following, without end."""
        while True:
            page = await self._log.read(after=position, criteria=self._criteria, category=self._category)
            for row in page.rows:
                yield row
            position = page.reached
            if not page.full and not follow:
                return
            if not page.full:
                await self._log.wait(position, timeout_seconds=WAIT_SECONDS)

    async def start_of_last(self, count: int) -> int:
        """The position after which the newest ``count`` matching events stand, by looking further and further back."""
        head = (await self._log.head()).position
        span = count
        while True:
            start = max(head - span, 0)
            found = deque([row[0] async for row in self.after(start, follow=False)], maxlen=count)
            if len(found) == count or start == 0:
                return found[0] - 1 if found else head
            span *= 16


@common
@click.command("tail", help="Print the newest events, one on a line (with --json: one document on a line).")
@click.option(
    "--after", metavar="N", type=parameters.after, help="Everything after this position, instead of the newest."
)
@click.option(
    "--last", metavar="N", type=parameters.count, default="10", show_default=True, help="How many of the newest."
)
@click.option("--follow", "-f", is_flag=True, help="Go on with those that come, until Ctrl-C.")
@click.option("--type", "types", metavar="NAME", multiple=True, help="Only this type; several: any of them.")
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="Only with this tag; several: all of them.")
@click.option("--category", help="Only streams of this category.")
@settings_of
def command(
    settings: Settings,
    after: int | None,
    last: int,
    follow: bool,
    types: tuple[str, ...],
    tags: tuple[str, ...],
    category: str | None,
) -> None:
    app = app_for(settings)
    categories = [each.category for each in app.parts.definitions.values()]
    note_unknown("event", types, list(app.registry.events), as_json=settings.json)
    note_unknown("stream type", [category] if category else [], categories, as_json=settings.json)
    criteria = Criteria.of(types=types, tags=[checked_tag(tag) for tag in tags])

    async def show() -> None:
        async with opened_log(app) as log:
            tail = Tail(log, criteria, category)
            start = after if after is not None else await tail.start_of_last(last)
            async for row in tail.after(start, follow=follow):
                write_event(row, as_json=settings.json)

    asyncio.run(show())


def note_unknown(kind: str, names: Sequence[str], known: Sequence[str], *, as_json: bool) -> None:
    """What the app does not know may still be in the log, so it is worth a note and no error."""
    for name in names:
        if name not in known:
            note(f"This app has no {kind} {name}. {guess(name, known)}".strip(), as_json=as_json)
