"""Projections that write with SQL of their own: in the transaction of their checkpoint, stopping alone, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.projections.school import EVENTS, FamilyEnrolled, FamilyView, PaymentReceived, paid
from tests.read_stores import KINDS, append, opened, registry_of
from twofold import SetProjection, Writer, projects
from twofold.errors import BehindError, DefinitionError, StoreRefusedError
from twofold.messages import Event, Recorded
from twofold.projections import Projector, ReadStore, SqlProjection, define, sql_projection
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

REGISTRY = registry_of(*EVENTS)
SCHEMA = """
    create table method_total (method text primary key, payments int not null, largest text not null);
    create index method_total_payments on method_total (payments);
"""


@projects("method_totals", schema=SCHEMA)
async def method_totals(events: Sequence[Recorded[PaymentReceived]], write: Writer) -> None:
    for each in events:
        if each.event.method == "poison":
            raise ValueError("a poisoned payment")
        known = await write.rows("select largest from method_total where method = :method", method=each.event.method)
        largest = max(each.event.amount, *(Decimal(row["largest"]) for row in known), Decimal(0))
        await write.execute(
            "insert into method_total (method, payments, largest) values (:method, 1, :largest)"
            " on conflict (method) do update set payments = method_total.payments + 1, largest = excluded.largest",
            method=each.event.method,
            largest=str(largest),
        )


def collected() -> SqlProjection:
    return sql_projection(
        SetProjection(
            "collected",
            PaymentReceived,
            FamilyEnrolled,
            schema="create table collected (method text primary key, payments int not null, last_position int not null)",
            statement="""
                insert into collected (method, payments, last_position)
                select coalesce(method, name), count(*), max(position) from events group by 1
                on conflict (method) do update set
                    payments = collected.payments + excluded.payments, last_position = excluded.last_position
            """,
        )
    )


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


def engine(log: MemoryLog, reads: ReadStore, *projections: SqlProjection, page_max: int = 3) -> Engine:
    return Engine(log, REGISTRY, Projector(reads, [define(FamilyView)], projections), page_max=page_max)


async def fill(reads: ReadStore, history: Sequence[tuple[str, Event]], *projections: SqlProjection) -> Engine:
    """Install, and let two engines fight over the pages."""
    log = MemoryLog()
    for stream, event in history:
        await append(log, stream, event)
    await reads.install([define(FamilyView).table], [each.layout for each in projections])
    first, second = engine(log, reads, *projections), engine(log, reads, *projections)
    await asyncio.gather(first.settle(), second.settle(), return_exceptions=True)
    return first


HISTORY: list[tuple[str, Event]] = [
    ("family-1", FamilyEnrolled(name="Ada")),
    *[("family-1", paid(str(number), method="card" if number % 3 else "cash")) for number in range(1, 11)],
]


async def test_a_custom_projection_sees_each_event_once_and_what_it_wrote_before(url: str) -> None:
    async with opened(url) as reads:
        await fill(reads, HISTORY, sql_projection(method_totals))
        found = await reads.query("select method, payments, largest from method_total order by method", {})
    assert [tuple(row) for row in found.rows] == [("card", 7, "10"), ("cash", 3, "9")]


async def test_a_set_projection_is_one_statement_over_each_page(url: str) -> None:
    async with opened(url) as reads:
        await fill(reads, HISTORY, collected())
        found = await reads.query("select method, payments, last_position from collected order by method", {})
    assert [tuple(row) for row in found.rows] == [("Ada", 1, 1), ("card", 7, 11), ("cash", 3, 10)]


async def test_a_statement_over_a_page_sums_exactly(url: str) -> None:
    sums = SetProjection(
        "sums",
        PaymentReceived,
        schema="create table sums (last int primary key, total text not null)",
        statement="insert into sums (last, total) select max(position), cast(sum(amount) as text) from events",
    )
    history: list[tuple[str, Event]] = [("family-1", paid(amount)) for amount in ("0.10", "0.20", "9007199254740993")]
    async with opened(url) as reads:
        await fill(reads, history, sql_projection(sums))
        found = await reads.query("select total from sums", {})
    assert sum(Decimal(total) for (total,) in found.rows) == Decimal("9007199254740993.30")


async def test_one_that_raises_stops_alone_before_its_page_and_undoes_what_it_wrote_of_it(url: str) -> None:
    history = [*HISTORY, ("family-1", paid("99")), ("family-1", paid("1", method="poison"))]
    async with opened(url) as reads:
        first = await fill(reads, history, sql_projection(method_totals), collected())
        found = await reads.query("select max(payments) from method_total", {})
        others = await reads.checkpoints(["collected", "family_view", "method_totals"])
        with pytest.raises(BehindError, match="a poisoned payment"):
            await first.settle()
    assert others["collected"].position == others["family_view"].position == len(history)
    assert others["method_totals"].position < len(history)
    assert found.rows[0][0] <= 8


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("insert into nowhere values (1)", "nowhere"),
        ("select 1 from events where nobody = 1", "nobody"),
        ("insert into one (id) select 1 from events where 1 = 1", "(?i)unique"),
    ],
)
async def test_a_statement_that_the_database_refuses_stops_its_projection(
    url: str, statement: str, reason: str
) -> None:
    broken = sql_projection(
        SetProjection("one", PaymentReceived, schema="create table one (id int primary key)", statement=statement)
    )
    async with opened(url) as reads:
        first = await fill(reads, HISTORY, broken)
        with pytest.raises(BehindError, match=reason):
            await first.settle()


async def test_a_projection_cannot_end_the_transaction(url: str) -> None:
    @projects("rude", schema="create table rude (id int)")
    async def rude(events: Sequence[Recorded[PaymentReceived]], write: Writer) -> None:
        await write.execute("commit")

    async with opened(url) as reads:
        first = await fill(reads, HISTORY, sql_projection(rude))
        with pytest.raises(BehindError, match="The transaction is not a projection's to end"):
            await first.settle()


async def test_a_changed_definition_is_refused_and_a_dropped_table_is_filled_again(url: str) -> None:
    async with opened(url) as reads:
        await fill(reads, HISTORY, collected())
        changed = sql_projection(
            SetProjection("collected", PaymentReceived, schema="create table collected (id int)", statement="select 1")
        )
        with pytest.raises(StoreRefusedError, match="A rebuild is needed: twofold projections rebuild collected"):
            await reads.install([], [changed.layout])
        again = SqlProjection("collected", collected().layout, collected().event_types, collected().apply)
        await reads.install([], [again.layout])


def no_table() -> object:
    return SetProjection("idle", PaymentReceived, schema="create index i on t (a)", statement="select 1")


def no_event() -> object:
    return SetProjection("idle", schema="create table t (a int)", statement="select 1")


def hiding() -> object:
    class Odd(Event):
        position: int

    return SetProjection("idle", Odd, schema="create table t (a int)", statement="select 1")


def disagreeing() -> object:
    class Odd(Event):
        amount: str

    return SetProjection("idle", Odd, PaymentReceived, schema="create table t (a int)", statement="select 1")


def not_async() -> object:
    @projects("idle", schema="create table t (a int)")  # type: ignore[type-var]  # the mistake that is tested
    def idle(events: Sequence[Recorded[PaymentReceived]], write: Writer) -> None: ...

    return idle


def not_recorded() -> object:
    @projects("idle", schema="create table t (a int)")  # type: ignore[type-var]  # the mistake that is tested
    async def idle(events: Sequence[PaymentReceived], write: Writer) -> None: ...

    return idle


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_table, "The projection idle makes no table"),
        (no_event, "The projection idle folds no event"),
        (hiding, "Odd.position would hide the column position of every event"),
        (disagreeing, "In the projection idle the column amount would be text and decimal"),
        (
            not_async,
            r"idle is no projection .*async def idle\(events: Sequence\[Recorded\[SomeEvent\]\], write: Writer\)",
        ),
        (not_recorded, "idle is no projection"),
    ],
)
def test_a_mistake_is_found_when_it_is_defined(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        sql_projection(make())
