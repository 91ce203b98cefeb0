"""Answers that are kept: as long as their rows are what they were, for as many as ask, and nobody's to spoil."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.co_op import (
    Family,
    FamilyView,
    GetFamily,
    ListMonths,
    PaymentReceived,
    PaymentsByMonth,
    enroll,
    get_family,
    pay,
)
from twofold import App, BehindError, Query, Reader, SetProjection, answers
from twofold.queries import QuestionCount

SEPTEMBER = date(2024, 9, 1)


class Gate:
    """Lets a question go on when a test says so, and counts those that came."""

    def __init__(self) -> None:
        self.came = 0
        self.open = asyncio.Event()
        self.open.set()

    async def pass_through(self) -> None:
        self.came += 1
        await self.open.wait()


class CountNames(Query[int]):
    name: str = "Smith"


class Log(Query[Decimal | None]):
    pass


class Constant(Query[int]):
    pass


TOTALS = SetProjection(
    "totals",
    PaymentReceived,
    schema="create table totals (one integer primary key, paid integer not null)",
    statement="""
        insert into totals (one, paid) select 1, count(*) from events where true
        on conflict (one) do update set paid = totals.paid + excluded.paid
    """,
)


def caching(gate: Gate, store: str, *, background: bool = True, answers_max: int = 100) -> App:
    @answers(cached=True)
    async def list_months(query: ListMonths, read: Reader) -> list[PaymentsByMonth]:
        rows = await read.all(PaymentsByMonth, "order by month")
        await gate.pass_through()
        return rows

    @answers(cached=True)
    async def count_names(query: CountNames, read: Reader) -> int:
        await gate.pass_through()
        return await read.scalar(int, "select count(*) from family_view where family_name = :n", n=query.name) or 0

    @answers(cached=True)
    async def log(query: Log, read: Reader) -> Decimal | None:
        return await read.scalar(Decimal, "select paid from totals")

    @answers(cached=True)
    async def constant(query: Constant, read: Reader) -> int:
        await gate.pass_through()
        return 1

    parts = (Family, FamilyView, PaymentsByMonth, TOTALS, list_months, count_names, log, constant, get_family)
    return App(*parts, store=store, background=background, answers_max=answers_max)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/coop.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def app(store: str, gate: Gate) -> AsyncIterator[App]:
    async with caching(gate, store) as app:
        yield app


def count(app: App, name: str) -> tuple[int, int, int]:
    found = app.questions()[name]
    return found.asked, found.hits, found.misses


async def test_an_answer_is_computed_once_until_rows_of_its_tables_change(app: App) -> None:
    receipt = await app.send(pay("f-1", "1"))
    for _ in range(3):
        assert await app.ask(ListMonths(), after=receipt) == [PaymentsByMonth(month=SEPTEMBER, collected=Decimal(1))]
    assert await app.ask(ListMonths()) == [PaymentsByMonth(month=SEPTEMBER, collected=Decimal(1))]
    assert count(app, "ListMonths") == (4, 3, 1)

    await app.send(pay("f-1", "2"))
    await app.settle()
    assert await app.ask(ListMonths()) == [PaymentsByMonth(month=SEPTEMBER, collected=Decimal(3))]
    assert count(app, "ListMonths") == (5, 3, 2)


async def test_rows_of_other_tables_may_change(app: App) -> None:
    await app.ask(ListMonths())
    receipt = await app.send(enroll("f-1"))
    assert await app.ask(CountNames(), after=receipt) == 1
    assert await app.ask(ListMonths(), after=receipt) == []
    assert await app.ask(ListMonths(), consistent=True) == []
    assert count(app, "ListMonths") == (3, 2, 1)


async def test_every_value_of_a_query_has_an_answer_of_its_own(app: App) -> None:
    await app.ask(CountNames(), after=await app.send(enroll("f-1")))
    assert [await app.ask(CountNames(name=name)) for name in ("Smith", "Jones", "Smith")] == [1, 0, 1]
    assert count(app, "CountNames") == (4, 2, 2)


async def test_every_caller_may_change_what_was_given_to_him(app: App) -> None:
    await app.send(pay("f-1", "1"))
    await app.settle()
    for _ in range(3):
        months = await app.ask(ListMonths())
        assert months == [PaymentsByMonth(month=SEPTEMBER, collected=Decimal(1))]
        months[0].collected = Decimal(99)
        months.clear()


async def test_tables_of_a_sql_projection_are_told_of_too(app: App) -> None:
    for number in range(1, 4):
        receipt = await app.send(pay("f-1", "1"))
        assert await app.ask(Log(), after=receipt) == number
        assert await app.ask(Log()) == number
    assert count(app, "Log") == (6, 3, 3)


async def test_those_who_ask_the_same_at_the_same_time_share_one_answer(app: App, gate: Gate) -> None:
    gate.open.clear()
    asking = [asyncio.create_task(app.ask(ListMonths())) for _ in range(20)]
    while not gate.came:
        await asyncio.sleep(0)
    asking[0].cancel()
    gate.open.set()
    assert await asyncio.gather(*asking[1:]) == [[]] * 19
    assert (gate.came, count(app, "ListMonths")) == (1, (20, 19, 1))


async def test_an_answer_begun_before_a_change_is_neither_shared_nor_kept_after_it(app: App, gate: Gate) -> None:
    gate.open.clear()
    early = asyncio.create_task(app.ask(ListMonths()))
    while not gate.came:
        await asyncio.sleep(0)
    await app.send(pay("f-1", "1"))
    await app.settle()
    late = asyncio.create_task(app.ask(ListMonths()))
    while gate.came < 2:
        await asyncio.sleep(0)
    gate.open.set()
    now = [PaymentsByMonth(month=SEPTEMBER, collected=Decimal(1))]
    assert (await early, await late, await app.ask(ListMonths())) == ([], now, now)


async def test_an_answer_without_rows_is_not_kept(app: App, gate: Gate) -> None:
    assert [await app.ask(Constant()) for _ in range(3)] == [1, 1, 1]
    assert gate.came == 3


async def test_what_fails_is_not_kept_and_everybody_is_told() -> None:
    async with caching(Gate(), "sqlite://", background=False) as behind:
        receipt = await behind.send(pay("f-1", "1"))
        asked = [behind.ask(ListMonths(), after=receipt, wait_seconds=0) for _ in range(2)]
        late = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in late] == [BehindError, BehindError]
        await behind.settle()
        assert len(await behind.ask(ListMonths(), after=receipt)) == 1


async def test_an_invalid_query_is_refused_however_often(app: App) -> None:
    wrong: object = 7
    for _ in range(2):
        with pytest.raises(Exception, match="CountNames: Expected `str`"):
            await app.ask(CountNames(name=wrong))  # type: ignore[arg-type]


async def test_no_more_are_kept_than_allowed_and_those_in_use_stay(store: str, gate: Gate) -> None:
    async with caching(gate, store, answers_max=3) as app:
        await app.ask(CountNames(name="in use"))
        for number in range(20):
            await app.ask(CountNames(name=str(number)))
            await app.ask(CountNames(name="in use"))
        assert gate.came == 21
        await app.ask(CountNames(name="0"))
        assert gate.came == 22


async def test_nothing_is_kept_where_nothing_may_be(store: str, gate: Gate) -> None:
    async with caching(gate, store, answers_max=0) as app:
        for _ in range(3):
            await app.ask(CountNames())
        assert gate.came == 3


async def test_where_another_process_moves_the_rows_checkpoints_say_whether_an_answer_holds(
    store: str, gate: Gate
) -> None:
    async with caching(Gate(), store) as worker, caching(gate, store, background=False) as app:
        for number in range(1, 4):
            receipt = await worker.send(pay("f-1", "1"))
            await worker.settle()
            for _ in range(3):
                assert await app.ask(ListMonths()) == [PaymentsByMonth(month=SEPTEMBER, collected=Decimal(number))]
            assert len(await app.ask(ListMonths(), after=receipt)) == 1
            assert gate.came == number


async def test_where_two_engines_run_the_slower_one_learns_of_the_other(store: str) -> None:
    async with caching(Gate(), store) as one, caching(Gate(), store) as other:
        for number in range(1, 30):
            receipt = await (one if number % 2 else other).send(pay("f-1", "1"))
            for app in (one, other):
                (month,) = await app.ask(ListMonths(), after=receipt)
                assert month.collected == number


async def test_what_is_not_declared_is_not_kept(app: App) -> None:
    await app.ask(GetFamily(family_id="f-1"))
    await app.ask(GetFamily(family_id="f-1"))
    found = app.questions()["GetFamily"]
    assert (found.asked, found.hits, found.misses) == (2, 0, 0)
    assert isinstance(found, QuestionCount)
    assert found.total_seconds >= found.slowest_seconds > 0
