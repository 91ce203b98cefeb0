"""Every shape of criteria is served by an index, the rarest one, and never by a scan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import apsw
import pytest
import pytest_asyncio

from tests.backends.sqlite.appends import event
from twofold.backends.sqlite.criteria import Search, Span, newest, page, searches
from twofold.backends.sqlite.log import SqliteLog
from twofold.store.criteria import EVERYTHING, Criteria, Item
from twofold.store.port import Append

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOT, RARE = "country=uk", "customer=7"
EVENTS, RARELY = 20_000, 5_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log() -> AsyncIterator[SqliteLog]:
    """Every event is tagged with the country, every 5000th with the customer; one in two is of each type."""
    log = SqliteLog(None)
    await log.open()
    events = [
        event(f"order-{number}", f"Type{number % 2}", HOT, *([RARE] if number % RARELY == 0 else []))
        for number in range(1, EVENTS + 1)
    ]
    await log.append(
        [Append(tuple(events[:10_000])), Append(tuple(events[10_000:])), Append((event("rare-1", "Rare", HOT),))]
    )
    yield log
    await log.close()


def plan(connection: apsw.Connection, search: Search) -> list[str]:
    return [row[3] for row in connection.execute(f"explain query plan {search.sql}", search.values)]


SHAPES = {
    "hot and rare tag": Criteria.of(tags=[HOT, RARE]),
    "one hot tag": Criteria.of(tags=[HOT]),
    "tag and type": Criteria.of(tags=[HOT], types=["Rare"]),
    "types": Criteria.of(types=["Type0", "Rare"]),
    "alternatives": Criteria.of(tags=[HOT, RARE]) | Criteria.of(types=["Rare"]) | Criteria.of(tags=["a=b"]),
    "unknown tag": Criteria.of(tags=[HOT, "a=b"]),
}


@pytest.mark.parametrize("category", [None, "rare"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_is_searched_in_an_index_and_sorts_nothing(
    log: SqliteLog, shape: str, category: str | None
) -> None:
    span = Span(0, EVENTS, category)
    steps = await log.database.run(lambda connection: plan(connection, page(connection, SHAPES[shape], span, 100)))
    assert not [step for step in steps if step.startswith("SCAN") and step != "SCAN found"]
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize("tags", [(HOT, RARE), (RARE, HOT)], ids=["hot first", "rare first"])
async def test_a_search_is_driven_by_the_rarest_tag_in_whichever_order_they_are_named(
    log: SqliteLog, tags: Sequence[str]
) -> None:
    criteria = Criteria((Item((), tuple(tags)),))
    (search,) = await log.database.run(lambda connection: searches(connection, criteria, Span(0, EVENTS)))
    assert search.values == (0, EVENTS, RARE, HOT)
    steps = await log.database.run(lambda connection: plan(connection, search))
    assert [step.split(" USING")[0].removesuffix(" EXISTS") for step in steps] == ["SEARCH d", "SEARCH t"]


@pytest.mark.parametrize(
    ("criteria", "category", "driver"),
    [
        (Criteria.of(tags=[HOT], types=["Rare"]), None, "events_by_type"),
        (Criteria.of(tags=[HOT]), "rare", "events_by_category"),
        (Criteria.of(types=["Type0"]), "rare", "events_by_category"),
        (Criteria.of(types=["Rare"]), "order", "events_by_type"),
        (EVERYTHING, "order", "events_by_category"),
    ],
)
async def test_types_and_the_category_drive_a_search_where_they_are_rarer(
    log: SqliteLog, criteria: Criteria, category: str | None, driver: str
) -> None:
    span = Span(0, EVENTS + 1, category)
    (search,) = await log.database.run(lambda connection: searches(connection, criteria, span))
    assert driver in search.sql


@pytest.mark.parametrize("shape", ["hot and rare tag", "tag and type", "unknown tag", "alternatives"])
async def test_a_selective_search_costs_by_what_it_finds_and_not_by_the_log(log: SqliteLog, shape: str) -> None:
    """Counted in steps of SQLite's machine: a scan of the hot tag alone would take ten for each of 20,000 entries."""

    def steps(connection: apsw.Connection) -> int:
        counted = 0

        def count() -> bool:
            nonlocal counted
            counted += 100
            return False

        connection.set_progress_handler(count, 100)
        connection.execute(*page(connection, SHAPES[shape], Span(0, EVENTS + 1), 100)).fetchall()
        newest(connection, SHAPES[shape], Span(0, EVENTS + 1))
        connection.set_progress_handler(None)
        return counted

    assert await log.database.run(steps) < EVENTS


async def test_more_alternatives_than_one_statement_takes_are_merged_in_order(log: SqliteLog) -> None:
    criteria = Criteria(tuple(Item((f"Type{number}",), (HOT,)) for number in range(1500)))
    found = await log.read(criteria=criteria, count_max=50)
    assert [row[0] for row in found.rows] == list(range(1, 51))
