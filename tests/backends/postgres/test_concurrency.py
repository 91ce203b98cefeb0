"""Many connections and processes at once: one order, nothing skipped, and no lasting trace of long transactions."""

from __future__ import annotations

import asyncio
import multiprocessing
from contextlib import AsyncExitStack

from tests.backends.postgres.logs import Outsider, append, appended, event, log_at, opened, outsider
from twofold.backends.postgres.log import PostgresLog
from twofold.config import PostgresURL
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import Append, Appended, Condition, Row

WRITERS, BATCHES = 8, 12


async def write(log: PostgresLog, writer: int) -> None:
    """Batches of appends of several events, over an own stream and one that all share."""
    for number in range(BATCHES):
        one = [event(f"own-{writer}", "A", f"writer={writer}"), event("shared-1"), event(f"own-{writer}")]
        await appended(log, append(*one, key=f"{writer}-{number}-1"), append(*one), append(event("shared-1")))


async def tail(log: PostgresLog, last: int, criteria: Criteria) -> list[Row]:
    rows: list[Row] = []
    reached = 0
    while reached < last:
        await log.wait(reached, timeout_seconds=5.0)
        page = await log.read(after=reached, criteria=criteria, count_max=7)
        rows += page.rows
        reached = page.reached
    return rows


async def test_nobody_who_tails_eight_writers_misses_anything_beside_long_foreign_transactions(
    place: PostgresURL, log: PostgresLog
) -> None:
    last = WRITERS * BATCHES * 7
    async with AsyncExitStack() as stack:
        for isolation in ("read_committed", "repeatable_read", "serializable"):
            foreign = await stack.enter_async_context(outsider(place))
            await stack.enter_async_context(foreign.transaction(isolation=isolation))
            await foreign.execute(f"create table foreign_{isolation} as select count(*) from events")
        writers = [log_at(place) for _ in range(WRITERS)]
        await stack.enter_async_context(opened(*writers))
        one = Criteria.of(tags=["writer=3"]) | Criteria.of(types=["Nothing"])
        tails = asyncio.gather(tail(log, last, EVERYTHING), tail(log, last, one))
        await asyncio.gather(*(write(writer, number) for number, writer in enumerate(writers)))
        everything, of_one = await tails
        whole = (await log.read(count_max=10_000)).rows
    assert [row[0] for row in everything] == list(range(1, last + 1))
    assert everything == whole
    assert of_one == [row for row in whole if row[1:4:2] == ("own-3", "A")]
    for stream in {row[1] for row in whole}:
        versions = [row[2] for row in whole if row[1] == stream]
        assert versions == list(range(1, len(versions) + 1))


async def test_a_long_transaction_elsewhere_does_not_make_the_head_grow(
    place: PostgresURL, log: PostgresLog, beside: Outsider
) -> None:
    async with beside.transaction(isolation="repeatable_read"):
        await beside.execute("create table foreign_work as select count(*) from events")
        for _ in range(300):
            await appended(log, append())
    assert await beside.fetchval("select pg_relation_size('head')") == 8192


def _race(place: PostgresURL, seats: int, racer: int, results: multiprocessing.Queue[int]) -> None:
    results.put(asyncio.run(_take_seats(place, seats, racer)))


async def _take_seats(place: PostgresURL, seats: int, racer: int) -> int:
    """Takes seats while fewer than ``seats`` are taken as far as it can see; says how many it got."""
    taken = 0
    show = Criteria.of(types=["Taken"], tags=["show=1"])
    async with opened(log := log_at(place)):
        while len((page := await log.read(criteria=show)).rows) < seats:
            condition = Condition(show, page.reached)
            seat = event(f"racer-{racer}", "Taken", "show=1")
            (verdict,) = await log.append([Append((seat,), conditions=(condition,))])
            taken += isinstance(verdict, Appended)
    return taken


async def test_processes_that_race_never_take_more_seats_than_there_are(place: PostgresURL, log: PostgresLog) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    racers = [context.Process(target=_race, args=(place, 10, number, results)) for number in range(4)]
    for racer in racers:
        racer.start()
    taken = [await asyncio.to_thread(results.get, timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert sum(taken) == 10
    assert (await log.head()).position == 10
