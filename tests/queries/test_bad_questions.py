"""What is wrong with a question is said alike on both databases; what takes too long is stopped, and counted by its name."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.co_op import PARTS, Family, FamilyView, PaymentsByMonth, enroll
from twofold import App, Query, Reader, answers
from twofold.errors import InvalidInputError, QueryError


class Find(Query[list[FamilyView]]):
    name: str = ""
    cursor: str | None = None


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/coop.db" if request.param == "sqlite" else "sqlite://"


Handler = Callable[[Find, Reader], Awaitable[list[FamilyView]]]

ENDLESS = "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n"


@asynccontextmanager
async def app_of(store: str, handler: Handler, *, query_seconds: float = 30.0) -> AsyncGenerator[App]:
    """Two families, and a question about them."""

    @answers
    async def find(query: Find, read: Reader) -> list[FamilyView]:
        return await handler(query, read)

    async with App(Family, FamilyView, PaymentsByMonth, find, store=store, query_seconds=query_seconds) as app:
        await app.send(enroll("f-1"), command_id="1")
        await app.send(enroll("f-2", "x' or 'a' = 'a"), command_id="2")
        await app.settle()
        yield app
        assert (await app.head()).position == 2


async def asked(store: str, handler: Handler, query: Find, *, query_seconds: float = 30.0) -> list[FamilyView]:
    async with app_of(store, handler, query_seconds=query_seconds) as app:
        return await app.ask(query)


async def test_sql_in_a_parameter_is_only_a_value(store: str) -> None:
    async def by_name(query: Find, read: Reader) -> list[FamilyView]:
        return await read.all(FamilyView, "where family_name = :name", name=query.name)

    async def in_pages(query: Find, read: Reader) -> list[FamilyView]:
        return (await read.page(FamilyView, "where family_name = :name", name=query.name)).rows

    for handler in (by_name, in_pages):
        async with app_of(store, handler) as app:
            for name, found in (("x' or 'a' = 'a", ["f-2"]), ("Smith'; drop table family_view; --", []), (":name", [])):
                assert [row.family_id for row in await app.ask(Find(name=name))] == found


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("where nmae = 'a'", "nmae"),
        ("select nmae as family_id from family_view", "nmae"),
        ("delete from family_view", "refused"),
        ("with gone as (select 1) delete from family_view", "A question cannot write|refused"),
        ("where true; drop table family_view", "More than one statement"),
    ],
)
async def test_a_statement_that_cannot_be_is_a_query_error(store: str, sql: str, message: str) -> None:
    async def wrong(query: Find, read: Reader) -> list[FamilyView]:
        return await read.all(FamilyView, sql)

    with pytest.raises(QueryError, match=message):
        await asked(store, wrong, Find())


async def test_a_cursor_of_nobody_is_invalid_input(store: str) -> None:
    async def page(query: Find, read: Reader) -> list[FamilyView]:
        return (await read.page(FamilyView, size=1, cursor=query.cursor)).rows

    with pytest.raises(InvalidInputError, match="Not a cursor of this question") as refused:
        await asked(store, page, Find(cursor="bm90aGluZw"))
    assert refused.value.what == "cursor"


async def test_a_question_that_never_ends_is_stopped_in_time(store: str) -> None:
    async def endless(query: Find, read: Reader) -> list[FamilyView]:
        await read.scalar(int, ENDLESS)
        return []

    with pytest.raises(QueryError, match=r"took longer than 0\.25 s"):
        await asked(store, endless, Find(), query_seconds=0.25)


class Slow(Query[int]):
    secret: str = ""


class Quick(Query[int]):
    pass


@answers
async def slow(query: Slow, read: Reader) -> int:
    await read.scalar(int, ENDLESS)
    return 1


@answers(cached=True)
async def quick(query: Quick, read: Reader) -> int:
    return await read.scalar(int, "select count(*) from family_view") or 0


@pytest.fixture
async def app(store: str) -> AsyncIterator[App]:
    async with App(*PARTS, slow, quick, store=store, slow_seconds=0.1, query_seconds=0.15) as app:
        yield app


async def test_a_slow_question_is_counted_and_named_but_not_what_it_asked(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="twofold.queries"):
        for _ in range(2):
            with pytest.raises(QueryError):
                await app.ask(Slow(secret="of nobody's concern"))
    count = app.questions()["Slow"]
    assert (count.asked, count.slow) == (2, 2)
    assert 0.1 <= count.slowest_seconds <= count.total_seconds
    assert [record.getMessage().split(" took ")[0] for record in caplog.records] == ["Slow", "Slow"]
    assert "concern" not in caplog.text


async def test_waiting_for_read_models_makes_no_question_slow(store: str, caplog: pytest.LogCaptureFixture) -> None:
    async with App(*PARTS, quick, store=store, background=False, slow_seconds=0.1) as app:
        receipt = await app.send(enroll("f-1"))
        with pytest.raises(Exception, match="family_view is behind"):
            await app.ask(Quick(), after=receipt, wait_seconds=0.2)
        assert app.questions()["Quick"].slow == 0
    assert caplog.records == []
