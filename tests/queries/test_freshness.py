"""How new an answer must be, and how new it says it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.co_op import PARTS, FamilyView, GetFamily, ListMonths, PaymentReceived, co_op, enroll, pay
from twofold import Answer, App, BehindError, Key, Query, Reader, ReadModel, answers, evolve, grouped
from twofold.errors import InvalidInputError
from twofold.store.token import Token

ONE = GetFamily(family_id="f-1")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/coop.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def app(store: str) -> AsyncIterator[App]:
    async with co_op(store) as app:
        yield app


@pytest.fixture
async def paused(store: str) -> AsyncIterator[App]:
    """An app whose read models move only when a test says so."""
    async with co_op(store, background=False) as app:
        yield app


def paid(family: FamilyView | None) -> Decimal | int:
    return family.total_paid if family is not None else 0


async def test_consistent_is_as_of_the_head_when_asked(app: App) -> None:
    for number in range(1, 20):
        await app.send(pay("f-1", "1"))
        assert paid(await app.ask(ONE, consistent=True)) == number


async def test_consistent_is_never_older_for_want_of_time(paused: App) -> None:
    assert await paused.ask(ONE, consistent=True, wait_seconds=0) is None
    await paused.send(pay("f-1", "1"))
    await paused.send(pay("f-1", "1"))
    with pytest.raises(BehindError) as late:
        await paused.ask(ONE, consistent=True, wait_seconds=0)
    facts = late.value.read_model, late.value.position, late.value.wanted, late.value.lag
    assert facts == ("family_view", 0, 2, 2)
    assert await paused.ask(ONE) is None
    await paused.settle()
    assert paid(await paused.ask(ONE, consistent=True, wait_seconds=0)) == 2


async def test_an_answer_says_up_to_where_it_is_complete(paused: App) -> None:
    await paused.send(pay("f-1", "1"))
    before = await paused.answer(ONE)
    assert (before.value, before.position) == (None, 0)
    await paused.settle()
    receipt = await paused.send(enroll("f-2"))
    answer = await paused.answer(ONE)
    assert (paid(answer.value), answer.position) == (1, 1)
    await paused.settle()
    assert (await paused.answer(ONE)).position == receipt.position
    assert (await paused.answer(ONE, after=receipt)).token == receipt.token


async def test_the_token_of_an_answer_keeps_the_next_one_from_being_older(store: str, paused: App) -> None:
    await paused.send(pay("f-1", "1"))
    async with co_op(store) as ahead:
        token = (await ahead.answer(ONE, consistent=True)).token
    again = await paused.answer(ONE, after=token)
    assert (paid(again.value), again.position) == (1, 1)
    await paused.send(pay("f-1", "1"))
    with pytest.raises(BehindError):
        await paused.answer(ONE, after=paused._started.moments.token(2), wait_seconds=0)


class CountBoth(Query[int]):
    pass


class CountAll(Query[int]):
    pass


@answers
async def count_all(query: CountAll, read: Reader) -> int:
    found = await read.scalar(int, "select count(*) from family_view, payments_by_month")
    return (found or 0) + (await read.scalar(int, "select count(*) from by_method") or 0) + 1


@answers
async def count_both(query: CountBoth, read: Reader) -> int:
    families = await read.scalar(int, "select count(*) from family_view")
    months = await read.scalar(int, "select count(*) from payments_by_month")
    return (families or 0) + (months or 0)


async def test_an_answer_over_several_tables_is_as_complete_as_the_one_furthest_behind(store: str, app: App) -> None:
    await app.send(pay("f-1", "1"))
    await app.settle()
    async with App(*PARTS, ByMethod, Largest, count_both, count_all, store=store, background=False) as other:
        assert (await other.answer(CountBoth())).position == 1
        assert (await other.answer(ListMonths())).position == 1
        assert await other.answer(CountAll()) == Answer(2, 0, other._started.moments.token(0))


async def test_a_token_from_the_future_is_refused_and_the_head_asked_for_only_then(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await app.send(pay("f-1", "1"))
    asked: list[int] = []
    log: Any = app.log
    head = log.head

    async def counted() -> object:
        asked.append(1)
        return await head()

    monkeypatch.setattr(log, "head", counted)
    for _ in range(3):
        await app.ask(ONE, after=receipt)
        await app.ask(ONE, after=receipt.token)
    assert asked == []
    future = str(Token(receipt.store_id, receipt.epoch, receipt.position + 1))
    for question in (app.ask(ONE, after=future), app.answer(ONE, after=future)):
        with pytest.raises(InvalidInputError, match=r"from the future \(position: 2, the log ends at 1\)") as refused:
            await question
        assert refused.value.what == "after"
    assert len(asked) == 2


async def test_a_token_of_another_store_is_refused(app: App, tmp_path: Path) -> None:
    async with co_op(f"sqlite:///{tmp_path}/other.db") as other:
        receipt = await other.send(pay("f-1", "1"))
    for after in (receipt, receipt.token):
        with pytest.raises(InvalidInputError, match="of another store"):
            await app.ask(ONE, after=after)


async def test_what_another_process_has_appended_is_believed(store: str, app: App) -> None:
    async with co_op(store, background=False) as other:
        for number in range(1, 5):
            token = (await other.send(pay("f-1", "1"))).token
            assert paid(await app.ask(ONE, after=token)) == number


@grouped("money")
class ByMethod(ReadModel):
    amount: Key[Decimal]
    count: int = 0

    @evolve(key=lambda event: event.amount)
    def was_paid(self, event: PaymentReceived) -> None:
        self.count += 1


@grouped("money")
class Largest(ReadModel):
    day: Key[str]
    amount: Decimal = Decimal(0)

    @evolve(key=lambda event: event.date.isoformat())
    def was_paid(self, event: PaymentReceived) -> None:
        self.amount = max(self.amount, event.amount)


class GetLargest(Query[list[Largest]]):
    pass


@answers(cached=True)
async def get_largest(query: GetLargest, read: Reader) -> list[Largest]:
    await read.all(ByMethod)
    return await read.all(Largest)


async def test_read_models_of_a_group_are_waited_for_together(store: str) -> None:
    async with App(*PARTS, ByMethod, Largest, get_largest, store=store) as app:
        for number in range(1, 6):
            receipt = await app.send(pay("f-1", str(number)))
            (row,) = await app.ask(GetLargest(), after=receipt)
            assert row.amount == number
            assert (await app.answer(GetLargest(), after=receipt)).position == receipt.position
