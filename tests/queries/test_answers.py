"""Questions and who answers them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.projections.school import FamilyView, MonthView
from tests.read_stores import opened
from twofold.errors import DefinitionError, QueryError, UnknownMessageError
from twofold.messages import Query
from twofold.projections import Advance, Changes, ReadStore, define
from twofold.queries import Answerer, Desk, Moments, Reader, Sources, TableChanges, answerer, answers
from twofold.store.port import Head
from twofold.subscriptions import Checkpoint
from twofold.testing.memory import MemoryLog
from twofold.work import Work

VIEWS = [define(FamilyView), define(MonthView)]
ADA = FamilyView(family_id="1", name="Ada", total_paid=Decimal("10.50"), children=["Eve"])
BOB = FamilyView(family_id="2", name="Bob", total_paid=Decimal("9.50"))


class Waits:
    """Stands in for the engine: writes down who was waited for."""

    def __init__(self) -> None:
        self.asked: list[tuple[set[str], int, float]] = []

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        self.asked.append((set(names), position, timeout_seconds))

    @property
    def behind(self) -> Collection[str]:
        return ()

    async def catch_up(self, names: Collection[str], *, timeout_seconds: float) -> None:
        raise AssertionError("nothing here is strong")

    def tells(self, names: Collection[str]) -> bool:
        return False


@pytest.fixture
async def reads() -> AsyncGenerator[ReadStore]:
    async with opened("sqlite://") as store:
        await store.install([view.table for view in VIEWS])
        start = Checkpoint(0, "log", 1)
        rows = Changes(VIEWS[0].table, [ADA, BOB])
        await store.save([Advance("family_view", start, Checkpoint(1, "log", 1), [rows])])
        yield store


class Richest(Query[list[FamilyView]]):
    min: Decimal = Decimal(0)


class Total(msgspec.Struct):
    families: int
    paid: Decimal


class GetTotal(Query[Total]):
    pass


@answers
async def richest(query: Richest, read: Reader) -> list[FamilyView]:
    return await read.all(FamilyView, "where total_paid >= :min order by total_paid desc", min=query.min)


@answers
async def total(query: GetTotal, read: Reader) -> Total:
    found = await read.one(Total, "select count(*) as families, decimal_sum(total_paid) as paid from family_view")
    assert found is not None
    return found


MOMENTS = Moments(MemoryLog())
MOMENTS.begin(Head(7, "log", 1))
SEVEN = MOMENTS.token(7)


def asking(reads: ReadStore, waits: Waits, *functions: Callable[..., Any]) -> Desk:
    sources = Sources(reads, VIEWS, [], waits, MOMENTS)
    return Desk(sources, [answerer(function) for function in functions], TableChanges(), work=Work())


async def test_a_read_model_that_the_app_does_not_have_is_named(reads: ReadStore) -> None:
    read = Reader(reads, {MonthView: VIEWS[1].table})
    for asking in (read.all(FamilyView, "where true"), read.page(FamilyView, order_by="name")):
        with pytest.raises(QueryError, match=r"FamilyView is no read model of this app. Add it to App"):
            await asking
    assert await read.all(FamilyView, "select * from family_view where false") == []


async def test_a_query_is_answered_by_its_function_in_typed_rows(reads: ReadStore) -> None:
    desk = asking(reads, Waits(), richest, total)
    assert await desk.ask(Richest()) == [ADA, BOB]
    assert await desk.ask(Richest(min=Decimal(10))) == [ADA]
    assert await desk.ask(GetTotal()) == Total(families=2, paid=Decimal("20.00"))


async def test_an_unknown_query_is_refused_with_those_that_are_known(reads: ReadStore) -> None:
    with pytest.raises(UnknownMessageError, match=r"Unknown query: GetTotal.*Known here: Richest"):
        await asking(reads, Waits(), richest).ask(GetTotal())


async def test_without_after_nobody_is_waited_for(reads: ReadStore) -> None:
    waits = Waits()
    await asking(reads, waits, richest).ask(Richest())
    assert waits.asked == []


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select name from family_view", {"family_view"}),
        ('select name from "family_view"', {"family_view"}),
        ("select a.name from Family_View a join month_view b on true", {"family_view", "month_view"}),
        ("with f as (select * from family_view) select name from f", {"family_view"}),
        ("select 'family_view'", {"family_view", "month_view"}),
    ],
)
async def test_with_after_the_read_models_that_a_statement_names_are_waited_for(
    reads: ReadStore, sql: str, named: set[str]
) -> None:
    @answers
    async def names(query: Richest, read: Reader) -> list[FamilyView]:
        await read.all(str, sql)
        return []

    waits = Waits()
    await asking(reads, waits, names).ask(Richest(), after=SEVEN, wait_seconds=2.0)
    assert waits.asked == [(named, 7, 2.0)]


async def test_a_read_model_asked_by_its_class_is_named(reads: ReadStore) -> None:
    waits = Waits()
    await asking(reads, waits, richest).ask(Richest(), after=SEVEN)
    assert waits.asked == [({"family_view"}, 7, 5.0)]


async def test_a_reader_gives_one_all_or_a_value(reads: ReadStore) -> None:
    read = Reader(reads, {FamilyView: VIEWS[0].table})
    assert await read.all(FamilyView) == [ADA, BOB]
    assert await read.all(FamilyView, "select * from family_view where name = :name", name="Bob") == [BOB]
    assert await read.one(FamilyView, "where family_id = :id", id="1") == ADA
    assert await read.one(FamilyView, "where family_id = :id", id="9") is None
    assert await read.scalar(int, "select count(*) from family_view") == 2
    assert await read.scalar(Decimal, "select decimal_sum(total_paid) from family_view where false") is None
    with pytest.raises(QueryError, match="Asked for one row, found 2"):
        await read.one(FamilyView, "")


def no_query() -> Callable[..., Any]:
    @answers
    async def f(query: int, read: Reader) -> int:
        return 1

    return f


def unannotated() -> Callable[..., Any]:
    @answers
    async def f(query, read):  # type: ignore[no-untyped-def]
        return 1

    return f


def not_async() -> Callable[..., Any]:
    def f(query: GetTotal, read: Reader) -> Total:
        raise NotImplementedError

    return f


def too_few() -> Callable[..., Any]:
    async def f(query: GetTotal) -> Total:
        raise NotImplementedError

    return f


def other_answer() -> Callable[..., Any]:
    @answers
    async def f(query: GetTotal, read: Reader) -> int:
        return 1

    return f


class Vague(Query):  # type: ignore[type-arg]
    pass


def no_answer() -> Callable[..., Any]:
    @answers
    async def f(query: Vague, read: Reader) -> int:
        return 1

    return f


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_query, r"f answers <class 'int'>, which is no Query \(test_answers\.py:\d+\)"),
        (unannotated, r"f does not say which query it takes \(test_answers\.py:\d+\)"),
        (not_async, r"f is not async \(query, read\) \(test_answers\.py:\d+\)"),
        (too_few, r"f is not async \(query, read\)"),
        (other_answer, r"f returns <class 'int'>, but GetTotal promises .*Total'> \(test_answers\.py:\d+, test_ans"),
        (no_answer, r"Vague does not say what it asks for \(test_answers\.py:\d+\)"),
    ],
)
def test_a_mistake_is_named_with_its_place(make: Callable[[], Callable[..., Any]], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        answerer(make())


def test_two_functions_for_one_query_are_refused() -> None:
    async def other(query: GetTotal, read: Reader) -> Total:
        raise NotImplementedError

    store: Any = None
    with pytest.raises(
        DefinitionError, match=r"Two functions answer GetTotal \(test_answers\.py:\d+, test_answers\.py"
    ):
        Desk(
            Sources(store, VIEWS, [], Waits(), MOMENTS),
            [answerer(total), Answerer(GetTotal, other)],
            TableChanges(),
            work=Work(),
        )
