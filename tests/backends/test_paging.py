"""Pages of a question: each row once and in order, whatever the order, the size and what happens between two pages."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from tests.read_stores import asking, opened
from twofold.errors import InvalidInputError, QueryError
from twofold.messages import Indexed, Key
from twofold.projections import Advance, Changes, ReadModel, ReadStore, table_of
from twofold.queries import Page, Reader
from twofold.subscriptions import Checkpoint

pytestmark = asking


class Tier(Enum):
    LOW = "low"
    HIGH = "high"


class Member(ReadModel):
    house: Key[str]
    number: Key[int]
    score: Decimal = Decimal(0)
    tier: Tier = Tier.LOW
    since: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    away: timedelta = timedelta(0)
    badge: UUID = UUID(int=7)
    paid: Indexed[Decimal | None] = None
    born: date | None = None
    order: str | None = None
    names: list[str] = []


MEMBER = table_of(Member)
ROWS = [
    Member(
        house="hé" if number % 2 else "b",
        number=number,
        score=Decimal(number % 3) / 10,
        tier=Tier.HIGH if number % 4 == 0 else Tier.LOW,
        since=datetime(2024, 1, 1, microsecond=number % 5, tzinfo=UTC),
        away=timedelta(microseconds=-(number % 3)),
        badge=UUID(int=number % 4),
        paid=None if number % 3 == 0 else Decimal(f"{number % 2}.{'0' * (number % 4)}5"),
        born=None if number % 5 == 0 else date(2000, 1, 1 + number % 3),
        order=None if number % 4 == 3 else "xyZ"[number % 3],
    )
    for number in range(13)
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def read(shared_reads: ReadStore) -> Reader:
    await save(shared_reads, 0, ROWS)
    return reader(shared_reads)


def reader(reads: ReadStore) -> Reader:
    return Reader(reads, {Member: MEMBER})


async def save(reads: ReadStore, after: int, rows: list[Member], *removed: Any) -> None:
    await reads.install([MEMBER])
    ends = Checkpoint(after, "log", 1), Checkpoint(after + 1, "log", 1)
    assert await reads.save([Advance("member", *ends, [Changes(MEMBER, rows, removed)])]) == [True]


async def walked(read: Reader, sql: str, order_by: str, size: int, type: Any = Member, **params: Any) -> list[Any]:
    """Every row, page by page to the end, and each page the same again on the way back."""
    pages: list[Page[Any]] = [await read.page(type, sql, order_by=order_by, size=size, **params)]
    while (cursor := pages[-1].next) is not None:
        pages.append(await read.page(type, sql, order_by=order_by, size=size, cursor=cursor, **params))
    for page, before in zip(pages[:0:-1], pages[-2::-1], strict=True):
        back = await read.page(type, sql, order_by=order_by, size=size, cursor=page.previous, **params)
        assert back.rows == before.rows
    assert [page.previous is None for page in pages] == [True] + [False] * (len(pages) - 1)
    return [row for page in pages for row in page.rows]


def in_order(*columns: str) -> list[Member]:
    """What Python makes of an order: NULL last, or first where that is said; then the key."""
    rows = sorted(ROWS, key=lambda row: (row.house.encode(), row.number))
    for column in reversed(columns):
        name, *words = column.split()
        first = "first" in words

        def place(row: Member, name: str = name) -> Any:
            value = getattr(row, name)
            return value.value if isinstance(value, Enum) else value

        nulls = [row for row in rows if place(row) is None]
        others = sorted((row for row in rows if place(row) is not None), key=place, reverse="desc" in words)
        rows = nulls + others if first else others + nulls
    return rows


ORDERS = [
    (),
    ("score desc",),
    ("tier",),
    ("since desc", "away"),
    ("badge", "score desc"),
    ("paid",),
    ("paid desc",),
    ("paid nulls first", "born desc"),
    ("born desc nulls first", "paid"),
    ("order desc", "paid nulls first"),
]


@pytest.mark.parametrize("columns", ORDERS, ids=", ".join)
async def test_every_row_comes_once_in_order_forwards_and_back(read: Reader, columns: tuple[str, ...]) -> None:
    for size in (1, 4, 13, 20):
        assert await walked(read, "", ", ".join(columns), size) == in_order(*columns)


async def test_a_condition_of_its_own_stays_whole(read: Reader) -> None:
    wanted = [row for row in in_order("paid desc") if row.number < 3 or row.number > 9]
    tail = 'where number < :low or "number" > :high -- either side'
    assert await walked(read, tail, "paid desc", 2, low=3, high=9) == wanted


class House(msgspec.Struct):
    house: str
    order: str | None
    members: int
    total: Decimal
    newest: datetime


async def test_a_report_is_paged_by_the_columns_that_it_puts_out(read: Reader) -> None:
    sql = """
        select house, "order", count(*) as members, decimal_sum(score) as total, max(since) as newest
        from member where number > :after group by house, "order"; """
    everything = await read.all(House, sql, after=1)
    assert len(everything) == 6
    for order_by in ("total desc, house, order", "order, total, house", "newest, house desc, order nulls first"):
        rows = await walked(read, sql, order_by, 3, House, after=1)
        assert sorted(map(str, rows)) == sorted(map(str, everything))
    found = await walked(read, sql, "total desc, order nulls first, house", 2, House, after=1)
    assert found == sorted(everything, key=lambda row: (-row.total, row.order is not None, row.order, row.house))


async def test_a_whole_statement_about_a_read_model_is_ordered_by_its_key_too(read: Reader) -> None:
    sql = "select * from member where number > 1"
    assert await walked(read, sql, "tier", 3) == [row for row in in_order("tier") if row.number > 1]


@pytest.mark.asyncio(loop_scope="function")
async def test_rows_that_come_and_go_move_no_others(reads: ReadStore) -> None:
    await save(reads, 0, ROWS)
    read = reader(reads)
    first = await read.page(Member, order_by="number", size=4)
    await save(reads, 1, [Member(house="a", number=-1)], ("b", 2), ("hé", 3))
    second = await read.page(Member, order_by="number", size=4, cursor=first.next)
    assert [row.number for row in second.rows] == [4, 5, 6, 7]
    back = await read.page(Member, order_by="number", size=4, cursor=second.previous)
    assert ([row.number for row in back.rows], back.previous) == ([-1, 0, 1], None)


async def test_the_size_may_change_from_page_to_page(read: Reader) -> None:
    first = await read.page(Member, order_by="number", size=2)
    second = await read.page(Member, order_by="number", size=3, cursor=first.next)
    assert [row.number for row in second.rows] == [2, 3, 4]


async def test_no_rows_are_an_empty_page(read: Reader) -> None:
    assert await read.page(Member, "where number > 99") == Page([])


async def test_an_order_that_does_not_tell_rows_apart_is_refused_before_one_is_lost(read: Reader) -> None:
    with pytest.raises(QueryError, match="Two rows stand at one place"):
        await read.page(str, "select house from member", order_by="house", size=2)


@pytest.mark.parametrize(
    ("tail", "order_by", "message"),
    [
        ("", "height", "no column height in member"),
        ("", "score; drop table member", "Not an order"),
        ("", "score + 1", "Not an order"),
        ("", "names", "no order over names"),
        ("where true order by house", "", "order does not go with a page"),
        ("where true limit 3", "", "limit does not go with a page"),
        ("where hieght > 1", "", "hieght"),
    ],
)
async def test_what_cannot_be_paged_is_refused(read: Reader, tail: str, order_by: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        await read.page(Member, tail, order_by=order_by, size=2)


@pytest.mark.parametrize("size", [0, -1, 10_001])
async def test_a_size_out_of_bounds_is_refused(read: Reader, size: int) -> None:
    with pytest.raises(InvalidInputError, match="No size of a page"):
        await read.page(Member, size=size)


async def refused(read: Reader, cursor: str, tail: str = "where number > :low", order_by: str = "score", low: int = 0) -> None:  # fmt: skip
    with pytest.raises(InvalidInputError, match="Not a cursor of this question") as error:
        await read.page(Member, tail, order_by=order_by, size=2, cursor=cursor, low=low)
    assert error.value.what == "cursor"


async def test_a_cursor_is_good_for_its_own_question_only(read: Reader) -> None:
    cursor = (await read.page(Member, "where number > :low", order_by="score", size=2, low=0)).next
    assert cursor is not None
    await refused(read, cursor, low=1)
    await refused(read, cursor, order_by="score desc")
    await refused(read, cursor, tail="where number >= :low")


async def test_a_cursor_that_was_changed_is_refused(read: Reader) -> None:
    cursor = (await read.page(Member, "where number > :low", order_by="score", size=2, low=0)).next
    assert cursor is not None
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for index in range(len(raw)):
        changed = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]
        await refused(read, base64.urlsafe_b64encode(changed).decode().rstrip("="))


@pytest.mark.parametrize("cursor", ["", "x", "%", "cursor", "é", "A" * 5000, "null"])
async def test_garbage_is_no_cursor(read: Reader, cursor: str) -> None:
    await refused(read, cursor)


async def test_every_process_takes_the_cursors_of_the_others(tmp_path: Path, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path}/shop.db", postgres_url):
        async with opened(url) as here, opened(url) as there:
            await save(here, 0, ROWS)
            cursor = (await reader(here).page(Member, size=12)).next
            assert len((await reader(there).page(Member, size=12, cursor=cursor)).rows) == 1


async def test_another_read_database_does_not_take_them(tmp_path: Path, read: Reader) -> None:
    async with opened(f"sqlite:///{tmp_path}/other.db") as other:
        await save(other, 0, ROWS)
        cursor = (await reader(other).page(Member, "where number > :low", order_by="score", size=2, low=0)).next
        assert cursor is not None
        await refused(read, cursor)
