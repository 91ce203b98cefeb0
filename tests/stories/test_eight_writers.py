"""Eight processes append batches while a reader tails the log and strangers keep transactions open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import apsw
import asyncpg
import msgspec
import pytest

from tests.stories.appending import APPENDS_PER_BATCH, append_batches, opened_log
from tests.stories.processes import together
from twofold.config import PostgresURL, parse_url
from twofold.store.criteria import Criteria
from twofold.store.port import EventStore, Row

WRITERS = 8
EVENTS_PER_BATCH = 6


@asynccontextmanager
async def strangers(url: str) -> AsyncGenerator[None]:
    """Transactions that have nothing to do with us and last: one that has seen the log, and one that writes elsewhere."""
    place = parse_url(url)
    if isinstance(place, PostgresURL):
        reading, writing = await asyncpg.connect(place.dsn), await asyncpg.connect(place.dsn)
        await reading.execute("begin isolation level repeatable read")
        await reading.fetchval(f"select count(*) from {place.schema}.events")
        await writing.execute("begin; create temporary table elsewhere (number int); insert into elsewhere values (1)")
        assert await writing.fetchval("select pg_current_xact_id_if_assigned() is not null")
        yield
        await reading.close()
        await writing.close()
    else:
        reader = apsw.Connection(str(place.path), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("begin; select count(*) from events").fetchall()
        yield
        reader.close()


async def tailed(log: EventStore, writing: asyncio.Future[list[list[tuple[int, int]]]]) -> list[Row]:
    """What a reader gets who follows the log from its beginning until the writers have gone."""
    rows: list[Row] = []
    reached = 0
    while True:
        last_look = writing.done()
        page = await log.read(after=reached, count_max=17)
        rows += page.rows
        reached = page.reached
        if last_look and not page.full:
            return rows
        await log.wait(reached, timeout_seconds=0.1)


@pytest.mark.timeout(600)
async def test_nothing_is_skipped_nothing_is_reordered_and_positions_are_dense(store: str, campaign: bool) -> None:
    batches = 1000 if campaign else 30
    async with opened_log(store) as log, strangers(store):
        writing = asyncio.ensure_future(asyncio.to_thread(together, WRITERS, append_batches, store, batches))
        rows = await tailed(log, writing)
        acknowledged = await writing

        assert [row[0] for row in rows] == list(range(1, WRITERS * batches * EVENTS_PER_BATCH + 1))
        for stream in ("shared-1", *(f"own-{writer}" for writer in range(WRITERS))):
            versions = [row[2] for row in rows if row[1] == stream]
            assert versions == list(range(1, len(versions) + 1))
        for writer, places in enumerate(acknowledged):
            assert_written(rows, writer, places)
        of_one = await log.read(criteria=Criteria.of(tags=["writer=3"]), count_max=100_000)
        assert [row[0] for row in of_one.rows] == [row[0] for row in rows if said(row)[0] == 3]


def assert_written(rows: list[Row], writer: int, places: list[tuple[int, int]]) -> None:
    """What the writer was told stands where it was told, whole and in the order of its appends."""
    for number, (first, last) in enumerate(places):
        batch, part = divmod(number, APPENDS_PER_BATCH)
        assert [said(row) for row in rows[first - 1 : last]] == [(writer, batch, part)] * (part + 1)
    assert sum(last - first + 1 for first, last in places) == sum(said(row)[0] == writer for row in rows)
    assert places == sorted(places)


def said(row: Row) -> tuple[int, int, int]:
    data = msgspec.json.decode(row[5], type=dict[str, int])
    return data["writer"], data["batch"], data["part"]
