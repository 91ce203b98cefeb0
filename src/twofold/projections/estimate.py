"""What a rebuild would come to: events counted, and the time guessed from a short sample that is really built."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import msgspec

from twofold.messages import Registry
from twofold.projections.filling import Progress
from twofold.projections.generations import Generation
from twofold.projections.group import Group
from twofold.projections.port import ReadStore
from twofold.projections.rebuild import Rebuild
from twofold.store.criteria import Criteria
from twofold.store.port import EventStore

SAMPLE_SECONDS = 2.0
PAGE_MAX = 10_000


class Estimate(msgspec.Struct, frozen=True):
    """``events`` of its types are in the log, ``rows`` are in its tables now, and ``seconds`` are what a rebuild may take.

    How long a SQL projection takes is not guessed (None): its database is another than that of a sample.
    """

    subscription: str
    events: int
    rows: int
    seconds: float | None


async def estimate(
    log: EventStore, registry: Registry, reads: ReadStore, group: Group, *, sample: ReadStore
) -> Estimate:
    """Nothing is written but to ``sample``, an empty database of its own, for about two seconds."""
    events = await _count(log, group)
    rows = [await _rows(reads, table) for table in group.tables]
    seconds = round(await _seconds(log, registry, group, sample), 1) if group.sql is None else None
    return Estimate(group.name, events, sum(rows), seconds)


async def _rows(reads: ReadStore, table: str) -> int:
    found = await reads.query(f'select count(*) from "{table}"', {})  # noqa: S608 - the name of one of our tables
    return int(found.rows[0][0])


async def _count(log: EventStore, group: Group) -> int:
    criteria, count, after = Criteria.of(types=group.types), 0, 0
    while True:
        page = await log.read(after=after, criteria=criteria, count_max=PAGE_MAX)
        count, after = count + len(page.rows), page.reached
        if not page.full:
            return count


async def _seconds(log: EventStore, registry: Registry, group: Group, sample: ReadStore) -> float:
    """How long the whole takes, if all of the log is like its beginning."""
    generation = Generation(group.name, 2, "", "building", group.tables)
    told: list[Progress] = []
    await sample.open()
    try:
        await sample.enter(generation, group.made)
        rest = lambda: asyncio.sleep(0)  # noqa: E731 - so that the time is seen to be over
        rebuild = Rebuild(log, registry, sample, group, generation, tell=told.append, brake=rest)
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(SAMPLE_SECONDS):
                await rebuild.catch_up()
        spent = time.monotonic() - began
    finally:
        await sample.close()
    last = told[-1] if told else None
    return spent * last.head / last.position if last is not None and last.position else spent
