"""Whether what SQL has written is right: the log is taken again where nobody sees it, and every row compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.projections.meddling import Meddling
from tests.projections.school import EVENTS, FamilyEnrolled, PaymentReceived, paid
from tests.read_stores import KINDS, append, opened, registry_of, url_of
from twofold import SetProjection, Writer, projects
from twofold.errors import InvalidInputError, NotFoundError, StoreRefusedError
from twofold.messages import Recorded
from twofold.projections import (
    Difference,
    Projector,
    ReadStore,
    SqlProjection,
    Unsure,
    Verification,
    Verifier,
    groups_of,
    sql_projection,
)
from twofold.projections.generations import Generation
from twofold.projections.port import Advance
from twofold.projections.twin import Line
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

REGISTRY = registry_of(*EVENTS)

STATEMENT = """
    insert into collected (method, payments) select method, count(*) from events group by method
    on conflict (method) do update set payments = collected.payments + excluded.payments
"""


def collected(
    statement: str = STATEMENT, columns: str = "method text primary key, payments int not null"
) -> SqlProjection:
    schema = f"create table collected ({columns})"
    return sql_projection(SetProjection("collected", PaymentReceived, schema=schema, statement=statement))


class House:
    """A log and a read store with what one projection has made of it."""

    def __init__(self, reads: ReadStore, projection: SqlProjection) -> None:
        self.reads, self.projection, self.log = reads, projection, MemoryLog()
        self.at = projection.name

    async def pay(self, *methods: str, page_max: int = 3) -> House:
        for number, method in enumerate(methods):
            await append(self.log, f"family-{number}", paid(str(number), method=method))
        await Engine(self.log, REGISTRY, Projector(self.reads, [], [self.projection]), page_max=page_max).settle()
        return self

    async def write(self, sql: str) -> None:
        """What somebody does to the tables by hand."""
        here = (await self.reads.checkpoints([self.at]))[self.at]

        async def work(write: Writer) -> None:
            await write.execute(sql)

        assert await self.reads.save([Advance(self.at, here, here, work=work)]) == [True]

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.log, REGISTRY, self.reads, groups_of([], [self.projection]))

    async def verify(self) -> Verification:
        return await self.verifier.verify(self.projection.name)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def reads(url: str) -> AsyncGenerator[ReadStore]:
    async with opened(url) as store:
        yield store


async def house(reads: ReadStore, projection: SqlProjection, *methods: str) -> House:
    await reads.install([], [projection.layout])
    return await House(reads, projection).pay(*methods)


def literal(reads: ReadStore, text: str) -> str:
    """A text as the database writes it."""
    return text if "Postgres" in type(reads).__name__ else f"'{text}'"


def right(position: int, keys: int, name: str = "collected") -> Verification:
    """What is found where nothing differs."""
    return Verification(name, position, keys, differences=[], unsure=[])


METHODS = ["card", "cash", "card", "check", "card", "cash", "card", "card"]


async def test_what_the_log_makes_of_it_is_right(reads: ReadStore) -> None:
    found = await (await house(reads, collected(), *METHODS)).verify()
    assert found == right(8, 3)
    assert found.is_right


async def test_what_was_changed_by_hand_is_told_row_by_row(reads: ReadStore) -> None:
    changed = await house(reads, collected(), *METHODS)
    await changed.write("update collected set payments = 7 where method = 'card'")
    await changed.write("delete from collected where method = 'cash'")
    await changed.write("insert into collected (method, payments) values ('gold', 1)")
    found = await changed.verify()
    card, cash, gold = (literal(reads, each) for each in ("card", "cash", "gold"))
    assert found.differences == [
        Difference(card, "different", {"payments": ("7", "5")}, "collected"),
        Difference(cash, "missing", table="collected"),
        Difference(gold, "too many", table="collected"),
    ]
    assert (found.keys, found.different, found.is_right) == (4, 3, False)


async def test_verifying_leaves_everything_as_it_is(reads: ReadStore) -> None:
    changed = await house(reads, collected(), *METHODS)
    await changed.write("update collected set payments = 7 where method = 'card'")
    before = await reads.query("select * from collected order by method", {}), await reads.checkpoints(["collected"])
    assert (await changed.verify()).different == 1
    assert before == (
        await reads.query("select * from collected order by method", {}),
        await reads.checkpoints(["collected"]),
    )


async def test_sql_that_depends_on_pages_is_not_deterministic(reads: ReadStore) -> None:
    by_page = f"{STATEMENT.rpartition('excluded')[0]} 1"  # One for each page, however many payments it has.
    found = await (await house(reads, collected(by_page), *METHODS)).verify()
    assert found.unsure == [Unsure(literal(reads, "card"), ["payments"], "collected")]
    assert (found.keys, found.is_right) == (2, False)


async def test_many_rows_are_compared_in_one_order(reads: ReadStore) -> None:
    methods = [f"m-{number % 1203}" for number in range(1500)] + ["é", "z", "Z", "\U0001f600", "m 1", "m"]
    many = await (await house(reads, collected())).pay(*methods, page_max=500)
    assert await many.verify() == right(1506, 1209)


KEYLESS = "insert into collected (method, payments) select method, cast(amount as int) / 4 from events"


async def test_rows_without_a_key_are_counted(reads: ReadStore) -> None:
    columns = "method text, payments int, other text"
    counted = await house(reads, collected(KEYLESS, columns), "a", "a", "a", "a", "a", "b")
    assert (await counted.verify()) == right(6, 6)
    await counted.write("insert into collected (method, payments) values ('a', 0)")
    found = await counted.verify()
    assert [(each.kind, each.columns) for each in found.differences] == [("too many", {})]
    assert (found.keys, found.different) == (7, 1)


@projects(
    "two_tables",
    schema="create table seen (position int primary key); create table Named (name text, n int, primary key (n, name))",
)
async def two_tables(events: Sequence[Recorded[PaymentReceived] | Recorded[FamilyEnrolled]], write: Writer) -> None:
    for each in events:
        await write.execute("insert into seen (position) values (:position)", position=each.position)
        await write.execute("insert into named (name, n) values (:name, :n)", name=each.stream, n=each.version)


async def test_each_of_several_tables_is_compared_by_its_own_key(reads: ReadStore) -> None:
    two = await house(reads, sql_projection(two_tables), "card", "cash")
    assert (await two.verify()) == right(2, 4, "two_tables")
    await two.write("delete from named where name = 'family-1'")
    await two.write("update seen set position = 9 where position = 2")
    found = await two.verify()
    assert [(each.table, each.key, each.kind) for each in found.differences] == [
        ("seen", "2", "missing"),
        ("seen", "9", "too many"),
        ("named", ("1", literal(reads, "family-1")), "missing"),
    ]


async def test_null_is_not_an_empty_text(reads: ReadStore) -> None:
    told = await house(reads, collected(KEYLESS, "method text primary key, payments int, other text"), "card")
    await told.write("update collected set other = ''")
    (difference,) = (await told.verify()).differences
    assert list(difference.columns) == ["other"]
    assert difference.columns["other"][0] != difference.columns["other"][1]


async def test_what_a_page_cannot_take_is_told(reads: ReadStore) -> None:
    lax = await house(reads, collected(), "card", "cash")
    lax.projection = collected("insert into collected (method, payments) select method, null from events")
    found = await lax.verify()
    (failing,) = found.failing
    assert (failing.read_model, failing.position, failing.event_type) == ("collected", 1, "PaymentReceived")
    assert not found.is_right


async def test_statements_cannot_write_what_is_kept(url: str, reads: ReadStore) -> None:
    rogue = await house(reads, collected(), "card")
    await rogue.write("create table others (n int)")
    rogue.projection = collected("insert into others (n) select count(*) from events")
    failing = (await rogue.verify()).failing
    in_a_copy = url == "sqlite://"  # What is in memory is copied, and the copy may be written.
    assert ["read" in each.reason for each in failing] == ([] if in_a_copy else [True])
    assert (await reads.query("select n from others", {})).rows == []


async def test_statements_may_read_what_else_there_is(reads: ReadStore) -> None:
    priced = await house(reads, collected(), "card")
    await priced.write("create table prices (method text primary key, price int)")
    await priced.write("insert into prices (method, price) values ('card', 3)")
    statement = "insert into collected (method, payments) select e.method, p.price from events e join prices p on p.method = e.method"
    priced.projection = collected(statement)
    assert (await priced.verify()).differences == [
        Difference(literal(reads, "card"), "different", {"payments": ("1", "3")}, "collected")
    ]


async def test_events_that_come_meanwhile_are_not_compared(reads: ReadStore) -> None:
    late = await house(reads, collected(), "card", "cash")
    await append(late.log, "family-9", paid("1", method="gold"))
    assert await late.verify() == right(2, 2)


async def test_what_is_not_filled_yet_is_right(reads: ReadStore) -> None:
    await reads.install([], [collected().layout])
    assert await House(reads, collected()).verify() == right(0, 0)


async def test_another_log_is_refused(reads: ReadStore) -> None:
    moved = await house(reads, collected(), "card")
    moved.log = MemoryLog()
    await append(moved.log, "family-1", paid("1", method="card"))
    with pytest.raises(StoreRefusedError):
        await moved.verify()


async def test_rows_that_other_code_makes_meanwhile_do_not_look_like_differences(reads: ReadStore) -> None:
    deployed = await house(reads, collected(), "card")
    await deployed.write("delete from collected")  # As other code might have it.

    async def deploy() -> None:
        assert await reads.enter(Generation("collected", 2, "other code", "active", ("collected",)))

    meddling: Any = Meddling(reads, "checkpoints", deploy)
    with pytest.raises(StoreRefusedError, match="which other code has made"):
        await Verifier(deployed.log, REGISTRY, meddling, groups_of([], [deployed.projection])).verify("collected")


async def test_a_verification_that_is_cancelled_can_be_made_again(reads: ReadStore) -> None:
    stopped = await house(reads, collected(), *METHODS)

    def stop(share: float) -> None:
        running.cancel()

    running = asyncio.create_task(stopped.verifier.verify("collected", tell=stop))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await stopped.verify()).is_right


async def test_a_sample_and_mending_are_refused_with_what_can_be_done(reads: ReadStore) -> None:
    whole = await house(reads, collected(), "card")
    with pytest.raises(InvalidInputError, match="compared as a whole"):
        await whole.verifier.verify("collected", sample=1)
    with pytest.raises(InvalidInputError, match="projections rebuild collected"):
        await whole.verifier.verify("collected", heal=True)
    with pytest.raises(NotFoundError, match="collected"):
        await whole.verifier.verify("colected")


async def lines(found: AsyncGenerator[Sequence[Line]]) -> list[Line]:
    return [line async for some in found for line in some]


async def test_while_it_is_still_nothing_is_seen_of_what_others_write(reads: ReadStore) -> None:
    written = await house(reads, collected(), "card", "cash")
    async with reads.twin(collected().layout) as twin:
        shape = await twin.shape("collected")
        async with twin.still("collected") as before:
            await written.write("delete from collected")
            await written.pay("gold")
            assert before["collected"].position == 2
            kept = await lines(twin.kept("collected", shape))
            assert [line[0] for line in kept] == [literal(reads, "card"), literal(reads, "cash")]
        async with twin.still("collected") as after:
            assert after["collected"].position == 3
            assert len(await lines(twin.kept("collected", shape))) == 1


async def test_a_page_that_fails_leaves_nothing_in_a_twin(reads: ReadStore) -> None:
    await reads.install([], [collected().layout])

    async def halves(write: Writer) -> None:
        await write.execute("insert into collected (method, payments) values ('card', 1)")
        raise KeyError("half way")

    async with reads.twin(collected().layout) as twin:
        with pytest.raises(KeyError):
            await twin.write(halves)
        assert await lines(twin.lines("collected", await twin.shape("collected"))) == []


async def test_two_twins_know_nothing_of_each_other(reads: ReadStore) -> None:
    await reads.install([], [collected().layout])

    async def one(write: Writer) -> None:
        await write.execute("insert into collected (method, payments) values ('card', 1)")

    async with reads.twin(collected().layout) as left, reads.twin(collected().layout) as right:
        await left.write(one)
        shape = await right.shape("collected")
        assert await lines(right.lines("collected", shape)) == []
        assert len(await lines(left.lines("collected", shape))) == 1


async def test_a_pooler_of_transactions_is_refused(postgres_url: str) -> None:
    async with opened(f"{postgres_url}&pooler=transaction") as reads:
        await reads.install([], [collected().layout])
        with pytest.raises(StoreRefusedError, match="cannot be verified through a pooler"):
            await House(reads, collected()).verify()
