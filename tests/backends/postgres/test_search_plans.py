"""Every shape of criteria is served by an index, the rarest one, and never by a scan: counted by the server itself."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.backends.postgres.logs import log_at, opened, outsider
from tests.postgres_server import url_of_own_schemas
from twofold.backends.postgres.batch import Run, literals
from twofold.backends.postgres.connection import Connection
from twofold.backends.postgres.log import PostgresLog, _selection
from twofold.backends.postgres.reading import _statement
from twofold.config import PostgresURL, parse_url
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.pages import load_page
from twofold.store.port import Append, Condition, CriteriaConflict, NewEvent

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SQL = load_page("twofold.backends.postgres", "append.sql")

HOT, SOME, RARE = "country=uk", "customer=9", "customer=7"
EVENTS, RARELY = 100_000, 25_000

_FILL = """
insert into events select n, 'order-' || n, 1, case when n > $1 * 0.8 then 'Late' else 'Type' || n % 2 end, 1, '{}', '{}'
from generate_series(1, $1) n;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["unknown", "analyzed"])
async def log(postgres_server_url: str, request: pytest.FixtureRequest) -> AsyncIterator[PostgresLog]:
    """Every event is tagged with the country, every 500th and 25,000th with a customer. One in two is of each type, until
    late in the log another one takes over.

    What the planner does not know must not mislead it, nor what it does: that one type in three is rare it cannot.
    """
    place = parse_url(url_of_own_schemas(postgres_server_url))  # Another process may run others of these tests.
    assert isinstance(place, PostgresURL)
    async with outsider(place) as beside:
        async with opened(log := log_at(place)):
            # Plans are kept from a time when the tables were empty, as in a process that began with the log.
            await log.append([_judging(SHAPES["alternatives"], 0)])
            for shape in SHAPES.values():
                await log.read(criteria=shape, category="order")
            await beside.execute(_FILL.replace("$1", str(EVENTS)))
            for tag, every in ((HOT, 1), (SOME, 500), (RARE, RARELY)):
                await beside.execute(
                    f"insert into event_tags select '{tag}', position, type from events where position % {every} = 0"
                )
            if request.param == "analyzed":
                await beside.execute("analyze events, event_tags")
            await log.append([Append((NewEvent("rare-1", "Rare", 1, b"{}", b"{}", (HOT,)),))])
            yield log
        await beside.execute(f"drop schema {place.schema} cascade")


SHAPES = {
    "hot and rare tag": Criteria.of(tags=[HOT, RARE]),
    "one hot tag": Criteria.of(tags=[HOT]),
    "tag and type": Criteria.of(tags=[HOT], types=["Rare"]),
    "types": Criteria.of(types=["Rare", "Type0"]),
    "alternatives": Criteria.of(tags=[HOT, RARE]) | Criteria.of(types=["Rare"]) | Criteria.of(tags=["a=b"]),
    "tag and late type": Criteria.of(tags=[SOME], types=["Late"]),
    "unknown tag": Criteria.of(tags=[HOT, "a=b"]),
}


def _judging(criteria: Criteria, after: int) -> Append:
    return Append((), conditions=(Condition(criteria, after),))


async def pages_read(connection: Connection, statement: str, *values: object) -> int:
    """How many pages of tables and indexes the server looks at, inside functions too."""
    explained = await connection.fetchval(f"explain (analyze, buffers, format json) {statement}", *values)
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


async def scans(connection: Connection) -> int:
    """How many sequential scans of the log's tables this transaction has made, inside functions too."""
    return int(
        await connection.fetchval(
            "select sum(seq_scan) from pg_stat_xact_user_tables where schemaname = current_schema() and relname <> 'head'"
        )
    )


@pytest.mark.parametrize("category", [None, "order", "rare"])
@pytest.mark.parametrize("shape", [*SHAPES, "everything"])
async def test_a_page_of_every_shape_costs_by_what_it_holds_and_not_by_the_log(
    log: PostgresLog, shape: str, category: str | None
) -> None:
    name, values = _selection(SHAPES.get(shape, EVERYTHING), category, None)
    async with log._reads.transaction() as connection:
        before = await scans(connection)
        cost = await pages_read(connection, _statement(name, 0, 0), 0, 101, *values)
        assert await scans(connection) == before
    # A hundred events cost a few pages each and a sample of a list 128 at most; the hot tag has 100,000 entries.
    assert cost < 1000
    assert (await log.read(criteria=SHAPES.get(shape, EVERYTHING), category=category, count_max=100)).reached > 0


@pytest.mark.parametrize("after", [0, EVENTS - 10, EVENTS + 1])
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_condition_of_every_shape_is_judged_from_an_index(log: PostgresLog, shape: str, after: int) -> None:
    (item, *_) = SHAPES[shape].items
    types, tags = literals(item)
    async with log._appends.transaction() as connection:
        before = await scans(connection)
        cost = await pages_read(
            connection, "select newest_match($1::text::text[], $2::text::text[], $3)", types, tags, after
        )
        assert await scans(connection) == before
    assert cost < 300


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_newest_event_that_matches_is_found(log: PostgresLog, shape: str) -> None:
    newest = {"hot and rare tag": EVENTS, "unknown tag": None, "tag and late type": EVENTS}.get(shape, EVENTS + 1)
    (verdict,) = await log.append([_judging(SHAPES[shape], 0)])
    assert (verdict.found if isinstance(verdict, CriteriaConflict) else None) == newest


async def test_an_append_is_judged_and_written_from_indexes(log: PostgresLog) -> None:
    tags = [(HOT, f"customer={number}") for number in range(100, 130)]
    run = Run(
        [
            Append(
                (NewEvent(f"order-{number}", "Type0", 1, b"{}", b"{}", both),),
                {f"order-{number}": 1},
                (Condition(Criteria.of(tags=both), 0),),
                key=f"k{number}",
            )
            for number, both in enumerate(tags, 1)
        ]
    )
    async with log._appends.connection() as connection, undone(connection):
        before = await scans(connection)
        cost = await pages_read(connection, _SQL["append_run"], run.bytes_max, *run.arguments())
        assert await scans(connection) == before
    assert cost < 3000


@asynccontextmanager
async def undone(connection: Connection) -> AsyncGenerator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
