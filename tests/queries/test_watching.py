"""Live queries: the answer, and then each other one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from tests.co_op import GetFamily, ListMonths, PaymentsByMonth, co_op, enroll, pay
from twofold import Query
from twofold.errors import StoreRefusedError, UnknownMessageError
from twofold.sync import sync


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/coop.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def total(months: list[PaymentsByMonth]) -> Decimal:
    return sum((month.collected for month in months), Decimal(0))


async def until(answers: AsyncGenerator[list[PaymentsByMonth]], wanted: int) -> list[int]:
    """The totals up to the one that is wanted."""
    totals = []
    async for months in answers:
        totals.append(int(total(months)))
        months.clear()  # What was given away is nobody's but ours.
        if totals[-1] >= wanted:
            break
    return totals


async def test_the_answer_comes_first_and_then_its_changes(store: str) -> None:
    async with co_op(store) as app:
        answers = app.watch(ListMonths())
        assert await anext(answers) == []
        for number in range(1, 4):
            await app.send(pay("f-1", "1"))
            assert total(await anext(answers)) == number
        await answers.aclose()


async def test_an_equal_answer_is_not_repeated(store: str) -> None:
    async with co_op(store) as app:
        answers = app.watch(GetFamily(family_id="f-1"))
        assert await anext(answers) is None
        await app.send(enroll("f-2"))  # The same table, another row.
        await app.settle()
        await app.send(enroll("f-1", "Jones"))
        family = await anext(answers)
        assert family is not None
        assert family.family_name == "Jones"
        await answers.aclose()


async def test_a_burst_ends_with_its_last_answer_and_needs_no_more_of_them_than_changes(store: str) -> None:
    async with co_op(store) as app:
        watching = asyncio.create_task(until(app.watch(ListMonths()), 200))
        await asyncio.gather(*(app.send(pay(f"f-{number}", "1")) for number in range(200)))
        totals = await watching
        assert totals == sorted(set(totals))
        assert totals[-1] == 200
        assert len(totals) < 150


async def test_many_may_watch_the_same(store: str) -> None:
    async with co_op(store) as app:
        watching = [asyncio.create_task(until(app.watch(ListMonths()), 3)) for _ in range(20)]
        for _ in range(3):
            await app.send(pay("f-1", "1"))
        for totals in await asyncio.gather(*watching):
            assert totals == sorted(set(totals))


async def test_it_follows_what_another_process_folds(store: str) -> None:
    async with co_op(store) as worker, co_op(store, background=False) as app:
        answers = app.watch(ListMonths())
        assert await anext(answers) == []
        for number in range(1, 6):
            await worker.send(pay("f-1", "1"))
            assert total(await anext(answers)) == number
        await answers.aclose()


@pytest.mark.parametrize("background", [True, False])
async def test_it_ends_when_the_app_stops(store: str, background: bool) -> None:
    app = co_op(store, background=background)
    await app.start()
    answers = app.watch(ListMonths())
    assert await anext(answers) == []
    waiting = asyncio.create_task(anext(answers, "the end"))
    busy = app.watch(ListMonths())
    await anext(busy)
    await asyncio.sleep(0)
    await app.stop()
    assert await waiting == "the end"
    assert await anext(busy, "the end") == "the end"
    with pytest.raises(StoreRefusedError, match="not started"):
        app.watch(ListMonths())


class Unheard(Query[int]):
    pass


async def test_a_query_that_nobody_answers_cannot_be_watched() -> None:
    async with co_op("sqlite://") as app:
        with pytest.raises(UnknownMessageError):
            await anext(app.watch(Unheard()))


def test_a_script_watches_too(store: str) -> None:
    with sync(co_op(store)) as app:
        seen = []
        for months in app.watch(ListMonths()):
            seen.append(int(total(months)))
            if seen[-1] == 3:
                break
            app.send(pay("f-1", "1"))
        assert seen == [0, 1, 2, 3]


def test_a_script_that_watches_is_let_go_when_the_app_stops() -> None:
    seen: list[object] = []
    with sync(co_op("sqlite://")) as app:
        answers = app.watch(ListMonths())
        next(answers)
        thread = Thread(target=lambda: seen.extend(answers))
        thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert seen == []
